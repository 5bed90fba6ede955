"""Settings reach what they are for, and a state that must not be kept, or must begin anew, is not carried on."""

import math

import pytest
import torch
import yaml
from lightning.pytorch import Callback
from torch import nn

import zoo
from callbacks import BestCheckpoint, LastCheckpoint, Scores
from datamodules import DigitsDataModule
from helpers.models import MARKS, build, every_model
from helpers.runs import digits, fit, small, trainer
from zoo import losses
from zoo.engine.batch import Batch
from zoo.hub.pictures import grid_picture, to_bytes
from zoo.networks.layers import KerasBatchNorm1d, KerasBatchNorm2d

pytestmark = MARKS
VALIDATE = {"val_check_interval": 2, "check_val_every_n_epoch": None, "limit_val_batches": 1}

# -- losses --


@pytest.mark.parametrize(("weight", "eps"), [(10.0, 1e-12), (3.0, 0.5), (0.0, 0.5), (7.0, 4.0)])
def test_the_penalty_has_the_weight_and_the_eps_that_were_asked_for(weight, eps):
    """Where real and fake images are the same, the penalty is all there is, and epsilon does not matter."""
    model = build(zoo.WGANGP, gp_weight=weight, gp_eps=eps).double()
    images = torch.rand(5, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(model.critic(images).sum(), images)
    norms = (gradient.flatten(1).square().sum(1) + eps).sqrt()
    loss = model.critic_loss(Batch(images.detach()), Batch(images.detach()))
    torch.testing.assert_close(loss, weight * (norms - 1).square().mean())
    torch.testing.assert_close(model.observed["gradient_norm"], norms.mean())


@pytest.mark.parametrize("cls", [zoo.WGAN, zoo.WGANGP])
def test_the_logged_wasserstein_estimate_is_real_minus_fake(cls):
    model = build(cls).double()
    real, fake = torch.rand(2, 6, 1, 4, 4, dtype=torch.float64)
    model.critic_loss(Batch(real), Batch(fake))
    gap = (model.critic(real).mean() - model.critic(fake).mean()).detach()
    assert gap.abs() > 1e-3
    torch.testing.assert_close(model.observed["wasserstein"], gap)


@every_model
def test_the_critic_s_loss_is_given_images_without_a_graph(cls, tmp_path):
    graphs = []

    class Asked(cls):
        def critic_loss(self, real, fake):
            graphs.append(fake.images.requires_grad)
            return super().critic_loss(real, fake)

    fit(tmp_path, build(Asked, critic_steps=2), steps=2)
    assert graphs == [False] * 4


def test_means_of_bfloat16_are_taken_in_float32():
    """256 + 1 is 256 in bfloat16."""
    mean = losses.mean(torch.tensor([256.0, 1.0], dtype=torch.bfloat16))
    assert mean.dtype == torch.float32
    assert mean.item() == 128.5
    assert losses.mean(torch.zeros(2, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize(("norm", "shape"), [(KerasBatchNorm1d, (6, 3)), (KerasBatchNorm2d, (6, 3, 2, 2))])
def test_keras_batch_norm_keeps_four_fifths_of_its_statistics(norm, shape):
    layer, inputs = norm(3), torch.randn(shape, dtype=torch.float32) * 2 + 5
    outputs = layer(inputs)
    channels = inputs.movedim(1, 0).flatten(1)
    mean = channels.mean(1)
    torch.testing.assert_close(layer.running_mean, 0.2 * mean)
    torch.testing.assert_close(layer.running_var, 0.8 + 0.2 * channels.var(1))
    expected = (channels - mean[:, None]) / (channels.var(1, correction=0)[:, None] + 1e-3).sqrt()
    torch.testing.assert_close(outputs.movedim(1, 0).flatten(1), expected)


# -- what a run keeps --


class MadeUp(Callback):
    """Logs made-up scores, and counts validations in the checkpoint; spoils the generator at a step."""

    def __init__(self, *scores, spoil=0):
        self.scores, self.spoil, self.validations = iter(scores), spoil, 0

    def state_dict(self):
        """The count."""
        return {"validations": self.validations}

    def on_validation_epoch_end(self, trainer, pl_module):
        """The next score."""
        self.validations += 1
        if trainer.global_step == self.spoil:
            nn.init.constant_(next(pl_module.generator.parameters()), math.nan)
        pl_module.log("val/made_up", next(self.scores))


def kept(folder, name="best"):
    path = folder / "checkpoints" / f"{name}.ckpt"
    return torch.load(path, weights_only=True) if path.exists() else None


@pytest.mark.parametrize(("mode", "step"), [("min", 4), ("max", 6)])
def test_the_best_is_the_least_or_the_greatest_as_asked(mode, step, tmp_path):
    made_up = MadeUp(2.0, 1.0, 3.0, 1.5)
    trainer(tmp_path, BestCheckpoint("val/made_up", mode), made_up, steps=8, **VALIDATE).fit(small(), digits())
    assert kept(tmp_path)["global_step"] == step


def test_no_state_is_the_best_whose_score_is_nan(tmp_path):
    made_up = MadeUp(math.nan, math.nan)
    trainer(tmp_path, BestCheckpoint("val/made_up"), made_up, **VALIDATE).fit(small(), digits())
    assert kept(tmp_path) is None


def test_no_state_is_the_best_whose_weights_are_nan(tmp_path):
    made_up = MadeUp(1.0, spoil=2)
    trainer(tmp_path, BestCheckpoint("val/made_up"), made_up, steps=2, **VALIDATE).fit(small(), digits())
    assert made_up.validations == 1
    assert kept(tmp_path) is None


def test_the_last_checkpoint_knows_of_the_validation_at_its_step(tmp_path):
    trainer(tmp_path, LastCheckpoint(2), MadeUp(1.0, 2.0), **VALIDATE).fit(small(), digits())
    last = kept(tmp_path, "last")
    assert last["global_step"] == 4
    assert last["callbacks"]["MadeUp"] == {"validations": 2}


# -- scores --


def test_a_validation_knows_nothing_of_the_one_before(tmp_path):
    """The second validation of a run has the scores that its weights get from a callback that saw no other."""
    fast = {"name": "adam", "lr": 0.05}
    model, metrics = small(generator_optimizer=fast), ["fid", "sliced_wasserstein", "precision_recall"]
    once = VALIDATE | {"val_check_interval": 4}
    first, again = (Scores(metrics=metrics, scorer="digits") for _ in range(2))
    twice = trainer(tmp_path, first, **VALIDATE)
    twice.fit(model, DigitsDataModule(batch_size=40))
    other = trainer(tmp_path, again, **once).validate(model, DigitsDataModule(batch_size=40), verbose=False)[0]
    names = [name for name in other if name.startswith("val/")]
    assert {"val/fid", "val/sliced_wasserstein"} <= set(names)
    for name in names:
        assert float(twice.callback_metrics[name]) == pytest.approx(other[name], rel=1e-5), name


def test_features_are_cached_for_each_precision_by_itself(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files = []
    for precision in ("32-true", "bf16-true", "32-true"):
        trainer(tmp_path, Scores(num_samples=20), precision=precision, **VALIDATE).validate(
            small(), digits(), verbose=False
        )
        files.append(len(list((tmp_path / "cache").glob("ganzoo/*.answers"))))
    assert files == [1, 2, 2]


# -- pictures, commands --


def test_pixels_out_of_range_are_black_and_white_and_never_wrap():
    values = torch.tensor([-9.0, -1.01, -1.0, 1.0, 1.01, 9.0]).view(6, 1, 1, 1)
    assert to_bytes(values).flatten().tolist() == [0, 0, 0, 255, 255, 255]
    assert grid_picture(torch.full((1, 1, 40, 40), 1.5)).getpixel((20, 20)) == (255, 255, 255)


def test_no_word_lets_pickle_in(run):
    folder = run("fit", "--trainer.max_steps=1", "--weights_only=false")
    assert yaml.safe_load((folder / "config.yaml").read_text())["weights_only"] is True


@pytest.mark.parametrize(("cls", "steps"), [(zoo.GAN, 1), (zoo.WGAN, 5), (zoo.WGANGP, 5)])
def test_the_critic_takes_the_paper_s_steps_unless_told(cls, steps):
    assert build(cls).critic_steps == steps


def test_as_many_generated_images_are_scored_as_real_ones(tmp_path):
    scores = Scores(num_samples=10, metrics=["fid"], scorer="digits")
    trainer(tmp_path, scores, limit_val_batches=1).validate(small(), DigitsDataModule(batch_size=40), verbose=False)
    fid = scores.generated.metrics["fid"]
    assert (fid.real_features_num_samples, fid.fake_features_num_samples) == (10, 10)

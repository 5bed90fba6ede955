"""The guard sees generators and critics that have no diversity, and waits for those that have none yet."""

import logging

import pytest
import torch
from torch import nn

import zoo
from callbacks import BestCheckpoint, Guard, LastCheckpoint, Scores
from callbacks.scoring.guard import GuardError
from datamodules import DigitsDataModule
from helpers.guarded import SMALL, collapsed, train, warnings_of

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


def test_a_collapsed_generator_is_seen_by_its_diversity_and_its_classes(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        train(tmp_path, collapsed(), Scores(scorer="digits"), Guard(grace=0))
    messages = warnings_of(caplog)
    assert any("samples vary" in line for line in messages)
    assert any("classes only, real images of 10" in line for line in messages)
    assert any("recall is" in line for line in messages)
    assert all("step 8" in line for line in messages)  # the second validation, once
    with pytest.raises(GuardError, match=r"the generator has collapsed.*no checkpoint was kept"):
        train(tmp_path, collapsed(), Guard(stop=True, grace=0))
    with pytest.raises(GuardError, match=r"collapsed.*the best checkpoint is .*best\.ckpt"):
        train(tmp_path, collapsed(), Scores(scorer="digits"), BestCheckpoint("val/fid"), Guard(stop=True, grace=0))


@pytest.mark.parametrize(("every", "step"), [(4, 8), (8, 16)])
def test_a_validation_without_scores_is_no_sign_of_health(every, step, tmp_path, caplog):
    """Validations at 4, 8, 12, 16, scored at each or at 8 and 16."""
    with caplog.at_level(logging.WARNING):
        train(
            tmp_path,
            collapsed(),
            Scores(scorer="digits", every_n_steps=every),
            Guard(min_diversity=0, grace=0),
            steps=16,
        )
    assert len(warnings_of(caplog)) == 2  # classes, recall
    assert all(f"step {step}:" in line for line in warnings_of(caplog))


@pytest.mark.parametrize(("grace", "step"), [(0, 8), (4, 8), (6, 12), (10, 16), (3000, None)])
def test_a_generator_has_the_grace_to_find_its_diversity(grace, step, tmp_path, caplog):
    """Validations at 4, 8, 12, 16: the alarm is at the second that counts."""
    with caplog.at_level(logging.WARNING):
        train(tmp_path, collapsed(), Guard(grace=grace), steps=16)
    assert [line.split(":")[1] for line in warnings_of(caplog)] == [f" step {step}"] * (step is not None)


class Losing(nn.Module):
    """A generator that has real digits, each its own, and after one validation only a few of them."""

    def __init__(self, kept):
        super().__init__()
        self.data = DigitsDataModule(batch_size=20)
        self.data.setup()
        self.weight = nn.Parameter(torch.zeros(1))
        self.kept, self.made = kept, 0

    def forward(self, latents):
        """Other images for each batch; in training, any."""
        images = self.data.splits["train"].images / 127.5 - 1
        if not self.training:
            self.made += len(latents)
        images = images if self.made <= len(self.data.splits["val"].images) else images[: self.kept]
        return images[(self.made + torch.arange(len(latents))) % len(images)] + 0 * self.weight


def test_diversity_that_was_there_and_goes_is_seen(tmp_path):
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL)
    model.generator = Losing(kept=1)
    with pytest.raises(GuardError, match=r"step 12: the generator has collapsed"):
        train(tmp_path, model, Scores(scorer="digits"), Guard(stop=True, grace=0), steps=16)


@pytest.mark.parametrize("num_samples", [4, 10_000])
def test_real_images_are_never_called_collapsed(num_samples, tmp_path, caplog):
    """The scorer cannot find more classes among a few samples than among as few real images."""
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL)
    model.generator = Losing(kept=10_000)
    scores = Scores(scorer="digits", num_samples=num_samples)
    with caplog.at_level(logging.WARNING):
        train(tmp_path, model, scores, Guard(min_classes=1.0 if num_samples > 4 else 0.5, min_recall=0, grace=0))
    assert not warnings_of(caplog)
    assert scores.real_classes == 10 if num_samples > 4 else 1 <= scores.real_classes <= 4


@pytest.mark.parametrize("model_class", [zoo.GAN, zoo.WGAN, zoo.WGANGP])
def test_a_critic_whose_units_are_all_dead_is_seen(model_class, tmp_path):
    model = model_class(image_shape=(1, 8, 8), critic_steps=1, **SMALL)
    model.critic = Dead()
    with pytest.raises(GuardError, match="step 8: the critic gives all images the same output"):
        train(tmp_path, model, Guard(stop=True))


class Dead(nn.Module):
    """A critic whose last bias alone still moves."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.ones(()))

    def forward(self, images):
        """The bias, for every image."""
        return 0 * images.flatten(1).sum(dim=1) + self.bias


def test_what_validations_told_outlives_the_process(tmp_path):
    """One validation a run, each resumed from the last: the second of them makes the collapse certain."""
    checkpoint = tmp_path / "checkpoints" / "last.ckpt"
    train(tmp_path, collapsed(), Guard(stop=True, grace=0), LastCheckpoint(), steps=6)
    with pytest.raises(GuardError, match=r"step 8: the generator has collapsed"):
        train(tmp_path, collapsed(), Guard(stop=True, grace=0), LastCheckpoint(), steps=10, ckpt_path=checkpoint)


def test_a_run_that_is_stopped_before_its_first_checkpoint_is_saved(tmp_path):
    with pytest.raises(GuardError, match=r"the last checkpoint is .*last\.ckpt"):
        train(tmp_path, collapsed(), Guard(stop=True, grace=0), LastCheckpoint())
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 8

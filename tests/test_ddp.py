"""Two processes over gloo: they stay one model, share data and latents, and equal one process with both's batches."""

import math
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from torch import nn

import zoo
from callbacks import Guard, Scores
from datamodules import DigitsDataModule
from datamodules.scaling import to_unit_range
from helpers.scorer import KEYS
from zoo import losses
from zoo.networks.critic import SequentialCritic
from zoo.networks.weight_norm import WeightNormLinear
from zoo.scores.evaluation import Evaluation
from zoo.scores.scorers import load_scorer

pytestmark = [
    pytest.mark.ddp,
    pytest.mark.filterwarnings(
        "ignore:.*does not have many workers",
        "ignore:You defined a `validation_step` but have no `val_dataloader`",
    ),
]

STEPS, BATCH = 4, 6


class Normalised(SequentialCritic):
    """Two layers with weight norm."""

    num_features = 8

    def __init__(self, image_shape):
        super().__init__()
        layers = WeightNormLinear(math.prod(image_shape), 8), nn.LeakyReLU(0.2), WeightNormLinear(8, 1, train_g=True)
        self.body = nn.Sequential(nn.Flatten(), *layers)


class FirstBatch(zoo.DeLiGAN):
    """A critic whose first values follow from the first batch of both processes."""

    def build_critic(self):
        """With weight norm."""
        return Normalised(self.image_shape)


MLP = {"generator_options": {"hidden": [8], "norm": "none"}, "critic_options": {"hidden": [8]}, "latent_dim": 3}
FAST = {"name": "adam", "lr": 0.05, "betas": [0.5, 0.9]}
THRESHOLD = MLP | {"critic_optimizer": FAST, "generator_optimizer": FAST}
EXTRAS = [{"name": "r1", "every": 2}, {"name": "r2"}, {"name": "lecam", "start": 1}, {"name": "orthogonal"}]
#: Models without batch statistics.
EQUAL = {
    "GAN": (zoo.GAN, MLP),
    "WGAN": (zoo.WGAN, MLP | {"critic_steps": 2}),
    "WGANGP": (zoo.WGANGP, MLP | {"critic_steps": 2}),
    "DeLiGAN": (zoo.DeLiGAN, MLP),
    "lazy penalty": (zoo.R3GAN, MLP | {"network": "mlp", "penalty_every": 2}),
    "equilibrium": (zoo.BEGAN, MLP | {"network": "mlp", "k_rate": 0.1}),
    "regularised": (zoo.GAN, MLP | {"regularisers": EXTRAS}),
    "classes": (zoo.ACGAN, MLP | {"network": "mlp", "num_classes": 10}),
    "average by images": (zoo.GAN, MLP | {"average": {"name": "images", "half_life": 50}}),
    "first batch": (FirstBatch, MLP | {"network": "mlp"}),
    "toy threshold": (zoo.GAN, THRESHOLD | {"schedule": "deligan_toy"}),
    "MNIST threshold": (zoo.DeLiGAN, THRESHOLD | {"schedule": "deligan_mnist"}),
    "sketches threshold": (zoo.DeLiGAN, THRESHOLD | {"schedule": "deligan_sketches"}),
}
#: As they come, with batch norm in the generator.
AS_THEY_ARE = {"plain": (zoo.WGANGP, {"generator_options": {"hidden": [8]}, "latent_dim": 3, "critic_steps": 2})}


class Note(Callback):
    """Everything that one rank sees in a run."""

    def __init__(self):
        self.latents, self.images, self.moves, self.fakes = [], [], [], []

    def on_fit_start(self, trainer, model):
        """Listens to the prior and to each descent."""
        model.prior.register_forward_hook(lambda prior, args, latents: self.latents.append(latents.z.detach()))
        descend = model.descend

        def noted(player, *args):
            paid = descend(player, *args)
            parameters = trainer.optimizers[player].param_groups[0]["params"]
            self.moves.append(
                (player, [torch.zeros_like(one) if one.grad is None else one.grad.clone() for one in parameters])
            )
            return paid

        model.descend = noted

    def on_train_batch_start(self, trainer, model, batch, batch_idx):
        """Keeps the images."""
        self.images.append(batch[0])

    def on_validation_batch_end(self, trainer, model, outputs, *_):
        """Keeps what was generated."""
        self.fakes.append(outputs)


def train(case, batch, **options):
    """One run in float64; the note of this process."""
    cls, arguments = (EQUAL | AS_THEY_ARE)[case]
    torch.manual_seed(0)  # the same initial weights on every rank, and in every run
    model, note = cls(image_shape=(1, 8, 8), **arguments), Note()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "num_sanity_val_steps": 0}
    quiet |= {"enable_model_summary": False, "log_every_n_steps": 1, "limit_val_batches": 0, "max_steps": STEPS}
    watching = [note, Scores(scorer="digits"), Guard(stop=True)]
    trainer = Trainer(accelerator="cpu", precision="64-true", callbacks=watching, **quiet | options)
    trainer.fit(model, DigitsDataModule(batch_size=batch))
    seen = {key: getattr(note, key) for key in ("latents", "images", "moves", "fakes")}
    seen |= {"weights": dict(model.named_parameters()), "global_step": trainer.global_step}
    seen |= {"schedule": model.schedule.state_dict(), "metrics": dict(trainer.callback_metrics)}
    seen |= {"buffers": dict(model.named_buffers())}
    return seen | {"rank": trainer.global_rank}


def shared(cls, rank, world):
    """The model with one stream of latents for all ranks, of which each takes every world-th.

    Only then do the ranks together see what one process sees.
    """

    class Shared(cls):
        global_rank = 0  # of the key of every draw

        def build_prior(self):
            prior = super().build_prior()
            forward = prior.forward
            prior.forward = lambda n, source=None, labels=None: forward(n * world, source).rows(
                slice(rank, None, world)
            )
            return prior

    return Shared


def share_epsilons(rank, world):
    """The same for the gradient penalty's mixing weights."""
    norms = losses.gradient_norms

    def shared_norms(critic, real, fake, **options):
        epsilon = torch.rand(len(real) * world, *[1] * (real.dim() - 1), dtype=real.dtype)[rank::world]
        return norms(critic, real, fake, epsilon=epsilon, **options)

    losses.gradient_norms = shared_norms


def main(folder):
    """What each of the two processes runs; Lightning starts the second."""
    warnings.filterwarnings("error", message=".*sync_dist")
    both = {"devices": 2, "strategy": "ddp_find_unused_parameters_true"}
    rank, world = int(os.environ.get("LOCAL_RANK", "0")), 2
    for case in AS_THEY_ARE:
        validation = {"limit_val_batches": 1.0, "val_check_interval": STEPS}
        seen = train(case, BATCH, **both, **validation)
        torch.save(seen, Path(folder) / f"{case} {rank}.pt")
    share_epsilons(rank, world)
    for case, (cls, arguments) in list(EQUAL.items()):
        EQUAL[case] = shared(cls, rank, world), arguments
        torch.save(train(case, BATCH, **both), Path(folder) / f"{case} {rank}.pt")


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What both ranks saw: case -> [rank 0's, rank 1's]."""
    folder = tmp_path_factory.mktemp("ddp")
    script = folder / "run.py"
    script.write_text(f"import test_ddp\n\ntest_ddp.main({str(folder)!r})\n")
    here = Path(__file__).parent
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "SLURM"))}
    environment |= {"PYTHONPATH": f"{here}{os.pathsep}{here.parent}", "PL_GLOBAL_SEED": "5", "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("w+") as log:
        run = subprocess.Popen(
            [sys.executable, str(script)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = run.wait(timeout=240)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            code = run.wait()
    assert code == 0, (folder / "log").read_text()[-4000:]
    cases = [*AS_THEY_ARE, *EQUAL]
    return {case: [torch.load(folder / f"{case} {rank}.pt") for rank in (0, 1)] for case in cases}


@pytest.mark.parametrize("case", EQUAL)
def test_two_processes_are_one_with_twice_the_batch(ranks, monkeypatch, case):
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    whole = train(case, 2 * BATCH, devices=1)
    for seen in ranks[case]:
        assert seen["global_step"] == whole["global_step"] == STEPS
        assert [player for player, _ in seen["moves"]] == [player for player, _ in whole["moves"]]
        assert seen["schedule"] == whole["schedule"]
        for (_, ours), (_, theirs) in zip(seen["moves"], whole["moves"], strict=True):
            for one, other in zip(ours, theirs, strict=True):
                assert torch.allclose(one, other, rtol=0, atol=1e-10)
        for name, weight in whole["weights"].items():
            assert torch.allclose(seen["weights"][name], weight, rtol=0, atol=1e-9), name
        assert whole["buffers"].keys() == seen["buffers"].keys()
        for name, buffer in whole["buffers"].items():
            assert torch.allclose(seen["buffers"][name], buffer, rtol=0, atol=1e-9), name
    moved = {player for player, _ in whole["moves"]}
    assert moved == {0, 1}
    images = [torch.stack([seen["images"][step] for seen in ranks[case]], 1).flatten(0, 1) for step in range(STEPS)]
    assert all(torch.equal(*pair) for pair in zip(images, whole["images"], strict=True))


def test_the_ranks_stay_one_model(ranks):
    one, other = ranks["plain"]
    assert (one["rank"], other["rank"]) == (0, 1)
    assert one["global_step"] == other["global_step"] == STEPS
    assert [player for player, _ in one["moves"]] == [0, 0, 1] * STEPS
    for name, weight in one["weights"].items():
        assert torch.equal(weight, other["weights"][name]), name


def test_gradients_of_both_players_are_averaged_in_both_phases(ranks):
    """Data and latents differ, gradients do not."""
    one, other = ranks["plain"]
    for (player, ours), (_, theirs) in zip(one["moves"], other["moves"], strict=True):
        assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True)), player
        assert any(gradient.abs().max() > 0 for gradient in ours)


def test_ranks_draw_different_latents_and_train_on_different_images(ranks):
    one, other = ranks["plain"]
    training = 3 * STEPS
    for ours, theirs in zip(one["latents"][:training], other["latents"][:training], strict=True):
        assert len(ours) == len(theirs) == BATCH
        assert not torch.equal(ours, theirs)
    assert (
        len(torch.cat([*one["latents"][:training], *other["latents"][:training]]).unique(dim=0)) == 2 * training * BATCH
    )
    images = torch.cat([*one["images"], *other["images"]])
    assert len(images) == 2 * STEPS * 2 * BATCH
    assert len(images.unique(dim=0)) == len(images)


def test_validation_covers_the_split_once_and_scores_are_the_same_on_both(ranks):
    one, other = ranks["plain"]
    assert sum(len(fake) for seen in (one, other) for fake in seen["fakes"]) == 180
    assert one["metrics"].keys() == other["metrics"].keys() >= {"val/critic_gap", "train/critic_loss"}
    assert one["metrics"]["val/critic_gap"] == other["metrics"]["val/critic_gap"]
    data, evaluation = DigitsDataModule(), Evaluation(load_scorer("digits"))
    data.setup()
    evaluation.update_real(to_unit_range(data.splits["val"].images))
    evaluation.update_fake(torch.cat([*one["fakes"], *other["fakes"]]))
    assert len(torch.cat([*one["fakes"], *other["fakes"]]).flatten(1).unique(dim=0)) == 180, "no sample twice"
    whole = evaluation.compute()  # of both ranks' samples in one process
    for name in KEYS:
        assert one["metrics"][f"val/{name}"] == other["metrics"][f"val/{name}"], name
        assert float(one["metrics"][f"val/{name}"]) == pytest.approx(whole[name], rel=1e-4, abs=1e-5), name


def test_batch_norm_s_statistics_are_the_same_on_every_rank(ranks):
    """The mean of what the ranks saw; one of them is saved, and a resumed run gives it to all."""
    first, second = ranks["plain"]
    statistics = [name for name in first["buffers"] if "running" in name]
    assert statistics
    for name in statistics:
        assert torch.equal(first["buffers"][name], second["buffers"][name]), name

"""A run that stops and resumes is, to the last bit, the run that never stopped."""

import random

import numpy as np
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback

import zoo
from callbacks import LastCheckpoint
from datamodules import DigitsDataModule
from helpers.checkpoints import equal
from helpers.runs import trainer

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
    "ignore:You're resuming from a checkpoint that ended before the epoch ended",  # Lightning's loop need not know
    "ignore:This process .* is multi-threaded, use of fork",
    "ignore:This DataLoader will create 2 worker processes",  # where there is one processor
)

BATCH, EPOCH = 200, 6  # of 1,257 images
MLP = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}, "latent_dim": 3}
FAST = {"name": "adam", "lr": 0.02, "betas": [0.5, 0.9]}
RATES = {"critic_optimizer": FAST, "generator_optimizer": FAST}
MOMENTUM = {"name": "sgd", "lr": 0.01, "momentum": 0.9}
ADA = {"name": "ada", "p": 0.3, "every": 3, "images": 500}
SPECTRAL = {"critic_steps": 2, "generator_options": {"width": 4}, "critic_options": {"width": 4}, "latent_dim": 3}
EXTRAS = [{"name": "r1", "every": 3}, {"name": "r2"}, {"name": "lecam", "start": 4}, {"name": "consistency"}]
BY_IMAGES = {"name": "images", "half_life": 1}
FINAL = {"images": 900, "lr": 1e-3, "beta_2": 0.9, "gamma": 2.0, "half_life": 400}
CONV = {"network": "keras_conv", "latent_dim": 3, "critic_options": {"norm": "batch", "dropout": 0.25}}


@pytest.fixture(autouse=True)
def _seed(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")


class Journal(Callback):
    """What each step observed, how training stands after it, and checkpoints after some steps."""

    def __init__(self, folder, stops=()):
        self.folder, self.stops = folder, stops
        self.observed, self.schedules, self.validations = {}, {}, {}

    def on_train_batch_end(self, trainer, model, outputs, batch, batch_idx):
        """Notes, saves."""
        step = trainer.global_step
        self.observed[step] = {name: value.item() for name, value in model.observed.items()}
        self.schedules[step] = model.schedule.state_dict()
        if step in self.stops:
            trainer.save_checkpoint(self.folder / f"{step}.ckpt")

    def on_validation_end(self, trainer, model):
        """Notes the score."""
        if not trainer.sanity_checking:
            self.validations[trainer.global_step] = trainer.callback_metrics["val/critic_gap"].item()


def run(folder, cls, arguments, data=None, stops=(), resume=None, callbacks=(), **options):
    """A run as a process of its own would make it: everything new, and every random state another."""
    for seed in (torch.manual_seed, random.seed, np.random.seed):
        seed(0 if resume is None else 12345)
    model = cls(image_shape=(1, 8, 8), **arguments)
    journal = Journal(folder, stops)
    options = {"steps": 13, "enable_checkpointing": bool(callbacks)} | options
    player = trainer(folder, journal, *callbacks, **options)
    player.fit(model, DigitsDataModule(**{"batch_size": BATCH} | (data or {})), ckpt_path=resume)
    return player, model, journal


def assert_same_end(whole, resumed, stop):
    (trainer, model, journal), (again, copy, rest) = whole, resumed
    assert again.global_step == trainer.global_step
    assert list(rest.observed) == [step for step in journal.observed if step > stop]  # nothing twice, nothing left out
    for step, observed in rest.observed.items():
        assert observed == journal.observed[step], f"step {step}"
        assert rest.schedules[step] == journal.schedules[step], f"step {step}"
    assert {step: gap for step, gap in rest.validations.items() if step > stop} == {
        step: gap for step, gap in journal.validations.items() if step > stop
    }
    assert equal(copy.state_dict(), model.state_dict())
    for one, other in zip(again.optimizers, trainer.optimizers, strict=True):
        assert equal(one.state_dict(), other.state_dict())
    samples = [player.sample(4, torch.Generator().manual_seed(0)) for player in (model, copy)]
    assert torch.equal(*samples)


CASES = {
    "plain": (zoo.GAN, MLP, {}, {}),
    "epochs": (zoo.GAN, MLP, {}, {"steps": -1, "max_epochs": 2}),
    "limited epochs": (zoo.GAN, MLP, {}, {"limit_train_batches": 5}),
    "flipped, five critic steps": (zoo.WGANGP, MLP | {"critic_steps": 5}, {"flip": True, "batch_size": 40}, {}),
    "clipped": (zoo.WGAN, MLP | {"critic_steps": 2}, {"batch_size": 100}, {}),
    "momentum": (zoo.GAN, MLP | {"critic_optimizer": MOMENTUM, "generator_optimizer": MOMENTUM}, {}, {}),
    "falling rates": (zoo.WGAN, MLP | {"critic_steps": 1, "lr_decay": [3, 11]}, {}, {}),
    "mixture": (zoo.DeLiGAN, MLP, {"flip": True}, {}),
    "toy threshold": (zoo.GAN, MLP | RATES | {"schedule": "deligan_toy"}, {}, {}),
    "MNIST threshold": (zoo.DeLiGAN, MLP | RATES | {"schedule": "deligan_mnist"}, {}, {}),
    "dropout and batch norm": (zoo.GAN, CONV, {"batch_size": 6}, {"limit_train_batches": 6}),
    "validation": (
        zoo.GAN,
        MLP,
        {"flip": True},
        {"limit_val_batches": 1.0, "val_check_interval": 4, "check_val_every_n_epoch": None},
    ),
    "validation after each epoch": (zoo.GAN, MLP, {}, {"limit_val_batches": 1.0, "num_sanity_val_steps": 1}),
    "bfloat16": (zoo.WGANGP, MLP | {"critic_steps": 1}, {}, {"precision": "bf16-mixed"}),
    "lazy penalty": (zoo.R3GAN, MLP | {"network": "mlp", "penalty_every": 3}, {"batch_size": 100}, {}),
    "cosine": (zoo.R3GAN, MLP | {"network": "mlp", "final": FINAL, "average": BY_IMAGES}, {"batch_size": 100}, {}),
    "equilibrium": (zoo.BEGAN, MLP | {"network": "mlp", "k_rate": 0.1}, {}, {}),
    "classes": (zoo.ACGAN, MLP | {"network": "mlp", "num_classes": 10}, {}, {}),
    "regularised": (zoo.GAN, MLP | {"regularisers": EXTRAS}, {"batch_size": 100}, {}),
    "codes": (zoo.InfoGAN, MLP | {"network": "mlp", "latent_dim": 16}, {}, {}),
    "spectral norm": (zoo.SNGAN, SPECTRAL, {"batch_size": 6}, {"limit_train_batches": 6}),
    "adaptive augmentation": (zoo.GAN, MLP | {"augmentation": ADA}, {"batch_size": 20}, {"limit_train_batches": 6}),
    "average by images": (zoo.GAN, MLP | {"average": {"name": "images", "half_life": 900, "ramp_up": 0.5}}, {}, {}),
    "workers": (zoo.GAN, MLP, {"num_workers": 2, "flip": True}, {}),
    "workers and validation": (
        zoo.GAN,
        MLP,
        {"num_workers": 2},
        {"limit_val_batches": 1.0, "val_check_interval": 4, "check_val_every_n_epoch": None},
    ),
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * ("workers and" in case), id=case) for case in CASES]
)
def test_a_resumed_run_is_the_run_that_never_stopped(tmp_path, case):
    """Stops: in the middle of an epoch, before its last batch, at its last batch, after the next one's first."""
    cls, arguments, data, options = CASES[case]
    epoch = options.get("limit_train_batches", EPOCH)
    stops = (4, epoch - 1, epoch, epoch + 1)
    whole = run(tmp_path, cls, arguments, data, stops, **options)
    assert whole[0].global_step in (12, 13)
    if "schedule" in arguments:
        assert {"critic_loss", "generator_loss"} <= {name for seen in whole[2].observed.values() for name in seen}
    for stop in sorted(set(stops)):
        resumed = run(tmp_path, cls, arguments, data, resume=tmp_path / f"{stop}.ckpt", **options)
        assert_same_end(whole, resumed, stop)


@pytest.mark.parametrize("stop", [4, EPOCH])
def test_a_finished_run_goes_on_from_its_last_checkpoint(tmp_path, stop):
    whole = run(tmp_path, zoo.GAN, MLP)
    run(tmp_path / "half", zoo.GAN, MLP, steps=stop, callbacks=[LastCheckpoint(every_n_steps=1000)])
    last = tmp_path / "half" / "checkpoints" / "last.ckpt"
    resumed = run(tmp_path, zoo.GAN, MLP, resume=last)
    assert_same_end(whole, resumed, stop)


def test_a_run_may_stop_often(tmp_path):
    whole = run(tmp_path, zoo.WGANGP, MLP | {"critic_steps": 2}, {"batch_size": 100, "flip": True})
    last = None
    for stop in (1, 2, EPOCH, EPOCH + 1, 2 * EPOCH, 13):
        saver = LastCheckpoint(every_n_steps=1)
        data = {"batch_size": 100, "flip": True}
        arguments = MLP | {"critic_steps": 2}
        resumed = run(tmp_path, zoo.WGANGP, arguments, data, resume=last, callbacks=[saver], steps=stop)
        last = tmp_path / "checkpoints" / "last.ckpt"
    assert_same_end(whole, resumed, 2 * EPOCH)


def test_another_seed_is_another_run(tmp_path, monkeypatch):
    """The tests above would pass if nothing were random."""
    one = run(tmp_path, zoo.GAN, MLP, stops=[4])
    monkeypatch.setenv("PL_GLOBAL_SEED", "6")
    other = run(tmp_path, zoo.GAN, MLP)
    assert all(one[2].observed[step] != other[2].observed[step] for step in one[2].observed)
    with pytest.raises(MisconfigurationException, match="whose seed is 5, not 6"):
        run(tmp_path, zoo.GAN, MLP, resume=tmp_path / "4.ckpt")


def test_a_checkpoint_of_another_schedule_is_refused(tmp_path):
    run(tmp_path, zoo.GAN, MLP, stops=[2], steps=2)
    with pytest.raises(ValueError, match=r"schedule does not hold threshold, generator_run, critic_run"):
        run(tmp_path, zoo.GAN, MLP | {"schedule": "deligan_mnist"}, resume=tmp_path / "2.ckpt")

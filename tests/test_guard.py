"""The guard sees runs that were made to fail, and lets healthy ones be."""

import logging

import pytest
import torch

import zoo
from callbacks import BestCheckpoint, Guard, LastCheckpoint, Scores
from callbacks.scoring.guard import GuardError
from helpers.guarded import SMALL, train, warnings_of
from zoo.engine.errors import NothingSavedError

STILL = {"name": "sgd", "lr": 0.0}
BLAST = {"name": "sgd", "lr": 1e30}
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
)


@pytest.mark.parametrize("stop", [True, False])
def test_a_loss_that_is_not_finite_stops_the_run_or_is_told_once(tmp_path, caplog, stop):
    model = zoo.WGANGP(image_shape=(1, 8, 8), **SMALL, critic_optimizer=BLAST, critic_steps=1)
    if not stop:
        with caplog.at_level(logging.WARNING):
            train(tmp_path, model, Guard(), limit_val_batches=0)
        assert len(warnings_of(caplog)) == 1
        return
    with pytest.raises(GuardError, match=r"step \d+: .*(nan|inf|not finite).*no checkpoint was kept"):
        train(tmp_path, model, Guard(stop=True), limit_val_batches=0)


def test_the_failed_state_takes_no_checkpoint_s_place(tmp_path):
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL)

    class Poison(Guard):
        def on_train_batch_end(self, trainer, pl_module, *args):
            """Spoils the critic first."""
            if trainer.global_step == 6:
                next(pl_module.critic.parameters()).data.fill_(float("nan"))
            super().on_train_batch_end(trainer, pl_module, *args)

    with pytest.raises(GuardError, match=r"step 6: the critic has weights.*last\.ckpt"):
        train(tmp_path, model, Poison(stop=True), LastCheckpoint(every_n_steps=2), limit_val_batches=0)
    saved = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 4
    assert all(value.isfinite().all() for value in saved["state_dict"].values())


def test_weights_that_are_not_finite_are_never_saved_guard_or_not(tmp_path, caplog):
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL, critic_optimizer=BLAST)
    with caplog.at_level(logging.WARNING), pytest.raises(NothingSavedError):
        train(tmp_path, model, LastCheckpoint(every_n_steps=2), limit_val_batches=0)
    assert not all(weight.isfinite().all() for weight in model.parameters())
    assert not (tmp_path / "checkpoints").exists()
    assert any("last.ckpt is left as it is" in record.getMessage() for record in caplog.records)


def test_a_critic_that_stands_still_is_seen(tmp_path):
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL, critic_optimizer=STILL)
    with pytest.raises(GuardError, match="step 6: the critic has not moved for 5 steps"):
        train(tmp_path, model, Guard(stop=True, patience=5), limit_val_batches=0)


@pytest.mark.parametrize("schedule", ["deligan_toy", "deligan_mnist"])
def test_a_critic_that_its_schedule_lets_rest_is_not_one_that_stands_still(schedule, tmp_path, caplog):
    class Resting(zoo.GAN):
        def current_generator_loss(self, real, move):
            """A loss at which the generator alone moves, but for the first step."""
            return 0.0 if self.global_step == 0 else 9.0

    model = Resting(image_shape=(1, 8, 8), **SMALL, schedule=schedule, critic_steps=1)
    with caplog.at_level(logging.WARNING):
        train(tmp_path, model, Guard(patience=3), limit_val_batches=0)
    assert not warnings_of(caplog)


def test_a_healthy_run_raises_no_alarm(tmp_path, caplog):
    adam = {"name": "adam", "lr": 5e-4, "betas": [0.0, 0.9]}
    torch.manual_seed(0)
    model = zoo.WGANGP(image_shape=(1, 8, 8), latent_dim=32, critic_optimizer=adam, generator_optimizer=adam)
    with caplog.at_level(logging.WARNING):
        train(
            tmp_path,
            model,
            Scores(scorer="digits"),
            Guard(stop=True),
            steps=150,
            val_check_interval=50,
            log_every_n_steps=10,
        )
    assert not warnings_of(caplog)


@pytest.mark.parametrize(
    "options",
    [{"min_recall": 2.0}, {"min_classes": -1}, {"min_diversity": float("nan")}, {"patience": 0}, {"grace": -1}],
)
def test_bounds_that_cannot_be_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Guard(**options)


def test_weights_are_looked_at_where_nothing_is_logged(tmp_path):
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL, critic_optimizer=BLAST)
    with pytest.raises(GuardError, match=r"step 4: the critic has weights that are not finite"):
        train(tmp_path, model, Guard(stop=True), log_every_n_steps=0)


def test_the_best_checkpoint_has_a_score_and_finite_weights(tmp_path):
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL, critic_optimizer=BLAST)
    train(tmp_path, model, Scores(scorer="digits"), BestCheckpoint("val/fid"))
    assert not (tmp_path / "checkpoints").exists()
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL)
    train(tmp_path, model, Scores(scorer="digits", every_n_steps=8), BestCheckpoint("val/fid"))
    assert torch.load(tmp_path / "checkpoints" / "best.ckpt", weights_only=True)["global_step"] == 8

"""Logs of a model: each kth step once, at the step it belongs to."""

import csv

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

import zoo
from helpers.models import MARKS, build, every_model, loader
from helpers.runs import fit

pytestmark = MARKS


# -- what is logged --


def rows(tmp_path):
    path = next(tmp_path.rglob("metrics.csv"))
    with path.open(newline="") as file:
        table = list(csv.DictReader(file))
    return [{key: float(value) for key, value in row.items() if value} for row in table]


class Observer(Callback):
    """What the model observed in each step."""

    def __init__(self):
        self.observed = {}

    def on_train_batch_end(self, trainer, model, *_):
        """Copies it."""
        self.observed[trainer.global_step] = {f"train/{name}": float(x) for name, x in model.observed.items()}


LOSSES = {"train/critic_loss", "train/generator_loss"}
OBSERVED = {
    zoo.GAN: LOSSES,
    zoo.WGAN: LOSSES | {"train/wasserstein"},
    zoo.WGANGP: LOSSES | {"train/wasserstein", "train/gradient_penalty", "train/gradient_norm"},
    zoo.DeLiGAN: LOSSES | {"train/sigma_min", "train/sigma_mean", "train/sigma_max"},
}


@every_model
def test_every_kth_step_logs_once_what_it_observed_at_x_equal_to_global_step(tmp_path, cls):
    model, observer = build(cls), Observer()
    logger = CSVLogger(tmp_path)
    player = fit(tmp_path, model, observer, steps=7, data=loader(model, steps=3), logger=logger, log_every_n_steps=2)
    table = rows(tmp_path)
    assert [row.pop("step") for row in table] == [2, 4, 6, 7], "every second step and the last"
    for step, row in zip((2, 4, 6, 7), table, strict=True):
        assert OBSERVED.get(cls, LOSSES) <= set(row)
        assert row == pytest.approx(observer.observed[step])
    assert len({row["train/critic_loss"] for row in table}) == 4
    monitored = {key: float(value) for key, value in player.callback_metrics.items()}
    assert {key: monitored[key] for key in table[-1]} == pytest.approx(table[-1])  # and what lazy terms were before


def test_a_loss_of_a_player_that_did_not_move_is_not_logged(tmp_path):
    """Rounds in which the generator, the critic, the generator alone moves."""

    class Told(zoo.GAN):
        def current_generator_loss(self, real, move):
            return 0.0 if self.global_step == 1 else 9.0

    model = build(Told, schedule="deligan_mnist")
    fit(tmp_path, model, steps=3, logger=CSVLogger(tmp_path))
    kinds = [set(row) - {"step"} for row in rows(tmp_path)]
    assert kinds == [{"train/generator_loss"}, {"train/critic_loss"}, {"train/generator_loss"}]


@pytest.mark.parametrize("options", [{"log_every_n_steps": 0}, {"barebones": True}])
def test_logging_can_be_switched_off(tmp_path, options):
    switched_off = ("logger", "enable_checkpointing", "enable_model_summary", "enable_progress_bar")
    options = dict.fromkeys(switched_off, False) | {"num_sanity_val_steps": 0, "limit_val_batches": 0} | options
    model = build(zoo.GAN)
    player = Trainer(accelerator="cpu", devices=1, default_root_dir=tmp_path, max_steps=2, **options)
    player.fit(model, loader(model))
    assert player.global_step == 2
    assert not player.callback_metrics


def test_record_logs_any_number_at_once_to_loggers_and_monitors(tmp_path):
    class Recorder(Callback):
        def on_train_batch_end(self, trainer, model, *_):
            model.record({"score": 0.5 * trainer.global_step, "tensor": torch.tensor(3.0)})

    player = fit(tmp_path, build(zoo.GAN), Recorder(), steps=2, logger=CSVLogger(tmp_path))
    # rows of one x are one row
    assert [(row["step"], row["score"], row["tensor"]) for row in rows(tmp_path) if "score" in row] == [
        (1, 0.5, 3),
        (2, 1, 3),
    ]
    assert player.callback_metrics["score"] == 1
    assert player.callback_metrics["tensor"] == 3


def test_validation_is_logged_at_the_step_after_which_it_ran_and_names_no_later_checkpoint(tmp_path):
    model = build(zoo.GAN)
    every_second = ModelCheckpoint(tmp_path / "saved", "{step}", every_n_train_steps=2, save_top_k=-1)
    options = {"val_check_interval": 3, "limit_val_batches": 2, "check_val_every_n_epoch": None}
    options |= {"logger": CSVLogger(tmp_path / "log")}
    fit(tmp_path, model, every_second, steps=8, data=loader(model, 5), val=loader(model), **options)
    assert [row["step"] for row in rows(tmp_path) if "val/critic_gap" in row] == [3, 6]
    assert sorted(path.stem for path in (tmp_path / "saved").iterdir()) == [f"step={step}" for step in (2, 4, 6, 8)]


def test_x_of_a_late_validation_is_exact(tmp_path):
    """A mean over batches in float32 would round it."""

    class Old(zoo.GAN):
        def training_step(self, batch, batch_idx):
            super().training_step(batch, batch_idx)
            self.trained_steps = 1_000_003

    model = build(Old)
    validation = {"val": loader(model, steps=9, n=3), "limit_val_batches": 9, "val_check_interval": 1}
    fit(tmp_path, model, steps=1, logger=CSVLogger(tmp_path), **validation)
    assert [row["step"] for row in rows(tmp_path) if "val/critic_gap" in row] == [1_000_003]


# -- what does not fall on a logged step --


class Sometimes(zoo.GAN):
    """Observes a value at every third critic update, as a regulariser with an interval does."""

    def critic_loss(self, real, fake):
        """GAN's."""
        if self.global_step % 3 == 0:
            self.observe(regulariser=torch.tensor(float(self.global_step)))
        return super().critic_loss(real, fake)


def test_a_value_between_logged_steps_is_logged_at_the_next_one_and_once(tmp_path):
    fit(tmp_path, build(Sometimes), steps=8, logger=CSVLogger(tmp_path), log_every_n_steps=2)
    logged = {row["step"]: row.get("train/regulariser") for row in rows(tmp_path) if "train/critic_loss" in row}
    assert logged == {2: 0.0, 4: 3.0, 6: None, 8: 6.0}


class Peeking(zoo.GAN):
    """Observes each generator's loss that is computed."""

    def generator_loss(self, real, fake):
        """GAN's."""
        loss = super().generator_loss(real, fake)
        self.observe(seen=torch.tensor(float(torch.is_grad_enabled())))
        return loss


def test_what_a_schedule_computes_to_decide_is_not_observed(tmp_path):
    model = build(Peeking, schedule="deligan_toy", critic_steps=1)
    seen = []

    class Look(Callback):
        def on_train_batch_end(self, trainer, model, *_):
            seen.append(model.observed.get("seen"))

    fit(tmp_path, model, Look(), steps=3, log_every_n_steps=1)
    assert seen
    assert all(value is None or float(value) == 1.0 for value in seen)


def test_the_prior_s_penalty_is_no_part_of_the_logged_loss(tmp_path):
    model = build(zoo.DeLiGAN, prior_options={"components": 2, "sigma_init": 0.2, "sigma_weight": 1e6})
    watch = Observer()
    fit(tmp_path, model, watch, steps=1, log_every_n_steps=1)
    assert watch.observed[1]["train/generator_loss"] < 1e3

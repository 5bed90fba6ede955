"""Checks of what monitors a score: saved checkpoints, intervals of validations, early stopping."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from zoo.scores.table import METRICS, OF_TRAINING


def check_monitors(trainer: Trainer) -> None:
    """Raise MisconfigurationException for a ModelCheckpoint that would save later weights under a validation's score.

    Lightning keeps what a validation logged until the next one, and a checkpoint that is saved in between reads it.
    """
    for each in trainer.checkpoint_callbacks:
        if not isinstance(each, ModelCheckpoint) or not (each.monitor or "").startswith("val/"):
            continue
        at_epochs = each._save_on_train_epoch_end and steps_between_validations(trainer) != 1.0
        if each._every_n_train_steps or each._train_time_interval or at_epochs:
            raise MisconfigurationException(
                f"a {type(each).__name__} that monitors {each.monitor} must save after validations only: "
                "save_on_train_epoch_end=False, and neither every_n_train_steps nor train_time_interval"
            )


def steps_between_validations(trainer: Trainer) -> int | float | None:
    """Return the Trainer's val_check_interval; None where a clock tells when to validate: then it has none."""
    return getattr(trainer, "val_check_interval", None)


def check_interval(trainer: Trainer, every_n_steps: int) -> None:
    """Raise MisconfigurationException where most validations that are due to be scored would never happen."""
    between = steps_between_validations(trainer)
    if trainer.check_val_every_n_epoch is None and isinstance(between, int) and between and every_n_steps % between:
        raise MisconfigurationException(
            f"scores.every_n_steps {every_n_steps} must be a multiple of trainer.val_check_interval, which is {between}"
        )


def check_early_stopping(trainer: Trainer, scores: Sequence[Any]) -> None:
    """Make EarlyStopping wait where its score is not computed, and refuse one that never is.

    Args:
        trainer: about to train.
        scores: the run's Scores.

    Raises:
        MisconfigurationException: a monitor is mistyped.
    """
    known = [f"val/{key}" for name, keys in METRICS.items() if name not in OF_TRAINING for key in keys]
    known += ["val/critic_gap", "train/critic_loss", "train/generator_loss"]
    for each in trainer.callbacks:  # type: ignore[attr-defined]
        if not isinstance(each, EarlyStopping):
            continue
        if each.monitor not in known and (near := get_close_matches(each.monitor, known, n=1, cutoff=0.8)):
            raise MisconfigurationException(f"EarlyStopping.monitor {each.monitor}: did you mean {near[0]}?")
        if each.monitor.startswith("val/"):
            wait_for_scores(each, scores)


def wait_for_scores(stopper: EarlyStopping, scores: Sequence[Any]) -> None:
    """Let validations at which a score is not due neither stop a run nor count: what they log for it is nan."""
    check = type(stopper)._run_early_stopping_check

    def when_due(trainer: Trainer) -> None:
        value = trainer.callback_metrics.get(stopper.monitor)
        is_due = all(not each.every_n_steps or trainer.global_step % each.every_n_steps == 0 for each in scores)
        if is_due or value is None or not torch.as_tensor(value).isnan():
            check(stopper, trainer)

    stopper._run_early_stopping_check = when_due  # type: ignore[method-assign]

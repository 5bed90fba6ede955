"""Validations: an early first one, and about as many whatever the length of a run."""

import logging
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

log = logging.getLogger("lightning.pytorch.ganzoo")


class Validations(Callback):
    """Validate early for the first time, then at every `trainer.val_check_interval` steps; say when in one line.

    Whether a step is validated follows from its number and these settings, so a resumed run is validated where the run
    that never stopped is. Of the command `fit`, `commands.validation_plan` settles both arguments and the interval.

    Args:
        first: a step that is validated beside those of the interval; 0 for none, as by default from Python. By default
            `fit` takes a tenth of the interval, 25 steps at most.
        count: about how many validations there are in a run: `fit` makes the interval of it; 0 leaves the interval as
            it is. By default that of a file is a share of the file's `max_steps`, without a file there are 10, and an
            interval that is given on the command line stays as it is.
    """

    def __init__(self, first: int | None = None, count: int | None = None) -> None:
        for name, value in (("first", first), ("count", count)):
            if value is not None and value < 0:
                raise ValueError(f"validations.{name} must be at least 0, got {value}")
        self.first, self.count = first or 0, count or 0

    def is_needed(self, model: LightningModule, command: str) -> bool:
        """Return whether the command trains."""
        return command == "fit"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Settle the steps, before the first one or before a resumed run looks whether it had been validated."""
        interval = getattr(trainer, "val_check_interval", None)
        if not trainer.enable_validation or trainer.check_val_every_n_epoch is not None or type(interval) is not int:
            return
        steps = trainer.estimated_stepping_batches
        if self.count and steps != trainer.max_steps and steps != float("inf"):  # the epochs end before max_steps
            interval = interval_of(int(steps) / self.count, int(steps))
            trainer.val_check_interval = trainer.val_check_batch = interval
        self.add_first(trainer)
        early = f", the first time at step {self.first}" if self.first > trainer.global_step else ""
        log.info("validated every %d steps%s", interval, early)

    def add_first(self, trainer: Trainer) -> None:
        """Make Lightning's loop validate at the step `first` too, as if the interval ended there."""
        loop = trainer.fit_loop.epoch_loop
        is_due = type(loop)._should_check_val_fx

        def should_check(data_fetcher: Any) -> bool:
            is_first = loop._should_check_val_epoch() and loop.total_batch_idx + 1 == self.first
            return is_first or is_due(loop, data_fetcher)

        loop._should_check_val_fx = should_check  # type: ignore[method-assign]


def interval_of(exact: float, steps: int) -> int:
    """Return how many steps apart validations are: about `exact`, and the last step is one of them where that can be.

    That is the nearest divisor of `steps` within two thirds and three halves of `exact`; else `exact`, rounded down.
    """
    near = range(max(1, round(exact / 1.5)), round(exact * 1.5) + 1)
    divisors = [each for each in near if steps % each == 0]
    return min(divisors, key=lambda each: abs(each - exact)) if divisors else max(1, int(exact))

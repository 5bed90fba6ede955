"""The steps at which `fit` validates: a file's interval is a share of its steps, one of the command line is kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from callbacks.validations import interval_of

#: Validations in a run of which nothing is said.
COUNT = 10
#: The latest step of the first validation, which follows a tenth of the interval.
LATEST_FIRST = 25

OPTION = "val_check_interval"


def settle(config: Any, argv: Sequence[str]) -> None:
    """Put the steps of validations into the configuration of `fit`.

    Args:
        config: of the command: `trainer`, `validations`, `scores`, and the paths of the files.
        argv: the command's arguments, of which only the command line's own interval is of interest.

    Raises:
        ValueError: an interval of 0.
    """
    if config.trainer.val_check_interval == 0:
        raise ValueError("trainer.val_check_interval must be above 0")
    given = any(OPTION in argument for argument in argv) or config.scores.every_n_steps is not None
    files = [yaml.safe_load(Path(str(path)).read_text()) for path in config.get("config") or []]
    chosen = plan(vars(config.trainer), files, config.validations.count, config.validations.first, given)
    config.trainer.val_check_interval, config.validations.count, config.validations.first = chosen


class Plan(NamedTuple):
    """The steps of a run's validations.

    Attributes:
        interval: of `trainer.val_check_interval`.
        times: about how many there are; 0 where the interval was given, and stays whatever the steps.
        first: an early step; 0 for none.
    """

    interval: int
    times: int
    first: int


def plan(trainer: Mapping[str, Any], files: Sequence[Any], count: int | None, first: int | None, given: bool) -> Plan:
    """Return when to validate.

    Args:
        trainer: the Trainer's options, files and command line together.
        files: the contents of the configuration files, in their order.
        count: of `validations.count`, from either; None where it is not given.
        first: of `validations.first`, likewise.
        given: whether the command line has an interval: then that is all.
    """
    interval, steps = trainer["val_check_interval"], trainer["max_steps"]
    if type(interval) is not int or trainer.get("check_val_every_n_epoch") is not None:
        return Plan(interval, 0, 0)
    if given:
        return Plan(interval, 0, first or 0)
    share = share_of(files)
    if count is None:
        count = COUNT if share is None else share.times
    if steps < 0 and trainer.get("max_epochs") is None:  # a run without an end
        count = 0
    if count and steps > 0 and not (share and share.steps == steps and share.times == count):
        exact = share.interval * steps / share.steps if share and share.times == count else steps / count
        interval = interval_of(exact, steps)
    return Plan(interval, count, min(LATEST_FIRST, interval // 10) if first is None else first)


class Share(NamedTuple):
    """An interval of validations in a file, of how many steps.

    Attributes:
        interval: of the last file that has one.
        steps: `max_steps` of the same file; 0 where it has none: then the interval is meant as it is.
    """

    interval: int
    steps: int

    @property
    def times(self) -> int:
        """Return about how many validations that makes; 0 where the interval is meant as it is."""
        return max(1, round(self.steps / self.interval)) if self.steps else 0


def share_of(files: Sequence[Any]) -> Share | None:
    """Return the interval that the files give, None without any."""
    found = None
    for content in files:
        trainer = content.get("trainer") if isinstance(content, Mapping) else None
        interval = trainer.get("val_check_interval") if isinstance(trainer, Mapping) else None
        if isinstance(trainer, Mapping) and type(interval) is int and interval > 0:
            steps = trainer.get("max_steps")
            found = Share(interval, steps if type(steps) is int and steps > 0 else 0)
    return found

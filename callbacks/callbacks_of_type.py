"""The other callbacks of a run."""

from typing import TypeVar

from lightning.pytorch import Callback, Trainer

Kind = TypeVar("Kind", bound=Callback)


def callbacks_of_type(trainer: Trainer, kind: type[Kind]) -> list[Kind]:
    """Return the trainer's callbacks of one class, in their order."""
    return [each for each in trainer.callbacks if isinstance(each, kind)]  # type: ignore[attr-defined]

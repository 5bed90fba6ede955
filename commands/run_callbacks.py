"""The callbacks of a run: which there are, which say that it needs them, and which hooks are worth a call."""

import re
from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule

import callbacks

# Every run has them but those that say it needs them not.
CALLBACKS = (
    "Compile", "ImageGrid", "LabelGrid", "Scatter", "Scores", "Guard", "Speed", "StepBar", "SampleWriter",
    "Floors", "ScoreLines", "Validations", "BestCheckpoint", "LastCheckpoint",
)  # fmt: skip

EVERY_UPDATE = (
    "on_train_batch_start", "on_train_batch_end", "on_before_backward", "on_after_backward", "on_before_optimizer_step",
)  # fmt: skip


def is_needed(callback: Callback, model: LightningModule, command: str) -> bool:
    """Return whether a callback has something to do for this model; one that does not say so itself has."""
    ask = getattr(callback, "is_needed", None)
    return ask is None or bool(ask(model, command))


def left_out(trainer_options: Mapping[str, Any]) -> set[str]:
    """Return the options' names of our callbacks that the Trainer's options leave out, by what their classes say."""
    classes = {snake_case(name): getattr(callbacks, name) for name in CALLBACKS}
    return {name for name, cls in classes.items() if hasattr(cls, "left_out_by") and cls.left_out_by(trainer_options)}


def silence(callback: Callback) -> None:
    """Take the empty hooks of every update from a callback: Lightning calls what is callable, 5 us each time."""
    for hook in EVERY_UPDATE:
        if getattr(getattr(callback, hook), "__func__", None) is getattr(Callback, hook):
            setattr(callback, hook, None)


def snake_case(name: str) -> str:
    """Turn ImageGrid into image_grid."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()

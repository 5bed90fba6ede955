"""Which callbacks a run needs, and which of their hooks are worth a call at every update."""

import re
from typing import Any

from lightning.pytorch import Callback, LightningModule
from lightning.pytorch.callbacks import ProgressBar

import callbacks
from callbacks.pictures.pictures import Pictures
from zoo import GAN

EVERY_UPDATE = (
    "on_train_batch_start", "on_train_batch_end", "on_before_backward", "on_after_backward", "on_before_optimizer_step",
)  # fmt: skip


def is_busy(callback: Callback, model: LightningModule, subcommand: str) -> bool:
    """Return whether a callback has something to do for this model; those of which we know nothing have."""
    assert isinstance(model, GAN)
    if isinstance(callback, Pictures):
        return callback.draws(model)
    if isinstance(callback, callbacks.SampleWriter):
        return subcommand == "predict"
    if isinstance(callback, callbacks.Compile):
        return callback.losses
    return not isinstance(callback, callbacks.GeneratorEMA) or callback.decay is not None


def silence(callback: Callback) -> None:
    """Take the empty hooks of every update from a callback: Lightning calls what is callable, 5 us each time."""
    for hook in EVERY_UPDATE:
        if getattr(getattr(callback, hook), "__func__", None) is getattr(Callback, hook):
            setattr(callback, hook, None)


def unwanted(config: Any) -> set[str]:
    """Return which of our callbacks the Trainer's options leave out; a user's own progress bar replaces ours."""
    left_out = set()
    given = config.get("callbacks") or []
    own_bar = any(isinstance(each, ProgressBar) for each in (given if isinstance(given, list) else [given]))
    if config.get("enable_progress_bar") is False or own_bar:
        left_out.add("step_bar")
    if config.get("enable_checkpointing") is False:
        left_out |= {"best_checkpoint", "last_checkpoint"}
    return left_out


def snake_case(name: str) -> str:
    """Turn ImageGrid into image_grid, GeneratorEMA into generator_ema."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()

"""Which callbacks a run needs, and which of their hooks are worth a call at every update."""

from lightning.pytorch import Callback, LightningModule

import callbacks
from callbacks.pictures import Pictures
from zoo import GAN

EVERY_UPDATE = (
    "on_train_batch_start", "on_train_batch_end", "on_before_backward", "on_after_backward", "on_before_optimizer_step",
)  # fmt: skip


def is_busy(callback: Callback, model: LightningModule, subcommand: str) -> bool:
    """Whether a callback has something to do for this model; those of which we know nothing have."""
    assert isinstance(model, GAN)
    if isinstance(callback, Pictures):
        return callback.draws(model)
    if isinstance(callback, callbacks.SampleWriter):
        return subcommand == "predict"
    if isinstance(callback, callbacks.Compile):
        return callback.losses
    return not isinstance(callback, callbacks.GeneratorEMA) or callback.decay is not None


def silence(callback: Callback) -> None:
    """Takes the empty hooks of every update from a callback: Lightning calls what is callable, 5 us each time."""
    for hook in EVERY_UPDATE:
        if getattr(getattr(callback, hook), "__func__", None) is getattr(Callback, hook):
            setattr(callback, hook, None)

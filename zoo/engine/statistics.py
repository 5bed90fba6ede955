"""Running statistics: shared between processes, and left alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch import Trainer
from torch import nn

from zoo.engine.average import running_statistics


@torch.no_grad()
def share_statistics(module: nn.Module, trainer: Trainer) -> None:
    """Make batch norm's running statistics their mean over the ranks: one model, whichever rank saves or samples."""
    if trainer.world_size == 1:
        return
    if statistics := running_statistics(module):
        mean = trainer.strategy.reduce(torch.cat([buffer.flatten() for buffer in statistics]), reduce_op="mean")
        for buffer, value in zip(statistics, mean.split([buffer.numel() for buffer in statistics]), strict=True):
            buffer.copy_(value.view_as(buffer))


@contextmanager
def restoring(*networks: nn.Module) -> Iterator[None]:
    """Leave networks in their modes; at the end their buffers, such as running statistics, are what they were."""
    buffers = [buffer for network in networks for buffer in network.buffers()]
    before = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        for buffer, value in zip(buffers, before, strict=True):
            buffer.copy_(value)

"""Learning rates that change in training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import cos, pi

from lightning.pytorch.core.optimizer import LightningOptimizer


def decay_learning_rates(optimizers: Sequence[LightningOptimizer], step: int, begin: int, end: int) -> None:
    """Set all to a share of what they began with; see `decayed`."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = decayed(step, begin, end) * optimizer.defaults["lr"]


def decayed(step: int, begin: int, end: int) -> float:
    """Return a share of the learning rate: 1 up to step `begin`, 0 from `end` on, linear between."""
    return min(max((end - step) / (end - begin), 0.0), 1.0)


def half_cosine(first: float, last: float, share: float) -> float:
    """Return what goes from `first` at share 0 to `last` at share 1 along half of a cosine, and stays there."""
    return last + (first - last) * (1 + cos(pi * min(share, 1.0))) / 2


@contextmanager
def scaled_learning_rates(optimizers: Sequence[LightningOptimizer], share: float) -> Iterator[None]:
    """Let all be a share of what they are, within."""
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    rates = [group["lr"] for group in groups]
    for group, rate in zip(groups, rates, strict=True):
        group["lr"] = share * rate
    try:
        yield
    finally:
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate

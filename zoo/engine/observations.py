"""What losses tell of themselves: values of a training step, as tensors until a step is logged."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class Observations:
    """The values that a model's losses observe, by name, since the last logged step.

    Attributes:
        values: detached tensors.
        microbatch: which part of a batch is being observed, from 0: values are averaged over the parts.
    """

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}
        self.microbatch = 0
        self.are_logged = self.are_paused = False

    def add(self, values: dict[str, Tensor]) -> None:
        """Keep values: nothing waits for the device until a step is logged, and then the last ones are."""
        for name, value in values.items() if not self.are_paused else ():
            value = value.detach()
            self.values[name] = (
                torch.lerp(self.values[name], value, 1 / (self.microbatch + 1)) if self.microbatch else value
            )

    def forget_logged(self) -> None:
        """Begin anew once all values are logged: what falls between logged steps waits for the next one."""
        if self.are_logged:
            self.values.clear()
            self.are_logged = False

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep nothing within: losses are computed to decide something, which is no value of the step."""
        self.are_paused = True
        try:
            yield
        finally:
            self.are_paused = False

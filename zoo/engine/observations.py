"""Values that the losses of a training step report, as tensors until a step is logged."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from zoo.engine.regulariser import CRITIC


class Observations:
    """The values that a model's losses observe, by name, since the last logged step.

    Attributes:
        values: detached tensors.
        microbatch: which part of a batch is being observed, from 0: values are averaged over the parts.
        player: whose loss is being computed, CRITIC or GENERATOR. (An attribute of a module takes torch a microsecond.)
    """

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}
        self.earlier: dict[str, Tensor] = {}
        self.microbatch, self.player = 0, CRITIC
        self.are_logged = self.are_paused = False

    def add(self, values: dict[str, Tensor]) -> None:
        """Keep values: nothing waits for the device until a step is logged, and then the last ones are."""
        for name, value in values.items() if not self.are_paused else ():
            value = value.detach()
            self.values[name] = (
                torch.lerp(self.values[name], value, 1 / (self.microbatch + 1)) if self.microbatch else value
            )

    def begin_step(self) -> None:
        """Forget what is logged: what falls between logged steps waits for the next one."""
        if self.are_logged:
            self.values.clear()
            self.are_logged = False
        self.earlier = dict(self.values)

    def of_this_step(self) -> dict[str, Tensor]:
        """Return the values that were kept since the step began: what state may follow from, whatever is logged."""
        return {name: value for name, value in self.values.items() if value is not self.earlier.get(name)}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Keep nothing within: losses are computed to decide something, which is no value of the step."""
        self.are_paused = True
        try:
            yield
        finally:
            self.are_paused = False

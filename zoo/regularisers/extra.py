"""The base of regularisers that any model can have."""

from abc import abstractmethod
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from zoo.engine.batch import Batch
from zoo.engine.regulariser import CRITIC, Regulariser

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule


class Extra(nn.Module):
    """Base of all: a weighted term of one player's loss.

    Args:
        weight: of the term, at least 0.
        every: k; above 1 the term is lazy: every k-th training step it has an update of its own, times k.

    Attributes:
        name: its key in `REGULARISERS`, under which its value is logged.
        player: whose loss it belongs to.
    """

    name: ClassVar[str]
    player: ClassVar[int] = CRITIC

    def __init__(self, weight: float, every: int = 1) -> None:
        super().__init__()
        if not (isfinite(weight) and weight >= 0 and every >= 1):
            raise ValueError(f"{self.name}: weights must be at least 0, every at least 1: got {weight} and {every}")
        self.weight, self.every = weight, every

    @abstractmethod
    def forward(self, model: "AdversarialModule", real: Batch) -> Tensor:
        """Compute the weighted term, [], of a batch of real images."""

    def adapt(self, model: "AdversarialModule") -> None:
        """Move state by what was observed in this step, alike on all processes."""

    def of(self, model: "AdversarialModule") -> Regulariser:
        """Return the term as the loop takes it."""
        return Regulariser(self.name, self.player, partial(self, model), self.every)


def fakes(model: "AdversarialModule", real: Batch) -> Batch:
    """Make as many fakes as there are real images, without a graph, as for the critic."""
    with torch.no_grad(), model.making_fakes():
        return model.generate(model.prior(len(real.images), None, model.fake_labels(real)))

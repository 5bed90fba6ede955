"""A term of a player's loss that may have an interval of its own."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from zoo.engine.batch import Batch

CRITIC, GENERATOR = 0, 1  # the order of the players and of their optimizers


class Regulariser(NamedTuple):
    """A term of a player's loss: in each of its updates, or every k-th training step in one of its own.

    A lazy one (arXiv:1912.04958, Appendix B) is multiplied by its interval k; its player's optimizer is corrected for
    the steps that it adds: see `correction`.

    Attributes:
        name: under which the loop logs its last value.
        player: CRITIC or GENERATOR.
        loss: of a batch of real images to the weighted term; makes its own fakes if it needs any.
        every: k, in training steps.
    """

    name: str
    player: int
    loss: Callable[[Batch], Tensor]
    every: int = 1


def due(regularisers: Sequence[Regulariser], player: int, step: int) -> list[Regulariser]:
    """Return the lazy ones of a player whose turn it is at a step."""
    return [each for each in regularisers if each.player == player and each.every > 1 and step % each.every == 0]


def correction(regularisers: Sequence[Regulariser], player: int) -> float:
    """Return k / (k + 1), the share of a player's optimizer steps that are no lazy ones; 1 without lazy ones.

    With several intervals, k is the least. arXiv:1912.04958, Appendix B: lr times that, decay rates to its power.
    """
    lazy = [each.every for each in regularisers if each.player == player and each.every > 1]
    return min(lazy) / (min(lazy) + 1) if lazy else 1.0

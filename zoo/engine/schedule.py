"""The base of all schedules."""

from abc import ABC, abstractmethod
from typing import ClassVar

State = dict[str, float | int]


class Schedule(ABC):
    """Base of all schedules.

    Attributes:
        moves: how many moves of either player make one training step, after `begin_batch`.
        reads_loss: whether `moves_generator` looks at the loss; if not, pass anything.
        in_training_mode: whether that loss is taken with noise and dropout on, and batch norm over the batch; if not,
            in inference mode.
        keeps_loss: whether the next move reads the loss that is known from this one: the generator's own, of before
            its move, or the one that was read for the critic's.
        redraws: whether each move has its own latents, or all moves of a step the same.
        variables: the names of the attributes that change.
    """

    moves: int
    reads_loss: ClassVar[bool] = True
    in_training_mode: ClassVar[bool] = False
    redraws: ClassVar[bool] = True
    keeps_loss: bool = False
    variables: ClassVar[tuple[str, ...]]

    @property
    def rate(self) -> float:
        """Return the share of the learning rate that the next move has."""
        return 1.0

    def begin_epoch(self) -> None:  # noqa: B027
        """Prepare for a pass over the data."""

    def begin_batch(self) -> None:  # noqa: B027
        """Prepare for a batch's moves."""

    @abstractmethod
    def moves_generator(self, generator_loss: float) -> bool:
        """Return whether the generator moves next, else the critic; it counts as moved.

        Args:
            generator_loss: on this move's latents, before the move, without the prior's penalty.
        """

    def state_dict(self) -> State:
        """Return plain numbers, for a checkpoint."""
        return {name: getattr(self, name) for name in self.variables}

    def load_state_dict(self, state: State) -> None:
        """Go on from where `state_dict` was taken."""
        if set(state) != set(self.variables):
            raise ValueError(f"{type(self).__name__} has state {', '.join(self.variables)}, not {', '.join(state)}")
        for name, value in state.items():
            setattr(self, name, value)

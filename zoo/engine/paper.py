"""Hooks that a paper may override, with what most papers want."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from zoo.engine.batch import Batch
from zoo.engine.prior import Prior
from zoo.engine.regulariser import Regulariser


class Paper(ABC):
    """The hooks that `zoo.engine.loop` calls.

    Shapes: images [N, C, H, W] in [-1, 1]; labels [N]; losses are scalars.
    """

    #: Whether labels are classes of the data, which the players take.
    is_conditional: ClassVar[bool] = False
    #: Whether the critic is told the class of an image too, where the model is conditional.
    critic_is_told: ClassVar[bool] = False
    #: Whether a loss reads the classes of real images, while the generator's labels are others, or none.
    learns_classes: ClassVar[bool] = False
    #: Whether the critic's loss has a gradient of the critic in it, through which it is differentiated again.
    needs_second_order: ClassVar[bool] = False

    num_classes: int | None  # of the data, where the model takes or learns them
    prior: Prior
    generator: nn.Module
    critic: Any  # an nn.Module with features, num_features and score: see zoo.networks

    @property
    def reads_labels(self) -> bool:
        """Return whether training takes the class of each image."""
        return self.is_conditional or self.learns_classes

    @abstractmethod
    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute what the critic minimises. `fake` carries no graph."""

    @abstractmethod
    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute what the generator minimises, the prior's penalty aside."""

    @property
    def critic_terms(self) -> list[Callable[[Batch, Batch], Tensor]]:
        """Return the losses of the optimizer steps that make one critic update: one, unless a source says otherwise."""
        return [self.critic_loss]

    @property
    def regularisers(self) -> Sequence[Regulariser]:
        """Return terms of the losses that have intervals of their own; always the same names and intervals."""
        return ()

    @property
    def players(self) -> tuple[nn.Module, nn.Module]:
        """Return what the critic's and the generator's optimizer train: extra networks join a player here."""
        return nn.ModuleList([self.critic]), nn.ModuleList([self.generator, self.prior])

    def fake_labels(self, real: Batch) -> Tensor | None:
        """Return the labels of the fakes that go with real images; None lets the prior draw them."""
        return None

    def begin_step(self, images: int) -> None:  # noqa: B027
        """Move settings that follow the number of images of each critic update so far, on all processes together."""

    def constrain_critic(self) -> None:  # noqa: B027
        """Change the critic after each of its updates."""

    def adapt(self) -> None:  # noqa: B027
        """Move buffers by what was observed in this step; `mean_over_ranks` makes that alike on all ranks."""

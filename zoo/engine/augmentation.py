"""The base of augmentations, which change what the critic sees."""

from abc import abstractmethod
from collections.abc import Callable

from torch import Tensor, nn


class Augmentation(nn.Module):
    """Base of all augmentations. Draws come from torch's own generator, which the loop seeds for each step."""

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Augment images [N, C, H, W] to the same shape and dtype; differentiable twice."""

    def observe(self, outputs: Tensor) -> None:
        """Note the critic's outputs [N] on real images; nothing to note for most."""

    def adapt(self, sum_over_ranks: Callable[[Tensor], Tensor] = lambda value: value) -> dict[str, Tensor]:
        """Move state by what was observed in a step, alike on all processes; return scalars worth a plot."""
        return {}

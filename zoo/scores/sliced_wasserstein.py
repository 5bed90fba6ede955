"""A distance between two sets of images that needs no classifier."""

import torch
from torch import Tensor
from torchmetrics import Metric


class SlicedWasserstein(Metric):
    """Sliced Wasserstein-1 distance of pixels: mean over random directions of the distance of the projections.

    W1 of two equally large sets of numbers is the mean distance of the sorted ones; Bonneel et al. 2015 average it
    over directions on the sphere. 0 for the same set, lower is better, and only comparable for one image shape and
    number of images: hold it beside what other real images get. It sees colours, shapes and their shares, not detail.

    Args:
        directions: number of directions; they are the same in every run.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    real: list[Tensor]
    fake: list[Tensor]

    def __init__(self, directions: int = 256) -> None:
        super().__init__()
        if directions < 1:
            raise ValueError(f"directions must be at least 1, got {directions}")
        self.directions = directions
        self.add_state("real", default=[], dist_reduce_fx="cat")
        self.add_state("fake", default=[], dist_reduce_fx="cat")

    def update(self, real: Tensor, fake: Tensor) -> None:
        """As many real as fake images, float [N, C, H, W] in [-1, 1]."""
        if real.shape != fake.shape:
            raise ValueError(f"as many real as fake images of one shape, got {tuple(real.shape)}, {tuple(fake.shape)}")
        generator = torch.Generator().manual_seed(0)
        directions = torch.randn(real[0].numel(), self.directions, generator=generator).to(real)
        directions /= directions.norm(dim=0)
        self.real.append(real.flatten(1) @ directions)
        self.fake.append(fake.flatten(1) @ directions)

    def compute(self) -> Tensor:
        """The distance, a scalar."""
        real, fake = (torch.cat(list(parts)) if isinstance(parts, list) else parts for parts in (self.real, self.fake))
        return (real.sort(dim=0).values - fake.sort(dim=0).values).abs().mean()

"""A distance between two sets of images that needs no classifier."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat


class SlicedWasserstein(Metric):
    """Sliced Wasserstein-1 distance of pixels: mean over random directions of the distance of the projections.

    W1 of two equally large sets of numbers is the mean distance of the sorted ones; Bonneel et al. 2015 average it
    over directions on the sphere. 0 for the same set, lower is better, and only comparable for one image shape and
    number of images: hold it beside what other real images get. It sees colours, shapes and their shares, not detail.

    Args:
        directions: number of directions; they are the same in every run.

    Shapes:
        ``update(images, real)``: float [N, C, H, W] in [-1, 1], at least one, real or generated, in any order.
        ``compute()``: a scalar; of as many images of either kind as there are of both, the first; nan without a pair.
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
        self.num_directions = directions
        self.directions: Tensor | None = None
        self.image_shape = torch.Size()
        self.add_state("real", default=[], dist_reduce_fx="cat")
        self.add_state("fake", default=[], dist_reduce_fx="cat")

    def update(self, images: Tensor, real: bool) -> None:
        """Add the projections of real images [N, C, H, W], or of fakes. Raises a ValueError for a second shape."""
        if self.directions is None:
            self.image_shape, self.directions = images.shape[1:], random_directions(images, self.num_directions)
        if images.shape[1:] != self.image_shape:
            raise ValueError(f"images must be of one shape, got {[*images.shape[1:]]} after {[*self.image_shape]}")
        (self.real if real else self.fake).append(images.flatten(1) @ self.directions)

    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        self.directions = None

    def compute(self) -> Tensor:
        """Return the distance, a scalar."""
        pairs = min(sum(map(len, parts)) for parts in (self.real, self.fake))
        if not pairs:
            return torch.tensor(torch.nan)
        real, fake = (dim_zero_cat(parts)[:pairs] for parts in (self.real, self.fake))
        return (real.sort(dim=0).values - fake.sort(dim=0).values).abs().mean()


def random_directions(images: Tensor, count: int) -> Tensor:
    """Return that many directions of length 1 for images [N, C, H, W], float [C * H * W, count], always the same."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(images[0].numel(), count, generator=generator).to(images)
    directions /= directions.norm(dim=0)
    return directions

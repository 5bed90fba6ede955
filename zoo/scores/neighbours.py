"""Neighbours among features: what precision, recall, density and coverage count."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

#: Distances that `nearest` holds at once: 80 MB.
PAIRS = 10_000_000


class NeighbourMetric(Metric):
    """Keep the features of real and generated images, and ask which points lie in the balls around others.

    The ball around a point of a set goes out to its k-th nearest neighbour in that set, itself not counted; its
    boundary belongs to it. All features are kept, but distances only of `block` rows at a time, in float64: 80 MB for
    the default and 10,000 images.

    Args:
        k: which nearest neighbour is the radius.
        block: rows whose distances to all others are held at once.

    Shapes:
        ``update(features, real)``: float [N, F]; N may be 0.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    real: list[Tensor]
    fake: list[Tensor]

    def __init__(self, k: int, block: int = 1000) -> None:
        super().__init__()
        if min(k, block) < 1:
            raise ValueError(f"k and block must be at least 1, got {k}, {block}")
        self.k, self.block = k, block
        self.add_state("real", default=[], dist_reduce_fx="cat")
        self.add_state("fake", default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, real: bool) -> None:
        """Add features [N, F] of real images, or of fakes."""
        (self.real if real else self.fake).append(features.detach())

    def features(self) -> tuple[Tensor, Tensor]:
        """Return the real features and the fakes', float64, moved so that the real ones' mean is 0."""
        real, fake = dim_zero_cat(self.real).double(), dim_zero_cat(self.fake).double()
        centre = real.mean(dim=0)  # near the origin, squares of distances lose no digits
        return real - centre, fake - centre

    def within(self, points: Tensor, region: Tensor) -> Iterator[Tensor]:
        """Yield, for a block of `points` [N, F] at a time, which of them lie in which ball of `region` [M, F], M > k.

        Each block is bool [at most `block`, M].
        """
        # a point's nearest in its own set is itself: the k-th other one is number k + 1
        nearest = [squared_distances(part, region).topk(self.k + 1, largest=False) for part in region.split(self.block)]
        radius = torch.cat([found.values[:, -1] for found in nearest])
        # who is exactly as far is within, whatever was rounded: of a copy's distance, 0, nothing but rounding is left
        radius = radius.clamp(min=0) * (1 + 1e-9) + 1e-12 * region.square().sum(dim=1).max()
        for part in points.split(self.block):
            yield squared_distances(part, region) <= radius


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return [N, M] for [N, F] and [M, F], by one matrix product; 0 may come out as a little less."""
    products = a @ b.T
    return products.mul_(-2).add_(a.square().sum(dim=1, keepdim=True)).add_(b.square().sum(dim=1))


def nearest(points: Tensor, region: Tensor, count: int = 1) -> tuple[Tensor, Tensor]:
    """Return squared distances [N, count] of `points` [N, F] to the nearest of `region` [M, F], and which these are.

    At most PAIRS distances are held at once.
    """
    rows = max(1, PAIRS // max(1, len(region)))
    found = [squared_distances(part, region).topk(count, largest=False) for part in points.split(rows)]
    return torch.cat([each.values for each in found]), torch.cat([each.indices for each in found])

"""Improved precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991): fidelity and coverage, told apart."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat


class PrecisionRecall(Metric):
    """Precision: the share of fakes that lie among the real images; recall: of real images that lie among the fakes.

    A set's region is the union of a ball around each of its points, out to that point's k-th nearest neighbour in the
    set, itself not counted (Equations 1 and 2). Both are shares, 0 to 1; a generator that repeats a few good images has
    high precision and low recall. Both depend on the number of images: compare at equal numbers only.

    All features are kept, but distances only of `block` rows at a time, in float64: 80 MB for the default and 10,000
    images.

    Args:
        k: which nearest neighbour is the radius; 3 in the paper.
        block: rows whose distances to all others are held at once.

    Shapes:
        ``update(features, real)``: float [N, F]; N may be 0.
        ``compute()``: (precision, recall), float64; nan where the set whose region is asked for has no k-th neighbour.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    real: list[Tensor]
    fake: list[Tensor]

    def __init__(self, k: int = 3, block: int = 1000) -> None:
        super().__init__()
        if min(k, block) < 1:
            raise ValueError(f"k and block must be at least 1, got {k}, {block}")
        self.k, self.block = k, block
        self.add_state("real", default=[], dist_reduce_fx="cat")
        self.add_state("fake", default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, real: bool) -> None:
        """Adds features [N, F] of real images, or of fakes."""
        (self.real if real else self.fake).append(features.detach())

    def compute(self) -> tuple[Tensor, Tensor]:
        """(precision, recall)."""
        real, fake = dim_zero_cat(self.real).double(), dim_zero_cat(self.fake).double()
        centre = real.mean(dim=0)  # near the origin, squares of distances lose no digits
        real, fake = real - centre, fake - centre
        return self.share_within(fake, real), self.share_within(real, fake)

    def share_within(self, points: Tensor, region: Tensor) -> Tensor:
        """The share of `points` [N, F] in the region of the set `region` [M, F], a scalar."""
        if len(region) <= self.k or not len(points):
            return points.new_tensor(torch.nan)
        # a point's nearest in its own set is itself: the k-th other one is number k + 1
        nearest = [squared_distances(part, region).topk(self.k + 1, largest=False) for part in region.split(self.block)]
        radius = torch.cat([found.values[:, -1] for found in nearest])
        # who is exactly as far is within, whatever was rounded: of a copy's distance, 0, nothing but rounding is left
        radius = radius.clamp(min=0) * (1 + 1e-9) + 1e-12 * region.square().sum(dim=1).max()
        within = [(squared_distances(part, region) <= radius).any(dim=1) for part in points.split(self.block)]
        return torch.cat(within).double().mean()


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """[N, F], [M, F] to [N, M], by one matrix product; 0 may come out as a little less."""
    products = a @ b.T
    return products.mul_(-2).add_(a.square().sum(dim=1, keepdim=True)).add_(b.square().sum(dim=1))

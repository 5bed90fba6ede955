"""Improved precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991): fidelity and coverage, told apart."""

import torch
from torch import Tensor

from zoo.scores.neighbours import NeighbourMetric


class PrecisionRecall(NeighbourMetric):
    """Precision: the share of fakes that lie among the real images; recall: of real images that lie among the fakes.

    A set's region is the union of the balls around its points (Equations 1 and 2). Both are shares, 0 to 1; a generator
    that repeats a few good images has high precision and low recall. Both depend on the number of images: compare at
    equal numbers only.

    Args:
        k: which nearest neighbour is the radius; 3 in the paper.
        block: rows whose distances to all others are held at once.

    Shapes:
        ``update(features, real)``: float [N, F]; N may be 0.
        ``compute()``: (precision, recall), float64; nan where the set whose region is asked for has no k-th neighbour.
    """

    def __init__(self, k: int = 3, block: int = 1000) -> None:
        super().__init__(k, block)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return (precision, recall)."""
        real, fake = self.features()
        return self.share_within(fake, real), self.share_within(real, fake)

    def share_within(self, points: Tensor, region: Tensor) -> Tensor:
        """Return the share of `points` [N, F] in the region of the set `region` [M, F], a scalar."""
        if len(region) <= self.k or not len(points):
            return points.new_tensor(torch.nan)
        return torch.cat([part.any(dim=1) for part in self.within(points, region)]).double().mean()

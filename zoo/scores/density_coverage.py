"""Density and coverage (Naeem et al. 2020, arXiv:2002.09797): fidelity and diversity by balls around real images."""

import torch
from torch import Tensor

from zoo.scores.neighbours import NeighbourMetric


class DensityCoverage(NeighbourMetric):
    """Density: in how many real images' balls a fake lies, over k; coverage: the share of balls with a fake in them.

    Unlike recall, neither takes the fakes' neighbours: fakes far off cannot stretch the region. Density has no upper
    bound; fakes crowded where real images are dense have more than 1. For fakes distributed as the real images are, the
    expectation of density is 1, and that of coverage nears 1 - 2^-k, 0.969, for large sets of equal size. Both depend
    on the numbers of images: compare at equal ones.

    The boundary belongs to a ball, as for precision and recall; the authors' code leaves it out. They differ only where
    distances are equal: an image with k copies has a ball of radius 0, with its copies in it.

    Args:
        k: which nearest neighbour is the radius; 5 in the paper.
        block: rows whose distances to all others are held at once.

    Shapes:
        ``update(features, real)``: float [N, F]; N may be 0.
        ``compute()``: (density, coverage), float64, at least 0, coverage at most 1; nan of k real images or fewer, and
        without fakes.
    """

    def __init__(self, k: int = 5, block: int = 1000) -> None:
        super().__init__(k, block)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return (density, coverage)."""
        real, fake = self.features()
        if len(real) <= self.k or not len(fake):
            return real.new_tensor(torch.nan), real.new_tensor(torch.nan)
        balls, covered = real.new_zeros(()), torch.zeros(len(real), dtype=torch.bool, device=real.device)
        for within in self.within(fake, real):
            balls, covered = balls + within.sum(), covered | within.any(dim=0)
        return balls / (self.k * len(fake)), covered.double().mean()

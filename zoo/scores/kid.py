"""torchmetrics' kernel distance of a scorer's features: for any number of images, and always the same."""

import torch
from torch import Tensor
from torchmetrics import image
from torchmetrics.utilities.data import dim_zero_cat

from zoo.scores.precomputed import Precomputed, own_randomness, quiet

SUBSETS, SUBSET_SIZE = 100, 1000


class KID(image.KernelInceptionDistance):
    """Squared maximum mean discrepancy of the features under a cubic kernel (arXiv:1801.01401), unbiased; may be < 0.

    The mean over 100 random subsets of 1,000 as published; over all images at once where there are no more than that.

    Shapes:
        ``update(features, real)``: float [N, F]; computed in float64.
        ``compute()``: (mean, std) over the subsets, std 0 where there is one; nan below 2 images.
    """

    def __init__(self, num_features: int) -> None:
        with quiet():
            super().__init__(Precomputed(num_features))

    def update(self, features: Tensor, real: bool) -> None:
        """Add features [N, F] of real images, or of fakes."""
        super().update(features.double(), real)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Compute (mean, std)."""
        counts = [len(dim_zero_cat(features)) for features in (self.real_features, self.fake_features)]
        if min(counts) < 2:
            return torch.tensor(torch.nan), torch.tensor(torch.nan)
        self.subset_size = min(SUBSET_SIZE, *counts)
        self.subsets = 1 if max(counts) <= SUBSET_SIZE else SUBSETS
        with own_randomness():
            return super().compute()

"""torchmetrics' Fréchet distance of a scorer's features."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import image

from zoo.scores.precomputed import Precomputed


class FID(image.FrechetInceptionDistance):
    """Fréchet distance, squared, of Gaussians fitted to the features (arXiv:1706.08500); nan below 2 images.

    Args:
        num_features: F.
        **options: torchmetrics'.

    Shapes:
        ``update(features, real)``: float [N, F]; computed in float64.
        ``compute()``: a scalar; 0 or more but for rounding.
    """

    def __init__(self, num_features: int, **options: Any) -> None:
        super().__init__(Precomputed(num_features), **options)

    def update(self, features: Tensor, real: bool) -> None:
        """Add features [N, F] of real images, or of fakes."""
        super().update(features.double(), real)

    def compute(self) -> Tensor:
        """Compute the distance."""
        if min(self.real_features_num_samples, self.fake_features_num_samples) < 2:
            return torch.tensor(torch.nan)
        return super().compute()

"""torchmetrics' Inception Score, FID and KID of a scorer's outputs: for any number of images, and always the same.

torchmetrics shuffles with torch's global generator; here that is seeded for it, and put back.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import image
from torchmetrics.utilities.data import dim_zero_cat

SPLITS, SPLIT_SIZE = 10, 100
SUBSETS, SUBSET_SIZE = 100, 1000

#: The least logarithm of a probability: its float64 exponential is not 0 yet, whose logarithm would make 0 * inf = nan.
LEAST = -700.0


class Precomputed(nn.Module):
    """Stands where torchmetrics wants a network: features [N, F] pass through."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        """Return the features as they are."""
        return features


class InceptionScore(image.InceptionScore):
    """Inception Score (arXiv:1606.03498): exp of the mean KL(p(y|x) || p(y)) of each split; their mean and std.

    Ten splits as published, fewer where they would have less than 100 images: the marginal of a split of 18 images
    would tell of 18 images, not of the generator. std has ddof 0, also as published; it is 0 for one split.

    Shapes:
        ``update(logits)``: float [N, K]; computed in float64.
        ``compute()``: (mean, std), in [1, K] and at least 0; nan without images.
    """

    def __init__(self, num_classes: int) -> None:
        with quiet():
            super().__init__(Precomputed(num_classes))

    def update(self, logits: Tensor) -> None:
        """Add logits [N, K]."""
        super().update(logits.double().log_softmax(dim=1).clamp(min=LEAST))

    def compute(self) -> tuple[Tensor, Tensor]:
        """Compute (mean, std) over the splits."""
        images = len(dim_zero_cat(self.features))
        if not images:
            return torch.tensor(torch.nan), torch.tensor(torch.nan)
        self.splits = max(1, min(SPLITS, images // SPLIT_SIZE))
        with own_randomness(), quiet():
            mean, std = super().compute()
        return mean, std * ((self.splits - 1) / self.splits) ** 0.5 if self.splits > 1 else torch.zeros_like(mean)


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


@contextmanager
def own_randomness() -> Iterator[None]:
    """Seed torch's CPU generator with 0, and put it back at the end."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # torch.manual_seed would also seed the GPU, which nobody puts back
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Ignore two warnings: that features are kept (K numbers an image), that one split has no std (it is 0 here)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*will save all extracted features")
        warnings.filterwarnings("ignore", r".*std\(\): degrees of freedom")
        yield

"""The base of scores from torchmetrics: no network, and draws of their own.

torchmetrics shuffles with torch's global generator; here that is seeded for it, and put back.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Precomputed(nn.Module):
    """Stand where torchmetrics wants a network: features [N, F] pass through."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        """Return the features as they are."""
        return features


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

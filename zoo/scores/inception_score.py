"""torchmetrics' Inception Score of a scorer's logits: for any number of images, and always the same."""

import torch
from torch import Tensor
from torchmetrics import image
from torchmetrics.utilities.data import dim_zero_cat

from zoo.scores.precomputed import Precomputed, own_randomness, quiet

SPLITS, SPLIT_SIZE = 10, 100

#: The least logarithm of a probability: its float64 exponential is not 0 yet, whose logarithm would make 0 * inf = nan.
LEAST = -700.0


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

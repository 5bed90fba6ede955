"""The modified Inception Score over the classes that a scorer predicts, and how many of them there are."""

import torch
from torch import Tensor

from zoo.metrics import ModifiedInceptionScore


class ClassDiversity(ModifiedInceptionScore):
    """The modified Inception Score (arXiv:1706.02071), and the number of classes predicted for at least one image.

    Shapes:
        ``update(logits)``: float [N, K], finite.
        ``compute()``: (mean, std, classes), float64; (nan, nan, 0) without images.
    """

    def compute(self) -> tuple[Tensor, ...]:  # type: ignore[override]  # one number more
        """Return (mean, std, classes)."""
        classes = (self.n > 0).sum()
        nothing = torch.tensor(torch.nan), torch.tensor(torch.nan)
        return *(super().compute() if classes else nothing), classes.double()

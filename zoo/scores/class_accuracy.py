"""The share of generated images of the class that they were asked for, as a scorer sees them."""

import torch
from torch import Tensor
from torchmetrics import Metric


class ClassAccuracy(Metric):
    """Share of fakes whose predicted class is their label.

    It says nothing of how good or how different the images of a class are, and is at most what the scorer is right on:
    hold it beside that of real images.

    Shapes:
        ``update(logits, labels)``: float [N, K], finite, and int64 [N] in [0, K); N may be 0.
        ``compute()``: a scalar in [0, 1], float64; nan without images.
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    right: Tensor
    total: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("right", torch.zeros((), dtype=torch.int64), "sum")
        self.add_state("total", torch.zeros((), dtype=torch.int64), "sum")

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add logits [N, K] of fakes and the labels [N] they were asked for."""
        # Not in place: states made under inference_mode can then be added to outside of it.
        self.right, self.total = self.right + (logits.argmax(dim=1) == labels).sum(), self.total + len(labels)

    def compute(self) -> Tensor:
        """Return the share."""
        return self.right.double() / self.total  # 0 / 0 is nan

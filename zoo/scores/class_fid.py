"""FID within each class: of the generated images that were asked for as it, to its real ones."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from zoo.scores.fid import FID


class ClassFID(Metric):
    """Mean over classes of the FID between a class's real images and the fakes of its label (Intra FID, Miyato & Koyama
    2018, arXiv:1802.05637).

    It sees what FID of all images cannot: classes exchanged, or labels ignored. nan unless each class has more real
    images and more fakes than there are features, F: of F images or fewer a covariance is singular, whatever the images
    are, and the distance mostly counts them. With more it is still too high, the more so the fewer there are: compare
    at equal numbers, and with real images' own.

    All features are kept.

    Args:
        num_features: F.
        num_labels: how many classes there are.

    Shapes:
        ``update(features, real, labels)``: float [N, F] and int64 [N] in [0, num_labels); N may be 0. In float64.
        ``compute()``: a scalar.
    """  # noqa: D205

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    real: list[Tensor]
    fake: list[Tensor]
    real_labels: list[Tensor]
    fake_labels: list[Tensor]

    def __init__(self, num_features: int, num_labels: int) -> None:
        super().__init__()
        self.num_features, self.num_labels = num_features, num_labels
        for name in ("real", "fake", "real_labels", "fake_labels"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, real: bool, labels: Tensor) -> None:
        """Add features [N, F] and labels [N] of real images, or of fakes."""
        (self.real if real else self.fake).append(features.detach())
        (self.real_labels if real else self.fake_labels).append(labels)

    def compute(self) -> Tensor:
        """Return the mean distance."""
        sets = [  # as (features, labels)
            (dim_zero_cat(self.real), dim_zero_cat(self.real_labels)),
            (dim_zero_cat(self.fake), dim_zero_cat(self.fake_labels)),
        ]
        if min(int(labels.bincount(minlength=self.num_labels).min()) for _, labels in sets) <= self.num_features:
            return torch.tensor(torch.nan)
        distances = []
        for label in range(self.num_labels):
            fid = FID(self.num_features, sync_on_compute=False).to(sets[0][0].device)  # all processes' images are here
            for (features, labels), real in zip(sets, (True, False), strict=True):
                fid.update(features[labels == label], real)
            distances.append(fid.compute())
        return torch.stack(distances).mean()

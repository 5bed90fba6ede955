"""The base of scores of memorisation, which look at the images that were trained on."""

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from zoo.scores.metric_spec import Source


class TrainingMetric(Metric):
    """Keep the features of held-out, generated and training images.

    Shapes:
        ``update(features, source)``: float [N, F]; N may be 0.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    real: list[Tensor]
    fake: list[Tensor]
    training_images: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        for name in ("real", "fake", "training_images"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, source: Source) -> None:
        """Add features [N, F] of real images held out, of fakes, or of images that were trained on."""
        {"real": self.real, "fake": self.fake, "training": self.training_images}[source].append(features.detach())

    def features(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features of (held-out, generated, training) images, float64."""
        sets = self.real, self.fake, self.training_images
        real, fake, training = (dim_zero_cat(each).double() if len(each) else torch.empty(0, 0) for each in sets)
        return real, fake, training

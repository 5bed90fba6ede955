"""Memorisation-informed FID (Bai et al. 2021, arXiv:2106.03062), through any scorer."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from zoo.scores.fid import FID
from zoo.scores.neighbours import PAIRS
from zoo.scores.training_metric import TrainingMetric

#: FID is multiplied by no more than the inverse.
LEAST = 1e-3


class MiFID(TrainingMetric):
    """FID of held-out and generated images, divided by how near these are to training images if that is too near.

    Nearness is the mean over images of 1 - |cos| to the nearest training image (Equation 1). The published threshold,
    0.1 below which FID is divided by it, belongs to the Inception network; here held-out images set the scale: FID is
    divided by the ratio of the fakes' distance to theirs where that is below 1, by a thousandth at least.

    Args:
        num_features: F.

    Shapes:
        ``update(features, source)``: float [N, F]; N may be 0. In float64.
        ``compute()``: a scalar, at least FID; nan of fewer than 2 images held out or generated, or without training.
    """

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def compute(self) -> Tensor:
        """Return the distance."""
        real, fake, training = self.features()
        if min(len(real), len(fake)) < 2 or not len(training):
            return torch.tensor(torch.nan)
        fid = FID(self.num_features, sync_on_compute=False).to(real.device)  # all processes' images are here
        fid.update(real, real=True)
        fid.update(fake, real=False)
        ratio = cosine_distance(fake, training) / cosine_distance(real, training).clamp(min=1e-12)
        return fid.compute() / ratio.clamp(LEAST, 1)


def cosine_distance(points: Tensor, region: Tensor) -> Tensor:
    """Return the mean over `points` [N, F] of 1 - |cos| to the nearest of `region` [M, F]: a scalar in [0, 1]."""
    points, region = normalize(points), normalize(region)
    parts = points.split(max(1, PAIRS // len(region)))
    return 1 - torch.cat([(part @ region.T).abs().amax(dim=1) for part in parts]).clamp(max=1).mean()

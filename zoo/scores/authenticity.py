"""Authenticity (Alaa et al. 2021, arXiv:2102.08921): the share of generated images that are no copies."""

import torch
from torch import Tensor

from zoo.scores.neighbours import nearest
from zoo.scores.training_metric import TrainingMetric


class Authenticity(TrainingMetric):
    """The share of fakes that are farther from their nearest training image than the next training image is from that.

    AuthPct, as a share rather than in per cent. Copies of training images have 0; it also falls where many fakes crowd
    around few training images. Real images that were not trained on do not have 1 but about a half: compare with
    theirs. Noise, far from everything, has 1: read it beside FID. Held-out images are not looked at.

    Shapes:
        ``update(features, source)``: float [N, F]; N may be 0. In float64.
        ``compute()``: a scalar in [0, 1]; nan without fakes, and of fewer than 2 training images.
    """

    def compute(self) -> Tensor:
        """Return the share."""
        _, fake, training = self.features()
        if len(training) < 2 or not len(fake):
            return torch.tensor(torch.nan)
        centre = training.mean(dim=0)  # near the origin, squares of distances lose no digits
        fake, training = fake - centre, training - centre
        distance, which = (each[:, 0] for each in nearest(fake, training))
        chosen, place = which.unique(return_inverse=True)
        radius = nearest(training[chosen], training, 2)[0][:, 1]  # the nearest of all is itself
        # of a copy's distance, 0, nothing but rounding is left
        limit = radius.clamp(min=0) * (1 + 1e-9) + 1e-12 * training.square().sum(dim=1).max()
        return (distance > limit[place]).double().mean()

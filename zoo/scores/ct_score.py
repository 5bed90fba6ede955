"""The test for data copying, C_T (Meehan, Chaudhuri and Dasgupta 2020, arXiv:2004.05675)."""

import math

import torch
from torch import Tensor

from zoo.scores.neighbours import nearest
from zoo.scores.training_metric import TrainingMetric

#: Fakes that a cell needs; cells at most, as a power of two, each with FEWEST images of either kind on average.
LEAST, DEPTH, FEWEST = 20, 3, 40


class CTScore(TrainingMetric):
    """Are fakes nearer to training images than held-out images are? A standard score: 0 if not, far below 0 for copies.

    Within each cell of a partition, the Mann-Whitney U of distances to the nearest training image of the cell, fakes'
    against held-out images', as a standard score; the mean over cells, weighted by their held-out images (Section 3).
    Above 0 fakes are farther from the data than real images are. It grows with the root of the number of images:
    compare at equal ones. Cells that hold fewer than 20 fakes are left out, so that missing classes are not seen.

    Cells halve the training images three times at the median of their first principal axis, fewer times where there are
    under 320 fakes or held-out images; the authors' are from k-means. Equal distances count half, and there is no
    continuity correction, which is 0.5 of U in the authors' code.

    Shapes:
        ``update(features, source)``: float [N, F]; N may be 0. In float64.
        ``compute()``: a scalar; nan where no cell has 20 fakes, a held-out and a training image.
    """

    def compute(self) -> Tensor:
        """Return the score."""
        real, fake, training = self.features()
        if not len(real) or not len(training) or len(fake) < LEAST:
            return torch.tensor(torch.nan)
        depth = min(DEPTH, max(0, (min(len(real), len(fake)) // FEWEST).bit_length() - 1))
        centre = training.mean(dim=0)
        scores, weights = [], []
        for held_out, made, trained_on in cells(real - centre, fake - centre, training - centre, depth):
            if len(made) >= LEAST and len(held_out) and len(trained_on):
                distances = (nearest(each, trained_on)[0][:, 0].clamp(min=0) for each in (made, held_out))
                scores.append(standard_u(*distances))
                weights.append(len(held_out))
        if not scores:
            return torch.tensor(torch.nan)
        share = torch.tensor(weights).to(scores[0])
        return (torch.stack(scores) * share).sum() / share.sum()


def cells(real: Tensor, fake: Tensor, training: Tensor, depth: int) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Return the rows of each set [N, F] in each of at most 2^depth cells."""
    if not depth or len(training) < 2:
        return [(real, fake, training)]
    axis = torch.linalg.eigh(training.T.cov().reshape(training.shape[1], -1)).eigenvectors[:, -1]
    ordered = (training @ axis).sort().values
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2  # between two groups, not at an end
    found = []
    for side in (True, False):
        within = [each[(each @ axis > middle) == side] for each in (real, fake, training)]
        found += cells(within[0], within[1], within[2], depth - 1)
    return found


def standard_u(first: Tensor, second: Tensor) -> Tensor:
    """Return how much larger the first numbers [N] are than the second [M], in standard deviations under equality."""
    ordered = second.sort().values
    below = torch.searchsorted(ordered, first)
    up_to = torch.searchsorted(ordered, first, right=True)
    u: Tensor = (below + up_to).double().sum() / 2  # pairs in which the first is larger, equal ones as halves
    n, m = len(first), len(second)
    return (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)

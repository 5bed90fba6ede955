"""Density and coverage: by hand, by the formula, in expectation, and where they differ from precision and recall."""

import math
from math import prod

import pytest
import torch

from helpers.scorer import draw, precision_recall
from zoo.scores.density_coverage import DensityCoverage


def density_coverage(real: torch.Tensor, fake: torch.Tensor, **options: int) -> tuple[float, float]:
    metric = DensityCoverage(**options)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    density, coverage = metric.compute()
    return density.item(), coverage.item()


@pytest.mark.parametrize(
    ("k", "real", "fake", "expected"),
    [
        # balls 0 +- 1, 1 +- 1, 3 +- 2, bounds included
        (1, [0, 1, 3], [-1, 5, 5.1, 9], ((1 + 1 + 0 + 0) / 4, 2 / 3)),
        (1, [0, 1, 3], [1, 1, 0.5], ((3 + 3 + 2) / 3, 1)),
        # balls 0 +- 3, 1 +- 2, 3 +- 3, 7 +- 6
        (2, [0, 1, 3, 7], [2, 10], ((4 + 1) / (2 * 2), 1)),
        (2, [0, 1, 3, 7], [10, 12], ((1 + 1) / (2 * 2), 1 / 4)),
        (2, [0, 1, 3, 7], [-4, 14], (0, 0)),
    ],
)
def test_density_and_coverage_by_hand(k, real, fake, expected):
    columns = [torch.tensor(values, dtype=torch.float64)[:, None] for values in (real, fake)]
    assert density_coverage(*columns, k=k) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_they_equal_all_distances_at_once_with_five_neighbours(block):
    real, fake = draw(60, 3), draw(45, 3, seed=1) * 1.2 + 0.4
    radius = (real[:, None] - real).norm(dim=2).sort(dim=1).values[:, 5]
    inside = (fake[:, None] - real).norm(dim=2) <= radius
    expected = pytest.approx((inside.sum().item() / (5 * 45), inside.any(dim=0).double().mean().item()))
    assert density_coverage(real, fake, block=block) == expected
    for far in (1e3, 1e6):
        assert density_coverage(real + far, fake + far, block=block) == expected


@pytest.mark.parametrize(("real", "fake", "k"), [(12, 12, 5), (10, 25, 3)])
def test_of_one_distribution_both_are_what_counting_says(real, fake, k):
    """Of N real and M fake points the k nearest to a real one are all real in (N-1)...(N-k) / (N+M-1)...(N+M-k)."""
    pairs = [density_coverage(draw(real, 2, seed=2 * s), draw(fake, 2, seed=2 * s + 1), k=k) for s in range(400)]
    density, coverage = torch.tensor(pairs).mean(dim=0).tolist()
    among = prod((real - i) / (real + fake - i) for i in range(1, k + 1))
    assert density == pytest.approx(1, abs=0.03)
    assert coverage == pytest.approx(1 - among, abs=0.01)


def test_they_tell_collapse_from_invention_and_fakes_far_off_gain_nothing():
    real = draw(200, 4)
    density, coverage = density_coverage(real, real[:1] + draw(200, 4, seed=1) * 1e-3)
    assert density > 0.5
    assert coverage < 0.1
    assert density_coverage(real, draw(200, 4, seed=2) + 100) == (0, 0)
    scattered = draw(200, 4, seed=3) * 8
    assert precision_recall(real, scattered)[1] > 0.9, "a few fakes far off stretch recall's region over all"
    assert density_coverage(real, scattered)[1] < 0.5


def test_copies_of_real_images_lie_in_their_balls():
    many = draw(20, 64).repeat(7, 1)  # the fifth neighbour is a copy: radius 0
    assert density_coverage(many, many[:20]) == pytest.approx((7 / 5, 1))


def test_of_too_few_both_are_nan():
    assert all(map(math.isnan, density_coverage(draw(5, 2), draw(9, 2))))
    assert all(map(math.isnan, density_coverage(draw(9, 2), draw(0, 2))))
    assert not any(map(math.isnan, density_coverage(draw(6, 2), draw(1, 2))))
    with pytest.raises(ValueError, match="at least 1"):
        DensityCoverage(k=0)

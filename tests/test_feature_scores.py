"""Inception Score, FID, KID, precision and recall: closed forms, reference implementations, few images."""

import math

import pytest
import torch
from torch.testing import assert_close

from helpers.scorer import draw, fid_of, is_of, kid_of, precision_recall
from zoo.scores.inception_score import InceptionScore
from zoo.scores.kid import KID
from zoo.scores.precision_recall import PrecisionRecall
from zoo.scores.precomputed import own_randomness

# -- Inception Score --


def inception_score(logits: torch.Tensor) -> torch.Tensor:
    """Salimans et al. 2016, one split."""
    p = logits.softmax(dim=1)
    return (p * (p.log() - p.mean(dim=0).log())).sum(dim=1).mean().exp()


def test_inception_score_of_few_images_is_one_split():
    logits = draw(150, 5) * 3
    mean, std = is_of(logits)
    assert_close(mean, inception_score(logits))
    assert std == 0


def test_inception_score_of_many_images_has_ten_shuffled_splits():
    logits = draw(1000, 5) * 3
    mean, std = is_of(logits)
    with own_randomness():
        shuffled = logits[torch.randperm(1000)]
    parts = torch.stack([inception_score(part) for part in shuffled.split(100)])
    assert_close(mean, parts.mean())
    assert_close(std, parts.std(correction=0))
    ordered = logits[logits.argmax(dim=1).argsort()]  # sorted by class: unshuffled splits would score 1
    assert is_of(ordered)[0] > 0.9 * mean


def test_inception_score_at_its_bounds():
    sure = torch.eye(4).repeat(30, 1) * 1e4
    assert_close(is_of(sure)[0], torch.tensor(4.0, dtype=torch.float64))
    assert_close(is_of(sure[:1].expand(120, 4))[0], torch.tensor(1.0, dtype=torch.float64))  # 3 classes of weight 0
    assert is_of(sure[:1])[0] == 1
    assert all(value.isnan() for value in is_of(sure[:0]))


def test_shuffling_leaves_the_random_state_alone():
    metrics = InceptionScore(3), KID(3)
    metrics[0].update(draw(300, 3))
    for real in (True, False):
        metrics[1].update(draw(30, 3, seed=int(real)), real)
    for metric in metrics:
        torch.manual_seed(7)
        expected = torch.rand(3)
        torch.manual_seed(7)
        first = metric.compute()
        assert torch.equal(torch.rand(3), expected)
        torch.manual_seed(8)
        metric._computed = None
        assert metric.compute() == first


# -- FID, KID --


def test_fid_of_gaussians_along_the_axes_is_the_formula():
    """|m1 - m2|^2 + sum (s1 - s2)^2, exactly, if mean and covariance of the samples are made exact."""
    white = draw(500, 3)
    white -= white.mean(dim=0)
    white = white @ torch.linalg.inv(torch.linalg.cholesky(white.T.cov())).T
    mean, s1, s2 = torch.tensor([[1.0, -2, 0.5], [1, 2, 3], [0.5, 2, 3]], dtype=torch.float64)
    expected = mean.square().sum() + (s1 - s2).square().sum()
    assert_close(fid_of(white * s1, white.flip(0) * s2 + mean), expected)


def test_fid_of_correlated_gaussians_is_the_formula():
    """Tr sqrt(A B), by the symmetric root: sqrtm(sqrt(A) B sqrt(A))."""
    real, fake = draw(400, 4) @ draw(4, 4, seed=1), draw(300, 4, seed=2) @ draw(4, 4, seed=3) + 0.5

    def root(matrix):
        values, vectors = torch.linalg.eigh(matrix)
        return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T

    a, b = real.T.cov(), fake.T.cov()
    gap = (real.mean(dim=0) - fake.mean(dim=0)).square().sum()
    expected = gap + a.trace() + b.trace() - 2 * root(root(a) @ b @ root(a)).trace()
    assert_close(fid_of(real, fake), expected)
    assert_close(fid_of(real, real), torch.tensor(0.0, dtype=torch.float64), atol=1e-9, rtol=0)


def test_kid_of_few_images_takes_all_of_them():
    real, fake = draw(40, 5), draw(40, 5, seed=1) + 1

    def kernel(a, b):
        return (a @ b.T / 5 + 1) ** 3

    off = ~torch.eye(40, dtype=torch.bool)
    expected = kernel(real, real)[off].mean() + kernel(fake, fake)[off].mean() - 2 * kernel(real, fake).mean()
    assert_close(kid_of(real, fake), expected)
    assert kid_of(real, draw(40, 5, seed=2)).abs() < expected


def test_kid_of_sets_of_different_sizes():
    assert kid_of(draw(1500, 3), draw(20, 3, seed=1)).abs() < 1
    assert kid_of(draw(1500, 3), draw(20, 3, seed=1) + 2) > 1


@pytest.mark.parametrize("score", [fid_of, kid_of])
def test_one_image_is_too_few(score):
    assert score(draw(1, 3), draw(5, 3)).isnan()
    assert score(draw(5, 3), draw(0, 3)).isnan()


# -- precision and recall --


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def test_precision_and_recall_by_hand():
    """At k = 1 a region is made of intervals: the real one is 0 +- 1, 1 +- 1, 3 +- 2; that of fakes is beside them."""
    real = column(0, 1, 3)
    assert precision_recall(real, column(-1, 5, 5.1, 9), k=1) == (0.5, 1)  # -1 +- 6, ...: bounds belong to a region
    assert precision_recall(real, column(-3, -3.5, 2.9, 3.2), k=1) == (0.5, 1 / 3)  # -3 +- .5, -3.5 +- .5, ... +- .3


def test_precision_and_recall_tell_collapse_from_invention():
    real = draw(200, 4)
    assert precision_recall(real, real) == (1, 1)
    collapsed = precision_recall(real, real[:1] + draw(200, 4, seed=1) * 1e-3)
    assert collapsed[0] == 1
    assert collapsed[1] <= 0.01
    scattered = precision_recall(real, draw(200, 4, seed=2) * 8)
    assert scattered[0] < 0.1
    assert scattered[1] > 0.9
    assert precision_recall(real, draw(200, 4, seed=3) + 100) == (0, 0)


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_precision_and_recall_equal_all_distances_at_once(block):
    real, fake = draw(60, 3), draw(45, 3, seed=1) * 1.2 + 0.4

    def within(points, region):
        radius = (region[:, None] - region).norm(dim=2).sort(dim=1).values[:, 3]
        return ((points[:, None] - region).norm(dim=2) <= radius).any(dim=1).double().mean().item()

    expected = pytest.approx((within(fake, real), within(real, fake)))
    assert precision_recall(real, fake, block=block) == expected
    for far in (1e3, 1e6):  # from the origin nothing may depend
        assert precision_recall(real + far, fake + far, block=block) == expected


@pytest.mark.parametrize(("rows", "width", "copies"), [(201, 64, 5), (20, 2048, 5), (100, 512, 10)])
def test_copies_lie_among_each_other(rows, width, copies):
    """Where a point has k copies its radius is 0, and of their distances nothing is left but rounding."""
    base = draw(rows, width)
    many = base.repeat(copies, 1)
    shuffled = many[torch.randperm(len(many), generator=torch.Generator().manual_seed(0))]
    assert precision_recall(many, shuffled, block=97) == (1, 1)
    assert precision_recall(base[:8], base[:1].repeat(20, 1))[1] == 1 / 8


def test_precision_and_recall_of_too_few():
    precision, recall = precision_recall(draw(3, 2), draw(5, 2))
    assert math.isnan(precision)
    assert not math.isnan(recall)
    with pytest.raises(ValueError, match="at least 1"):
        PrecisionRecall(k=0)

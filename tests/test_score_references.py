"""FID, KID, IS, precision, recall, density and coverage against public implementations' values of the same features."""

import numpy as np
import pytest
import torch

from helpers.blocks import assert_close, reference
from helpers.scorer import fid_of, is_of, kid_of, precision_recall
from zoo.scores.density_coverage import DensityCoverage
from zoo.scores.neighbours import squared_distances

pytestmark = pytest.mark.data

CASES = "plain", "rank_deficient_n4_d5", "rank_deficient_one_side", "same", "const_column", "all_constant"


def density_coverage(real, fake, k):
    metric = DensityCoverage(k=k)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return [value.item() for value in metric.compute()]


@pytest.mark.parametrize("k", [1, 3, 5])
def test_precision_recall_density_coverage(k):
    real, fake, expected = reference("ev/real", "ev/fake", f"ev/prdc_k{k}_precision_recall_density_coverage")
    found = [*precision_recall(real, fake, k=k), *density_coverage(real, fake, k)]
    assert_close(torch.tensor(found, dtype=torch.float64), expected)


def test_the_balls_radii_are_distances_to_the_third_other():
    real, expected = reference("ev/real", "ev/prdc_k3_real_radii")
    assert_close(squared_distances(real, real).sort(dim=1).values[:, 3].sqrt(), expected)


def test_precision_and_recall_of_points_that_are_there_twice():
    real, fake, ties = reference("ev/real_ties", "ev/fake_ties", "ev/prdc_ties_k3")
    assert precision_recall(real, fake) == pytest.approx(ties[:2].tolist())
    other = reference("ev/torchfidelity_prc_ties_k3")
    assert precision_recall(real, fake) == pytest.approx(other.tolist(), abs=1e-6)
    density, coverage = density_coverage(real, fake, 3)  # here a ball's boundary belongs to it: there may be more
    assert density >= ties[2] - 1e-9
    assert coverage >= ties[3] - 1e-9


def test_precision_and_recall_are_torch_fidelity_s_too():
    real, fake, expected = reference("ev/real", "ev/fake", "ev/torchfidelity_prc_k3")
    assert precision_recall(real, fake) == pytest.approx(expected.tolist(), abs=1e-6)


def test_kid_of_all_images_at_once():
    real, fake = reference("ev/real", "ev/fake")
    for name in ("ev/cleanfid_kid_full50_1subset", "ev/torchfidelity_mmd2_unbiased_50"):
        assert_close(kid_of(real[:50], fake), reference(name))


def test_kid_over_subsets_is_the_mean_of_kid_of_each():
    real, fake, first, expected = reference(
        "ev/real", "ev/fake", "ev/torchfidelity_kid_first_subset_idx", "ev/torchfidelity_kid_100x40_seed2020_mean_std"
    )
    random = np.random.RandomState(2020)
    rows = [[random.choice(len(each), 40, replace=False) for each in (real, fake)] for _ in range(100)]
    assert {tuple(each) for each in rows[0]} == {tuple(each) for each in first.tolist()}
    values = torch.stack([kid_of(real[one], fake[other]) for one, other in rows])
    assert_close(torch.stack([values.mean(), values.std(correction=0)]), expected)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("source", ["pytorch_fid", "clean_fid", "torch_fidelity"])
def test_fid_also_where_a_covariance_is_singular(case, source):
    real, fake, expected = reference(*(f"ev/fid/{case}/{name}" for name in ("a", "b", source)))
    torch.testing.assert_close(fid_of(real, fake), expected, rtol=1e-6, atol=1e-6)


def test_inception_score_of_each_split():
    logits, expected = reference("ev/is/logits", "ev/is/torchfidelity_shuffle0_mean_std")
    parts = [logits[split * len(logits) // 10 : (split + 1) * len(logits) // 10] for split in range(10)]
    scores = torch.stack([is_of(part)[0] for part in parts])
    assert_close(torch.stack([scores.mean(), scores.std(correction=0)]), expected)

"""Scores of memorisation: by hand, against other implementations, and what each sees of sets made to cheat."""

import math

import pytest
import torch
from scipy.stats import mannwhitneyu

from helpers.scorer import draw, fid_of
from zoo.scores.authenticity import Authenticity
from zoo.scores.ct_score import CTScore, cells, standard_u
from zoo.scores.mifid import MiFID, cosine_distance
from zoo.scores.neighbours import nearest


def fed(metric, real, fake, training):
    for features, source in ((real, "real"), (fake, "fake"), (training, "training")):
        metric.update(features, source)
    return metric.compute().item()


def authenticity(fake, training):
    return fed(Authenticity(), draw(3, fake.shape[1], seed=9), fake, training)


def ct_score(real, fake, training):
    return fed(CTScore(), real, fake, training)


def mifid(real, fake, training):
    return fed(MiFID(real.shape[1]), real, fake, training)


def column(*values):
    return torch.tensor(values, dtype=torch.float64)[:, None]


# -- authenticity --


def test_authenticity_by_hand():
    """Nearest training images of the fakes are 0, 0, 10 and 11, whose own nearest lie 1, 1, 1 and 1 away."""
    assert authenticity(column(-0.5, -1.5, 9.5, 13), column(0, 1, 10, 11)) == 2 / 4
    assert authenticity(column(-1), column(0, 1)) == 0  # exactly as far is no farther


def test_authenticity_equals_all_distances_at_once():
    training, fake = draw(80, 3), draw(50, 3, seed=1)
    among, to = torch.cdist(training, training).fill_diagonal_(math.inf), torch.cdist(fake, training)
    expected = (among.amin(1)[to.argmin(1)] < to.amin(1)).double().mean().item()
    assert 0 < expected < 1
    for far in (0.0, 1e6):
        assert authenticity(fake + far, training + far) == expected


@pytest.mark.parametrize("width", [3, 512])
def test_copies_are_not_authentic_even_of_images_that_are_there_twice(width):
    training = draw(40, width)
    assert authenticity(training[:9], training) == 0
    assert authenticity(training[:9], training.repeat(2, 1)) == 0
    assert authenticity(training[:9] + 100, training) == 1


# -- the C_T test --


def test_u_is_scipy_s():
    first, second = draw(40, seed=1).round(decimals=1), draw(70, seed=2).round(decimals=1) + 0.2  # with ties
    u = mannwhitneyu(first, second).statistic
    expected = (u - 40 * 70 / 2) / math.sqrt(40 * 70 * 111 / 12)
    assert standard_u(first, second).item() == pytest.approx(expected)
    assert standard_u(second, first).item() == pytest.approx(-expected)
    assert standard_u(first, first).item() == 0


def test_of_few_images_there_is_one_cell():
    real, fake, training = draw(30, 3), draw(25, 3, seed=1) * 1.5, draw(90, 3, seed=2)
    distances = [torch.cdist(each, training).amin(1) for each in (fake, real)]
    assert ct_score(real, fake, training) == pytest.approx(standard_u(*distances).item())


def test_cells_halve_the_training_images_and_lose_none():
    real, fake, training = draw(100, 4), draw(60, 4, seed=1), draw(800, 4, seed=2) * torch.tensor([9.0, 3, 1, 1])
    found = cells(real, fake, training, 3)
    assert [len(trained_on) for _, _, trained_on in found] == [100] * 8
    for index, whole in enumerate((real, fake, training)):
        rows = torch.cat([cell[index] for cell in found])
        assert rows.sort(dim=0).values.equal(whole.sort(dim=0).values)
    right = [cell for cell in found if cell[2].mean(dim=0)[0] > 0]
    assert len(right) == 4, "the first axis is cut first"
    same = torch.ones(50, 4, dtype=torch.float64)
    assert sum(len(cell[2]) for cell in cells(real, fake, same, 3)) == 50


def test_a_copy_in_one_cell_is_not_hidden_by_fakes_far_off_in_another():
    apart = torch.tensor([50.0, 0, 0], dtype=torch.float64)
    training, real = (torch.cat([draw(400, 3, seed=s) - apart, draw(400, 3, seed=s + 1) + apart]) for s in (0, 2))
    copies, far = training[:400], draw(400, 3, seed=4) * 3 + apart
    honest = torch.cat([draw(400, 3, seed=5) - apart, draw(400, 3, seed=6) + apart])
    only_copies = torch.cat([copies, honest[400:]])
    both = torch.cat([copies, far])
    assert abs(ct_score(real, honest, training)) < 2
    assert ct_score(real, only_copies, training) < -4
    assert abs(ct_score(real, both, training)) < -ct_score(real, only_copies, training)


def test_cells_weigh_as_their_held_out_images_do_and_need_twenty_fakes():
    """Two groups far apart, cut there first: 90 and 10 held-out images, 61 fakes and 20; then 61 and 19."""
    apart = torch.tensor([50.0, 0], dtype=torch.float64)
    left, right = draw(300, 2) - apart, draw(300, 2, seed=1) + apart
    real = torch.cat([draw(90, 2, seed=2) - apart, draw(10, 2, seed=3) + apart])
    fake = torch.cat([draw(61, 2, seed=4) - apart, draw(20, 2, seed=5) * 2 + apart])
    pairs = (fake[:61], real[:90], left), (fake[61:], real[90:], right)
    scores = [standard_u(*(torch.cdist(part, near).amin(1) for part in parts)).item() for *parts, near in pairs]
    training = torch.cat([left, right])
    assert ct_score(real, fake, training) == pytest.approx(0.9 * scores[0] + 0.1 * scores[1])
    assert ct_score(real, fake[:-1], training) == pytest.approx(scores[0])


def test_of_fakes_like_the_real_images_it_is_a_standard_score():
    scores = torch.tensor([
        ct_score(draw(60, 2, seed=3 * s), draw(60, 2, seed=3 * s + 1), draw(200, 2, seed=3 * s + 2)) for s in range(200)
    ])  # fmt: skip
    assert scores.mean().abs() < 0.25
    assert 0.8 < scores.std() < 1.4


# -- MiFID --


def test_nearness_is_that_of_angles_whatever_the_lengths_and_signs():
    points, region = draw(30, 5), draw(50, 5, seed=1)
    expected = (1 - torch.cosine_similarity(points[:, None], region, dim=2).abs()).amin(1).mean()
    assert cosine_distance(-3 * points, region * 5).item() == pytest.approx(expected.item())
    assert cosine_distance(points, region).item() == pytest.approx(expected.item())
    assert cosine_distance(region, region).item() == pytest.approx(0, abs=1e-12)


def test_mifid_is_fid_until_fakes_are_nearer_than_held_out_images():
    first, second = torch.eye(4, dtype=torch.float64)[:2] * 5
    real, training, far = draw(300, 4) + first, draw(400, 4, seed=1) + first, draw(300, 4, seed=2) + second
    assert mifid(real, real, training) == pytest.approx(0, abs=1e-6)
    assert cosine_distance(far, training) > cosine_distance(real, training)
    assert mifid(real, far, training) == pytest.approx(fid_of(real, far).item())
    near = training[:300] + draw(300, 4, seed=4) * 1e-2
    ratio = (cosine_distance(near, training) / cosine_distance(real, training)).item()
    assert ratio < 0.1
    assert mifid(real, near, training) == pytest.approx(fid_of(real, near).item() / ratio)
    assert mifid(real, training[:300], training) == pytest.approx(1000 * fid_of(real, training[:300]).item())


# -- what each sees --


def two_classes(seed):
    """Images of two classes, as features [800, 8]."""
    return torch.cat([draw(400, 8, seed=seed) - APART, draw(400, 8, seed=seed + 1) + APART]) + 10


APART = torch.tensor([6.0, 0, 0, 0, 0, 0, 0, 0], dtype=torch.float64)
TRAINING, HELD_OUT, NEW = (two_classes(seed) for seed in (20, 22, 24))

CHEATS = {  # whether it is seen by: authenticity, C_T, MiFID
    "the training set": (TRAINING, (True, True, True)),
    "noisy copies": (TRAINING + draw(800, 8, seed=6) * 0.2, (True, True, True)),
    "one training image": (TRAINING[:1].repeat(800, 1), (True, True, True)),
    "half the classes, new images": (torch.cat([NEW[:400], draw(400, 8, seed=7) - APART + 10]), (False,) * 3),
    "new images": (NEW, (False, False, False)),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_which_score_sees_which_cheat(cheat):
    fake, expected = CHEATS[cheat]
    honest = authenticity(NEW, TRAINING)
    assert 0.35 < honest < 0.75
    ratio = mifid(HELD_OUT, fake, TRAINING) / fid_of(HELD_OUT, fake).item()
    seen = (
        authenticity(fake, TRAINING) < honest - 0.2,
        ct_score(HELD_OUT, fake, TRAINING) < -4,
        ratio > 1.5,
    )
    assert seen == expected
    if not any(expected):
        assert abs(ct_score(HELD_OUT, fake, TRAINING)) < 3
        assert ratio < 1.2


def test_blocks_do_not_matter(monkeypatch):
    points, region = draw(23, 3), draw(17, 3, seed=1)
    whole = nearest(points, region, 2)
    monkeypatch.setattr("zoo.scores.neighbours.PAIRS", 40)
    parts = nearest(points, region, 2)
    assert torch.allclose(whole[0], parts[0])
    assert torch.equal(whole[1], parts[1])


def test_of_too_few_they_are_nan():
    assert math.isnan(authenticity(draw(3, 2), draw(1, 2)))
    assert math.isnan(authenticity(draw(0, 2), draw(5, 2)))
    assert math.isnan(ct_score(draw(30, 2), draw(19, 2), draw(30, 2)))
    assert math.isnan(ct_score(draw(0, 2), draw(30, 2), draw(30, 2)))
    assert math.isnan(mifid(draw(1, 2), draw(30, 2), draw(30, 2)))
    assert math.isnan(mifid(draw(30, 2), draw(30, 2), draw(0, 2)))

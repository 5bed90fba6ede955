"""All scores of one evaluation: few images, broken images, batches, and how often the scorer is asked."""

import math

import pytest
import torch

from datamodules import DigitsDataModule
from datamodules.scaling import to_unit_range
from helpers.scorer import KEYS, evaluate, fid_of, images, is_of, kid_and_std, precision_recall
from zoo.metrics import ModifiedInceptionScore
from zoo.scores.density_coverage import DensityCoverage
from zoo.scores.evaluation import Evaluation
from zoo.scores.scorers import load_scorer
from zoo.scores.sliced_wasserstein import SlicedWasserstein


def test_every_score_is_that_of_its_metric(scorer):
    real, fake = images(210), images(190, seed=1, shift=0.1)
    scores = evaluate(Evaluation(scorer), real, fake)
    assert list(scores) == KEYS
    assert all(isinstance(value, float) for value in scores.values())
    features, logits = scorer(fake)
    seen = scorer(real).features
    modified = ModifiedInceptionScore(3)
    modified.update(logits)
    density = DensityCoverage()
    density.update(seen, real=True)
    density.update(features, real=False)
    sliced = SlicedWasserstein()
    sliced.update(real, real=True)
    sliced.update(fake, real=False)
    expected = [
        *is_of(logits), *modified.compute(), len(logits.argmax(dim=1).unique()), fid_of(seen, features),
        *kid_and_std(seen, features), *precision_recall(seen, features), *density.compute(),
        sliced.compute(),
    ]  # fmt: skip
    assert list(scores.values()) == pytest.approx([float(value) for value in expected])


def test_metrics_without_the_scorer_never_ask_it(scorer):
    scorer.register_forward_hook(lambda *_: pytest.fail("the scorer was asked"))
    assert list(evaluate(Evaluation(scorer, ["sliced_wasserstein"]), images(9), images(9))) == ["sliced_wasserstein"]
    for wrong in ([], ["fid", "fad"]):
        with pytest.raises(ValueError, match=r"metrics must be some of inception_score, .*sliced_wasserstein, .*; got"):
            Evaluation(scorer, wrong)


def test_the_scorer_looks_once_at_each_batch_and_never_where_its_answer_is_known(scorer):
    real, evaluation = images(20), Evaluation(scorer)
    known = evaluation.update_real(real)
    evaluation.update_fake(images(20, seed=1))
    expected = evaluation.compute()
    assert scorer.network.calls == 2
    evaluation.reset()
    evaluation.update_real(real, known)
    evaluation.update_fake(images(20, seed=1))
    assert scorer.network.calls == 3
    assert evaluation.compute() == expected


def test_scores_move_as_they_should():
    """Real digits are a proxy for good fakes: they beat noise, and a single digit, where each score should see it."""
    data = DigitsDataModule()
    data.setup()
    evaluation = Evaluation(load_scorer("digits"))
    test, train = (to_unit_range(data.splits[name].images[:200]) for name in ("test", "train"))
    good = evaluate(evaluation, test, train)
    noise = evaluate(evaluation, test, torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    single = evaluate(evaluation, test, train[:1].expand(200, -1, -1, -1))
    assert good["classes_used"] == 10
    assert single["classes_used"] == 1
    assert good["inception_score"] > 8
    assert single["inception_score"] == pytest.approx(1)
    assert single["modified_inception_score"] == pytest.approx(1)
    assert good["precision"] > 0.8
    assert noise["precision"] < 0.2
    assert good["recall"] > 0.7
    assert good["density"] > 0.8
    assert good["coverage"] > 0.8
    assert single["recall"] < 0.1
    assert noise["density"] < 0.2
    assert single["coverage"] < 0.1
    for worse in (noise, single):
        assert worse["fid"] > 10 * good["fid"]
        assert worse["kid"] > good["kid"] + 1
        assert worse["sliced_wasserstein"] > 2 * good["sliced_wasserstein"]


def test_without_a_scorer_pixels_are_compared():
    scores = evaluate(Evaluation(None), images(20), images(20, seed=1))
    assert list(scores) == ["sliced_wasserstein"]
    assert scores["sliced_wasserstein"] > 0


def test_pixels_of_as_many_real_images_as_fakes_are_compared_and_a_reset_forgets_the_others():
    evaluation, real, fake = Evaluation(None), images(20), images(20, seed=1)
    expected = evaluate(evaluation, real, fake)
    assert evaluate(evaluation, torch.cat([real, images(7, seed=2)]), fake) == expected
    assert evaluate(evaluation, real.reshape(20, 1, 3, 2), fake.reshape(20, 1, 3, 2)) == expected


def test_pixels_that_all_move_by_one_distance_are_that_far_away():
    """Of one pixel, every direction of length 1 is 1 or -1."""
    metric, real = SlicedWasserstein(), images(30)[:, :, :1, :1]
    metric.update(real, real=True)
    metric.update(real.flip(0) + 0.25, real=False)
    assert metric.compute().item() == pytest.approx(0.25, rel=1e-5)


@pytest.mark.parametrize(("real", "fake"), [(0, 0), (0, 5), (5, 0), (1, 1), (2, 2), (5, 1), (6, 1)])
def test_few_images_give_numbers_or_nan(scorer, real, fake):
    scores = evaluate(Evaluation(scorer), images(real), images(fake))
    assert list(scores) == KEYS
    assert math.isnan(scores["fid"]) == math.isnan(scores["kid"]) == (min(real, fake) < 2)
    assert math.isnan(scores["precision"]) == (real < 4 or fake == 0)
    assert math.isnan(scores["recall"]) == (fake < 4 or real == 0)
    assert math.isnan(scores["density"]) == math.isnan(scores["coverage"]) == (real < 6 or fake == 0)
    assert math.isnan(scores["inception_score"]) == math.isnan(scores["modified_inception_score"]) == (fake == 0)
    assert math.isnan(scores["sliced_wasserstein"]) == (min(real, fake) == 0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_one_broken_image_makes_every_score_nan_and_a_reset_forgets_it(scorer, value):
    evaluation, fake = Evaluation(scorer), images(20, seed=1)
    expected = evaluate(evaluation, images(20), fake)
    broken = fake.clone()
    broken[3, 0, 1, 1] = value
    scores = evaluate(evaluation, images(20), broken)
    assert all(math.isnan(score) for key, score in scores.items() if key != "sliced_wasserstein")
    assert not math.isfinite(scores["sliced_wasserstein"])
    assert evaluate(evaluation, images(20), fake) == expected


def test_evaluation_works_across_inference_mode(scorer):
    evaluation = Evaluation(scorer)
    expected = evaluate(evaluation, images(20), images(20, seed=1))
    with torch.inference_mode():
        evaluation.reset()
        evaluation.update_real(images(20))
    evaluation.update_fake(images(20, seed=1))
    assert evaluation.compute() == expected


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu(scorer):
    expected = evaluate(Evaluation(scorer, num_labels=3), images(60), images(60, seed=1))
    state = torch.cuda.get_rng_state()
    scores = evaluate(
        Evaluation(scorer, num_labels=3).to(torch.device("cuda")), images(60).cuda(), images(60, seed=1).cuda()
    )
    assert scores == pytest.approx(expected, rel=1e-4)
    assert torch.equal(torch.cuda.get_rng_state(), state)

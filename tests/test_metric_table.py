"""Properties of every metric of the table: a new line there is tested here."""

import math
from typing import get_args

import pytest
import torch

from helpers.scorer import evaluate, images, turns
from zoo.scores.classifier import Scored
from zoo.scores.evaluation import Evaluation
from zoo.scores.metric_spec import Sizes
from zoo.scores.table import KEYS, METRICS, OF_TRAINING, SPECS, MetricName

every_metric = pytest.mark.parametrize("name", SPECS)

#: Counts: without images they are 0, not nan.
COUNTS = {"classes_used"}


def test_names_are_those_that_the_command_line_offers_and_no_two_scores_have_one_key():
    assert get_args(MetricName) == tuple(SPECS) == tuple(METRICS)
    keys = [key for spec in SPECS.values() for key in spec.keys]
    assert len(set(keys)) == len(keys)
    assert set(keys) - set(KEYS) == {"sliced_wasserstein"}


@every_metric
def test_a_metric_gives_the_same_finite_scores_alone_and_beside_all_others(name, scorer):
    real, fake = images(120), images(120, seed=1, shift=0.1)
    scores = evaluate(Evaluation(scorer, [name], 3, training=True), real, fake)
    assert tuple(scores) == SPECS[name].keys
    assert all(type(value) is float and math.isfinite(value) for value in scores.values())
    everything = evaluate(Evaluation(scorer, num_labels=3, training=True), real, fake)
    assert scores == {key: everything[key] for key in SPECS[name].keys}


@every_metric
def test_batches_and_their_order_do_not_matter_and_a_reset_forgets(name, scorer):
    real, fake = images(60), images(60, seed=1, shift=0.1)
    evaluation = Evaluation(scorer, [name], 3, training=True)
    expected = pytest.approx(evaluate(evaluation, real, fake, batch=60))
    assert evaluate(evaluation, real, fake, batch=7) == expected
    evaluation.reset()
    for part in images(70, seed=2).flip(0).split(9):
        evaluation.update_training(part)
    for part, labels in zip(fake.split(17), turns(60).split(17), strict=True):
        evaluation.update_fake(part, labels=labels)
    evaluation.update_real(real, labels=turns(60))
    assert evaluation.compute() == expected


@every_metric
def test_two_merged_halves_are_the_whole(name, scorer):
    spec = SPECS[name]
    whole, left, right = (spec.make(Sizes(scorer.num_features, scorer.num_classes, 3, True)) for _ in range(3))
    for source, given in (
        ("real", images(80)),
        ("fake", images(80, seed=1, shift=0.1)),
        ("training", images(80, seed=2)),
    ):
        features, logits = scorer(given)
        inputs = {"pixels": given, "features": features, "logits": logits}[spec.inputs]
        for metric, part in ((whole, slice(None)), (left, slice(30)), (right, slice(30, None))):
            spec.update(metric, inputs[part], source, turns(80)[part])
    left.merge_state(right)
    assert spec.compute(left) == pytest.approx(spec.compute(whole), nan_ok=True)
    assert len(spec.compute(whole)) == len(spec.keys)


@every_metric
def test_states_gathered_from_several_processes_are_tensors(name, scorer):
    evaluation = Evaluation(scorer, [name], 3, training=True)
    scores, metric = evaluate(evaluation, images(60), images(60, seed=1)), evaluation.metrics[name]
    for state, value in metric.metric_state.items():
        if isinstance(value, list):
            setattr(metric, state, torch.cat(value))
    metric._computed = None
    assert SPECS[name].compute(metric) == pytest.approx(tuple(scores.values()), nan_ok=True)


@every_metric
@pytest.mark.parametrize(("real", "fake"), [(0, 0), (0, 5), (5, 0), (1, 1), (2, 1)])
def test_too_few_images_give_nan_and_never_an_error(name, real, fake, scorer):
    scores = evaluate(Evaluation(scorer, [name], 3, training=True), images(real), images(fake, seed=1))
    assert tuple(scores) == SPECS[name].keys
    missing = not fake or (not real and SPECS[name].of == "both") or (name != "authenticity" and name in OF_TRAINING)
    if missing:
        assert all(score == 0 if key in COUNTS else math.isnan(score) for key, score in scores.items())


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.needs_scorer])
@pytest.mark.parametrize("real", [True, False])
@pytest.mark.parametrize("part", ["features", "logits"])
def test_a_scorer_without_an_answer_for_one_image_makes_a_score_nan(name, real, part, scorer):
    evaluation = Evaluation(scorer, [name], 3, training=True)
    expected = evaluate(evaluation, images(60), images(60, seed=1))
    scored = {"features": torch.randn(60, 6), "logits": torch.randn(60, 3)}
    scored[part][7, 2] = math.nan
    (evaluation.update_real if real else evaluation.update_fake)(images(60), Scored(**scored), turns(60))
    assert all(math.isnan(score) for score in evaluation.compute().values())
    assert evaluate(evaluation, images(60), images(60, seed=1)) == expected


@every_metric
def test_a_metric_without_its_scorer_is_left_out(name):
    scores = evaluate(Evaluation(None, [name], 3), images(9), images(9, seed=1))
    assert tuple(scores) == (() if SPECS[name].needs_scorer else SPECS[name].keys)


@pytest.mark.parametrize("name", OF_TRAINING)
def test_a_metric_of_training_images_is_left_out_where_none_will_be_given(name, scorer):
    assert evaluate(Evaluation(scorer, [name]), images(60), images(60, seed=1)) == {}
    evaluation = Evaluation(scorer, [name], training=True)
    evaluation.update_real(images(60))
    evaluation.update_fake(images(60, seed=1))
    assert all(math.isnan(score) for score in evaluation.compute().values())  # none was given


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.of != "training"])
def test_other_metrics_do_not_look_at_training_images(name, scorer):
    real, fake = images(60), images(60, seed=1)
    assert evaluate(Evaluation(scorer, [name], 3, training=True), real, fake) == evaluate(
        Evaluation(scorer, [name], 3), real, fake
    )


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.labels != "unused"])
def test_a_metric_of_labels_is_left_out_without_them(name, scorer):
    assert evaluate(Evaluation(scorer, [name]), images(60), images(60, seed=1)) == {}
    others = Evaluation(scorer, num_labels=4).metrics.keys()  # classes that are not the scorer's
    assert (name in others) is (SPECS[name].labels == "needed")

"""m-IS against its definition: all pairs, one by one."""

import math

import pytest
import torch

from helpers.logits import GROUPINGS, INF, NAN, assert_same, brute_force, draw, score
from zoo.metrics import ModifiedInceptionScore


@pytest.mark.parametrize("temperature", [0.3, 1.0, 5.0])
@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_equals_the_definition(grouping, classes, temperature):
    logits, labels = draw(24, classes, temperature)
    expected = brute_force(logits, labels, grouping)
    metric = score(logits, labels, grouping)
    assert_same(metric.per_class(), expected)
    mean, std = metric.compute()
    seen = expected[~expected.isnan()]
    assert_same(mean, seen.mean())
    assert_same(std, ((seen - seen.mean()) ** 2).mean().sqrt())
    assert mean.dtype == std.dtype == metric.per_class().dtype == torch.float64


def test_two_samples_by_hand():
    # p = (.8, .2) and (.5, .5): of the four pairs (i, j) two are equal, KL 0, and
    # .8 log(.8/.5) + .2 log(.2/.5) = .8 log 1.6 + .2 log .4;  .5 log(.5/.8) + .5 log(.5/.2) = .5 log 1.5625.
    logits = torch.tensor([[0.8, 0.2], [0.5, 0.5]], dtype=torch.float64).log()
    kl = (0.8 * math.log(1.6) + 0.2 * math.log(0.4) + 0.5 * math.log(1.5625)) / 4
    expected = torch.tensor(math.exp(kl), dtype=torch.float64)
    for grouping in GROUPINGS:  # a tie goes to the lower class, so both samples are of class 0
        mean, std = score(logits, torch.tensor([0, 0]), grouping).compute()
        assert_same(mean, expected, 1e-15)
        assert std == 0


def test_empty_classes_are_skipped_and_one_sample_scores_one():
    logits = torch.tensor([[5.0, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]])
    metric = score(logits)
    assert metric.counts().tolist() == [2, 0, 1, 0]
    first, *rest = metric.per_class().tolist()
    assert first > 1
    assert_same(torch.tensor(rest), torch.tensor([NAN, 1.0, NAN]))
    mean, std = metric.compute()
    assert_same(mean.item(), (first + 1) / 2)
    assert_same(std.item(), (first - 1) / 2)


def test_none_is_one_class():
    metric = score(*draw(7, 3), grouping="none")
    assert metric.per_class().shape == (1,)
    assert metric.counts().tolist() == [7]
    assert metric.compute() == (metric.per_class()[0], 0)


@pytest.mark.parametrize("grouping", ["predicted", "none"])
def test_labels_are_read_only_for_true(grouping):
    logits, labels = draw(9, 3)
    assert score(logits, labels, grouping).compute() == score(logits, None, grouping).compute()


def test_a_collapsed_class_scores_one_beside_a_varied_one():
    collapsed, varied = torch.tensor([3.0, 0.0]).expand(5, 2), torch.tensor([[0.0, 1.0], [0.0, 9.0]])
    low, high = score(torch.cat([collapsed, varied])).per_class()
    assert low == pytest.approx(1, abs=1e-12)
    assert high > 1.5


def test_one_class_classifier_scores_one():
    assert score(torch.randn(4, 1)).compute() == (1, 0)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_large_logits_give_inf_but_never_nan(grouping):
    # Row 0 against row 1 in "none" and "true": KL 2e4, and exp of the mean overflows.
    logits = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0], [1e4, 0.0, -1e4], [0.0, 0.0, 1e4]])
    metric = score(logits, torch.tensor([0, 0, 1, 1]), grouping)
    expected = {"predicted": [1.0, 1.0, 1.0], "true": [INF, INF, NAN], "none": [INF]}[grouping]
    assert metric.per_class().tolist() == pytest.approx(expected, nan_ok=True)
    assert metric.compute() == ((1, 0) if grouping == "predicted" else (INF, INF))


def test_one_infinite_class_makes_mean_and_std_infinite():
    metric = score(torch.tensor([[1e4, 0.0], [0.0, 1e4], [0.0, 0.0]]), torch.tensor([0, 0, 1]), "true")
    assert metric.per_class().tolist() == [INF, 1]
    assert metric.compute() == (INF, INF)


def test_the_largest_logits_are_no_nan():
    top = torch.finfo(torch.float32).max
    metric = score(torch.tensor([[top, -top], [-top, top], [0, 0]]).repeat(50, 1), grouping="none")
    assert metric.compute() == (INF, INF)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_any_float_dtype_is_scored_in_float64(dtype):
    logits = draw(20, 4, 0.2)[0].to(dtype)
    assert_same(torch.stack(score(logits).compute()), torch.stack(score(logits.double()).compute()), 1e-14)


def test_under_autocast_the_sums_stay_float64():
    logits, _ = draw(20, 4)
    with torch.autocast("cpu", torch.bfloat16):
        inside = score(logits).compute()
    assert inside == score(logits).compute()


# -- errors --


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (torch.zeros(4), None, r"logits must be float \[N, 3\], got torch.float32 \[4\]"),
        (torch.zeros(4, 2), None, r"got torch.float32 \[4, 2\]"),
        (torch.zeros(4, 3, 1), None, r"got torch.float32 \[4, 3, 1\]"),
        (torch.zeros(4, 3, dtype=torch.int64), None, "got torch.int64"),
        (torch.tensor([[0.0, NAN, 0.0]]), torch.tensor([0]), "logits must be finite"),
        (torch.tensor([[0.0, INF, 0.0]]), torch.tensor([0]), "logits must be finite"),
        (torch.tensor([[0.0, -INF, 0.0]]), torch.tensor([0]), "logits must be finite"),
        (torch.tensor([[0.0, 1e39, 0.0]], dtype=torch.float64), torch.tensor([0]), "logits must be finite in float32"),
        (torch.zeros(2, 3), None, "needs labels.* got None"),
        (torch.zeros(2, 3), torch.tensor([1]), r"needs labels, a tensor int64 \[2\]"),
        (torch.zeros(2, 3), torch.tensor([[1], [1]]), r"needs labels, a tensor int64 \[2\]"),
        (torch.zeros(2, 3), torch.tensor([1.0, 1.0]), "needs labels"),
        (torch.zeros(2, 3), torch.tensor([0, 3]), r"labels must be in \[0, 3\), got 0 to 3"),
        (torch.zeros(2, 3), torch.tensor([-1, 2]), r"labels must be in \[0, 3\), got -1 to 2"),
    ],
)
def test_a_bad_batch_is_refused_and_leaves_no_trace(logits, labels, message):
    metric = ModifiedInceptionScore(3, "true")
    with pytest.raises(ValueError, match=message):
        metric.update(logits, labels)
    assert metric.counts().tolist() == [0, 0, 0]


@pytest.mark.parametrize("arguments", [(0,), (-1,), (3, "both")])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=r"num_classes must be|grouping must be"):
        ModifiedInceptionScore(*arguments)


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_no_data_is_an_error_with_the_name_of_the_metric(grouping):
    metric = ModifiedInceptionScore(3, grouping)
    metric.update(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64))
    assert metric.per_class().isnan().all()
    with pytest.raises(ValueError, match=r"ModifiedInceptionScore.* without data"):
        metric.compute()


def test_compute_before_update():
    with (
        pytest.warns(UserWarning, match="before the ``update`` method"),  # torchmetrics says so first
        pytest.raises(ValueError, match=r"ModifiedInceptionScore.* without data"),
    ):
        ModifiedInceptionScore(3).compute()

"""m-IS: what is true of it for any logits."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.logits import GROUPINGS, assert_same, draw, score

sets = st.builds(draw, st.integers(1, 40), st.integers(2, 8), st.sampled_from([0.1, 1.0, 10.0]), st.integers(0, 10**6))
a_few = settings(max_examples=30, deadline=None, derandomize=True, database=None)
any_grouping = st.sampled_from(GROUPINGS)


@a_few
@given(sets)
def test_at_least_the_inception_score(data):
    p = data[0].softmax(1)
    inception_score = (p * (p / p.mean(0)).log()).sum(1).mean().exp()
    assert score(*data, "none").compute()[0] >= inception_score - 1e-10


@a_few
@given(sets, any_grouping, st.integers(1, 30))
def test_one_for_equal_rows(data, grouping, repeats):
    row, label = data[0][:1], data[1][:1]
    mean, std = score(row.expand(repeats, -1), label.expand(repeats), grouping).compute()
    assert 1 <= mean < 1 + 1e-12  # not even rounding takes it below 1
    assert std == 0


@a_few
@given(sets, any_grouping)
def test_at_least_one(data, grouping):
    assert (score(*data, grouping).per_class().nan_to_num(1) >= 1).all()


@a_few
@given(sets, any_grouping)
def test_every_row_twice_changes_nothing(data, grouping):
    logits, labels = data
    twice = score(logits.repeat(2, 1), labels.repeat(2), grouping)
    assert_same(twice.per_class(), score(logits, labels, grouping).per_class())


@a_few
@given(sets, any_grouping, st.randoms())
def test_row_order_is_irrelevant(data, grouping, random):
    logits, labels = data
    order = random.sample(range(len(logits)), len(logits))
    assert_same(score(logits[order], labels[order], grouping).per_class(), score(*data, grouping).per_class())


@a_few
@given(sets, any_grouping, st.randoms())
def test_renaming_the_classes_renames_their_scores(data, grouping, random):
    logits, labels = data
    classes = logits.shape[1]
    names = torch.tensor(random.sample(range(classes), classes))  # class names[c] is now called c
    metric, renamed = score(*data, grouping), score(logits[:, names], names.argsort()[labels], grouping)
    assert_same(renamed.per_class(), metric.per_class() if grouping == "none" else metric.per_class()[names])
    assert_same(torch.stack(renamed.compute()), torch.stack(metric.compute()))


@a_few
@given(sets, any_grouping, st.floats(-100, 100))
def test_a_constant_added_to_the_logits_changes_nothing(data, grouping, constant):
    logits, labels = data
    assert_same(score(logits + constant, labels, grouping).per_class(), score(*data, grouping).per_class())

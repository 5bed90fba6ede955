"""m-IS against its definition: all pairs, one by one."""

import doctest
import math
import pickle
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, distributed, nn

from zoo import metrics
from zoo.metrics import ModifiedInceptionScore

GROUPINGS = ["predicted", "true", "none"]
NAN, INF = math.nan, math.inf


def draw(n, classes, temperature=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=generator, dtype=torch.float64) / temperature
    return logits, torch.randint(classes, (n,), generator=generator)


def score(logits, labels=None, grouping="predicted"):
    metric = ModifiedInceptionScore(logits.shape[1], grouping)
    metric.update(logits, labels)
    return metric


def brute_force(logits, labels, grouping):
    """The score of each class from KL(p_i || p_j) of every pair, in O(N^2)."""
    classes = logits.shape[1]
    group = {"predicted": logits.argmax(1), "true": labels, "none": torch.zeros_like(labels)}[grouping]
    scores = []
    for c in range(1 if grouping == "none" else classes):
        p = logits[group == c].softmax(1)
        pairs = [(p_i * (p_i / p_j).log()).sum() for p_i in p for p_j in p]
        scores.append(torch.stack(pairs).mean().exp().item() if pairs else NAN)
    return torch.tensor(scores, dtype=torch.float64)


def assert_same(a, b, tolerance=1e-10):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


# What it computes


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


# Merging


@pytest.mark.parametrize("sizes", [[60], [1] * 60, [7, 0, 13, 40], [0, 59, 1]])
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_batches_of_any_size_add_up(grouping, sizes):
    logits, labels = draw(60, 5)
    order = torch.randperm(60, generator=torch.Generator().manual_seed(1))
    metric = ModifiedInceptionScore(5, grouping)
    for rows in order.split(sizes):
        metric.update(logits[rows], labels[rows])
    whole = score(logits, labels, grouping)
    assert_same(metric.per_class(), whole.per_class(), 1e-12)
    assert metric.counts().equal(whole.counts())


@pytest.mark.parametrize("cut", [0, 1, 17, 60])
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_merge_state_is_exact(grouping, cut):
    logits, labels = draw(60, 5)
    left, right = (score(logits[part], labels[part], grouping) for part in (slice(cut), slice(cut, None)))
    if cut:
        left.compute()  # what was computed before the merge must not come back after it
    left.merge_state(right)
    assert_same(left.per_class(), score(logits, labels, grouping).per_class(), 1e-12)
    assert_same(torch.stack(left.compute()), torch.stack(score(logits, labels, grouping).compute()), 1e-12)


def test_forward_scores_the_batch_and_keeps_the_sums():
    logits, _ = draw(30, 3)
    metric = ModifiedInceptionScore(3)
    assert metric(logits[:10]) == score(logits[:10]).compute()
    assert metric(logits[10:]) == score(logits[10:]).compute()
    assert_same(metric.per_class(), score(logits).per_class(), 1e-12)


def on_a_rank(rank, folder, cuts):
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    results = {}
    for grouping in GROUPINGS:
        for cut in cuts:
            logits, labels = draw(60, 5)
            metric = ModifiedInceptionScore(5, grouping)
            part = slice(cut) if rank == 0 else slice(cut, None)
            if cut < 60 or rank == 0:  # with cut 60, rank 1 never calls update
                metric.update(logits[part], labels[part])
            gathered = (torch.stack(metric.compute()), metric.per_class(), metric.counts())
            metric.update(logits[:1], labels[:1])  # the ranks' own sums are back: gathering twice counts nothing twice
            results[grouping, cut] = (*gathered, metric.counts().sum())
    torch.save(results, Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.ddp
def test_two_processes_equal_one(tmp_path):
    cuts = [23, 60]
    mp.spawn(on_a_rank, (str(tmp_path), cuts), nprocs=2)
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    logits, labels = draw(60, 5)
    for grouping in GROUPINGS:
        whole = score(logits, labels, grouping)
        for cut in cuts:
            for results in ranks:
                mean_std, per_class, counts, count_after = results[grouping, cut]
                assert_same(mean_std, torch.stack(whole.compute()), 1e-12)
                assert_same(per_class, whole.per_class(), 1e-12)
                assert counts.equal(whole.counts())
                assert count_after == 62
            for on_0, on_1 in zip(ranks[0][grouping, cut], ranks[1][grouping, cut], strict=True):
                assert_same(on_0, on_1, 0)


# Identities

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


# Errors


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


# As a torchmetrics.Metric


def test_reset_forgets():
    logits, _ = draw(20, 3)
    metric = score(logits)
    metric.reset()
    assert metric.counts().sum() == 0
    metric.update(logits[:9])
    assert metric.compute() == score(logits[:9]).compute()


def test_pickle_goes_on_where_it_was():
    logits, _ = draw(20, 3)
    copy = pickle.loads(pickle.dumps(score(logits[:9])))
    copy.update(logits[9:])
    assert_same(copy.per_class(), score(logits).per_class(), 1e-12)


def test_state_dict_is_empty_unless_persistent():
    logits, _ = draw(20, 3)
    metric, other = score(logits[:9]), ModifiedInceptionScore(3)
    assert metric.state_dict() == {}
    metric.persistent(True)
    other.load_state_dict(metric.state_dict())
    other.update(logits[9:])
    assert_same(other.per_class(), score(logits).per_class(), 1e-12)


@pytest.mark.parametrize(
    "convert",
    [
        lambda m: m.half(),
        lambda m: m.float(),
        lambda m: m.set_dtype(torch.float16),
        lambda m: m.to(torch.bfloat16),
        lambda m: m.to("cpu", torch.float32),
        lambda m: nn.Sequential(m).half()[0],
        lambda m: nn.Sequential(m).to(torch.float16)[0],
    ],
)
def test_no_conversion_touches_the_sums(convert):
    logits, _ = draw(20, 3)
    metric = convert(score(logits[:9]))
    metric(logits[9:])
    metric = convert(metric)
    assert [s.dtype for s in metric.metric_state.values()] == [torch.int64, *[torch.float64] * 3]
    assert_same(metric.per_class(), score(logits).per_class(), 1e-12)
    metric.reset()
    metric.update(logits)
    assert metric.compute() == score(logits).compute()


def test_it_moves_to_another_device():
    assert ModifiedInceptionScore(3).to("meta").sum_p.device.type == "meta"


def test_states_from_inference_mode_are_added_to_outside_of_it():
    logits, _ = draw(20, 3)
    with torch.inference_mode():
        metric = score(logits[:9])
    metric.update(logits[9:])
    assert_same(metric.per_class(), score(logits).per_class(), 1e-12)


def test_no_graph_is_kept():
    metric = ModifiedInceptionScore(3)
    mean, _ = metric(torch.randn(5, 3, requires_grad=True))  # forward computes with gradients enabled
    assert not mean.requires_grad
    assert not metric.sum_p.requires_grad


def test_memory_is_constant():
    def size(metric: ModifiedInceptionScore) -> int:
        return sum(s.untyped_storage().nbytes() for s in metric.metric_state.values() if isinstance(s, Tensor))

    assert size(ModifiedInceptionScore(10)) == size(score(draw(500, 10)[0])) == 8 * 10 * (2 * 10 + 2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu():
    logits, _ = draw(200, 10)
    metric = ModifiedInceptionScore(10).cuda()
    metric.update(logits[:90].cuda())
    metric.update(logits[90:].cuda())
    assert metric.sum_p.dtype == torch.float64
    assert metric.per_class().is_cuda
    assert_same(metric.per_class().cpu(), score(logits).per_class(), 1e-12)


def test_the_example_in_the_docstring():
    result = doctest.testmod(metrics)
    assert result.attempted
    assert not result.failed

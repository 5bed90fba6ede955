"""m-IS as a torchmetrics.Metric: its sums over batches, processes, devices and files."""

import doctest
import pickle
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from torch import Tensor, distributed, nn

from helpers.logits import GROUPINGS, assert_same, draw, score
from zoo import metrics
from zoo.metrics import ModifiedInceptionScore


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

"""Mode coverage and high-quality share: cases known by hand, merged exactly."""

import math

import pytest
import torch
from torch import distributed
from torch import multiprocessing as mp

from datamodules import ToyDataModule
from zoo.scores.modes import ModeCoverage

CROSS = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])


def scores(points, **kwargs):
    metric = ModeCoverage(CROSS, 0.1, **kwargs)
    metric.update(points)
    return {name: value.item() for name, value in metric.compute().items()}


@pytest.mark.parametrize(
    ("points", "modes", "share"),
    [
        (CROSS, 4, 1),
        (CROSS[:3], 3, 1),
        (CROSS[:1].repeat(7, 1), 1, 1),  # total collapse
        (torch.zeros(5, 2), 0, 0),  # between all of them
        (CROSS + torch.tensor([0.0, 0.29]), 4, 1),
        (CROSS + torch.tensor([0.0, 0.31]), 0, 0),
        (CROSS + torch.tensor([0.25, 0.25]), 0, 0),  # a disk, not a square
        (torch.cat([CROSS, torch.full((4, 2), 5.0)]), 4, 0.5),
        (torch.cat([CROSS, torch.full((4, 2), torch.nan)]), 4, 0.5),
        (torch.cat([CROSS, torch.full((4, 2), torch.inf)]), 4, 0.5),
    ],
)
def test_coverage_in_cases_known_by_hand(points, modes, share):
    assert scores(points) == {"modes_covered": modes, "high_quality": pytest.approx(share)}
    assert scores(points.view(-1, 2, 1, 1)) == scores(points)


@pytest.mark.parametrize(("lucky", "modes"), [(24, 1), (25, 2), (26, 2)])
def test_a_mode_needs_a_tenth_of_its_even_share(lucky, modes):
    """Of 1,000 samples an even share of 4 modes is 250."""
    points = torch.cat([CROSS[:1].repeat(1000 - lucky, 1), CROSS[1:2].repeat(lucky, 1)])
    assert scores(points)["modes_covered"] == modes
    assert scores(points, min_share=1e-9)["modes_covered"] == 2


def test_an_empty_mode_is_never_covered_however_small_the_share():
    assert scores(CROSS[:1], min_share=1e-9)["modes_covered"] == 1


def test_the_radius_counts_in_standard_deviations():
    points = CROSS + torch.tensor([0.15, 0.0])
    assert scores(points, radius=1.4)["high_quality"] == 0
    assert scores(points, radius=1.6)["high_quality"] == 1


def test_a_point_within_reach_of_two_centres_counts_once():
    metric = ModeCoverage(torch.tensor([[0.0, 0.0], [0.1, 0.0]]), std=0.1)
    metric.update(torch.tensor([[0.04, 0.0], [0.04, 0.0]]))
    assert metric.compute() == {"modes_covered": 1, "high_quality": 1}


@pytest.mark.parametrize("kind", ["unimodal", "bimodal", "ring", "grid"])
def test_the_datas_own_points_score_as_the_normal_distribution_says(kind):
    """Within 3 std in the plane: 1 - exp(-9 / 2) = 0.9889, here +- 5 standard errors."""
    data = ToyDataModule(kind, points=10_000)
    data.setup()
    metric = ModeCoverage(data.centres, data.std)
    metric.update(data.splits["test"].images)
    result = metric.compute()
    assert result["modes_covered"] == data.num_classes
    assert result["high_quality"].item() == pytest.approx(1 - math.exp(-4.5), abs=5 * math.sqrt(0.0110 / 10_000))


def test_far_from_the_origin_distances_are_still_exact():
    metric = ModeCoverage(torch.tensor([[1000.0, 1000.0]]), std=0.01)
    metric.update(torch.tensor([[1000.0, 1000.02], [1000.0, 1000.05]]))
    assert metric.compute()["high_quality"] == 0.5


def uneven_points():
    """101 points around three of the four modes."""
    generator = torch.Generator().manual_seed(0)
    return CROSS[torch.randint(3, (101,), generator=generator)] + 0.15 * torch.randn(101, 2, generator=generator)


def covered(shares):
    """One metric that got the shares one by one."""
    metric = ModeCoverage(CROSS, 0.1)
    for share in shares:
        metric.update(share)
    return metric


@pytest.mark.parametrize("sizes", [[100, 1, 0], [50, 51], [7] * 14 + [3]])
def test_batches_and_metrics_merge_exactly(sizes):
    points = uneven_points()
    shares, whole = points.split(sizes), covered([points])
    merged = covered(shares[:1])
    for share in shares[1:]:
        merged.merge_state(covered([share]))
    for metric in (merged, covered(shares)):
        assert torch.equal(metric.good, whole.good)
        assert metric.total == 101
        assert metric.compute() == whole.compute()


def on_a_rank(rank, folder):
    """One of two processes; the second has but one point."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    torch.save(covered([uneven_points().split([100, 1])[rank]]).compute(), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.ddp
def test_two_processes_equal_one(tmp_path):
    mp.spawn(on_a_rank, (str(tmp_path),), nprocs=2)
    whole = covered([uneven_points()]).compute()
    assert whole["modes_covered"] == 3
    assert all(torch.load(tmp_path / f"{rank}.pt") == whole for rank in range(2))


def test_reset_forgets_and_without_points_there_is_no_score():
    metric = ModeCoverage(CROSS, 0.1)
    metric.update(CROSS)
    metric.reset()
    metric.update(CROSS[:0])
    with pytest.raises(ValueError, match="no score without data"):
        metric.compute()
    metric.update(CROSS[:2])
    assert metric.compute()["modes_covered"] == 2


def test_checkpoints_carry_nothing_of_it():
    metric = ModeCoverage(CROSS, 0.1)
    metric.update(CROSS)
    assert metric.state_dict() == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda: ModeCoverage(torch.zeros(2), 0.1),
        lambda: ModeCoverage(torch.zeros(0, 2), 0.1),
        lambda: ModeCoverage(torch.zeros(2, 3), 0.1),
        lambda: ModeCoverage(CROSS, 0.0),
        lambda: ModeCoverage(CROSS, math.nan),
        lambda: ModeCoverage(CROSS, 0.1, radius=-1),
        lambda: ModeCoverage(CROSS, 0.1, min_share=0),
        lambda: ModeCoverage(CROSS, 0.1, min_share=1.5),
        lambda: ModeCoverage(CROSS, 0.1).update(torch.zeros(3, 1, 28, 28)),
    ],
)
def test_what_is_no_mixture_or_no_point_is_refused(make):
    with pytest.raises(ValueError, match="must be"):
        make()

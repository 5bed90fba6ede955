"""Points in the plane: that they are drawn as published, and that what a model makes of them is counted right."""

import math

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import distributed
from torch import multiprocessing as mp

from datamodules import ImageDataModule, ToyDataModule
from datamodules.batches import Images
from datamodules.images import to_unit_range
from zoo.modes import ModeCoverage

KINDS = ("unimodal", "bimodal", "ring", "grid")


def loaded(*args, **kwargs):
    data = ToyDataModule(*args, **kwargs)
    data.setup()
    return data


# -- the points --


@pytest.mark.parametrize("kind", KINDS)
def test_points_are_images_of_two_numbers_with_their_modes_as_labels(kind):
    data = loaded(kind, points=403)
    assert isinstance(data, ImageDataModule)
    assert data.image_shape == (2, 1, 1)
    assert data.centres.shape == (data.num_classes, 2)
    assert set(data.splits) == {"train", "val", "test"}
    for images, labels in data.splits.values():
        assert images.shape == (403, 2, 1, 1)
        assert images.dtype == torch.float32
        assert labels.dtype == torch.int64
        counts = labels.bincount(minlength=data.num_classes)
        assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(("kind", "modes", "std"), [("unimodal", 1, 0.3), ("bimodal", 2, 0.15)])
def test_the_deligan_toys_are_as_in_its_code(kind, modes, std):
    data = ToyDataModule(kind)
    assert (data.points, data.batch_size, data.std) == (400, 50, std)
    expected = [[0, 0]] if modes == 1 else [[0.6, 0.6], [-0.6, -0.6]]
    assert torch.equal(data.centres, torch.tensor(expected, dtype=torch.float32))


def test_the_ring_is_the_published_one_scaled():
    data = ToyDataModule("ring")
    assert data.centres.shape == (8, 2)
    assert torch.allclose(data.centres.norm(dim=1), torch.full((8,), 0.8))
    assert data.std / 0.8 == pytest.approx(0.02 / 2)
    angles = torch.atan2(data.centres[:, 1], data.centres[:, 0]) % (2 * math.pi)
    assert torch.allclose(angles.sort().values.diff(), torch.full((7,), math.pi / 4), atol=1e-5)


def test_the_grid_is_the_published_one_scaled():
    data = ToyDataModule("grid")
    steps = torch.tensor([-0.8, -0.4, 0, 0.4, 0.8])
    assert sorted(data.centres.tolist()) == sorted([x, y] for x in steps.tolist() for y in steps.tolist())
    assert data.std / 0.4 == pytest.approx(0.05 / 2)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_mode_has_its_mean_and_std(kind, split):
    """Tolerances are five standard errors of the mean and of the standard deviation."""
    data = loaded(kind, points=25 * 400)
    points, labels = data.splits[split].images.flatten(1), data.splits[split].labels
    for mode, centre in enumerate(data.centres):
        own = points[labels == mode]
        error = data.std / math.sqrt(len(own))
        assert (own.mean(dim=0) - centre).abs().max() < 5 * error
        assert (own.std(dim=0) - data.std).abs().max() < 5 * error / math.sqrt(2)
        correlation = torch.corrcoef(own.T)[0, 1].abs()
        assert correlation < 5 / math.sqrt(len(own))


@pytest.mark.parametrize("kind", ["bimodal", "ring", "grid"])
def test_modes_can_be_told_apart_by_the_nearest_centre(kind):
    data = loaded(kind, points=2000)
    points, labels = data.splits["train"].images.flatten(1), data.splits["train"].labels
    nearest = torch.cdist(points, data.centres).argmin(dim=1)
    assert torch.equal(nearest, labels)


@pytest.mark.parametrize("kind", ["ring", "grid"])
def test_ring_and_grid_lie_where_a_tanh_can_reach(kind):
    assert loaded(kind, points=5000).splits["train"].images.abs().max() < 0.9


def test_points_depend_on_kind_split_and_their_own_seed_alone(monkeypatch):
    first = loaded("bimodal")
    monkeypatch.setenv("PL_GLOBAL_SEED", "1234")
    torch.manual_seed(5)
    again, other = loaded("bimodal"), loaded("bimodal", seed=1)
    for name, split in first.splits.items():
        assert torch.equal(split.images, again.splits[name].images)
        assert not torch.equal(split.images, other.splits[name].images)
    train, val, test = (split.images for split in first.splits.values())
    assert not any(torch.equal(a, b) for a, b in ((train, val), (train, test), (val, test)))


@pytest.mark.parametrize(
    "kwargs", [{"kind": "spiral"}, {"points": 1}, {"seed": -1}, {"kind": "grid", "points": 24}, {"batch_size": 0}]
)
def test_bad_arguments_are_named_at_once(kwargs):
    with pytest.raises(ValueError, match=list(kwargs)[-1]):
        ToyDataModule(**kwargs)


# -- batches --


def test_floats_are_left_as_they_are_and_bytes_are_not():
    points = torch.tensor([-1.2, 0.0, 0.7])
    assert to_unit_range(points) is points
    assert torch.equal(to_unit_range(points, torch.float64), points.double())
    assert to_unit_range(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]


class Recorder(LightningModule):
    """Keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen = []

    def training_step(self, batch, _):  # noqa: D102
        self.seen.append(batch)
        return self.weight * 0

    def validation_step(self, batch, _):  # noqa: D102
        pass

    def configure_optimizers(self):  # noqa: D102
        return torch.optim.SGD([self.weight], lr=0.1)


@pytest.mark.filterwarnings("ignore:.*does not have many workers", "ignore:GPU available but not used")
@pytest.mark.parametrize("flip", [False, True])
def test_a_trainer_gets_the_points_unscaled_and_does_not_change_them(flip):
    data, model = ToyDataModule("bimodal", flip=flip), Recorder()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "log_every_n_steps": 1}
    Trainer(accelerator="cpu", devices=1, max_epochs=1, limit_val_batches=0, **quiet).fit(model, data)
    assert [len(batch[0]) for batch in model.seen] == [50] * 8
    seen = torch.cat([batch[0] for batch in model.seen]).flatten(1).tolist()
    fresh = ToyDataModule("bimodal").load()["train"]
    assert sorted(seen) == sorted(fresh.images.flatten(1).tolist())
    assert isinstance(data.splits["train"], Images)
    assert torch.equal(data.splits["train"].images, fresh.images)


# -- mode coverage --

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


@pytest.mark.parametrize("kind", KINDS)
def test_the_datas_own_points_score_as_the_normal_distribution_says(kind):
    """Within 3 std in the plane: 1 - exp(-9 / 2) = 0.9889, here +- 5 standard errors."""
    data = loaded(kind, points=10_000)
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

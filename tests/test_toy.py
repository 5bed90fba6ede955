"""Points in the plane: the published mixtures, in batches as images are."""

import math

import pytest
import torch
from lightning.pytorch import LightningModule

from datamodules import ImageDataModule, ToyDataModule
from datamodules.batches import Images
from datamodules.scaling import to_unit_range
from helpers.runs import fit

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
    torch.testing.assert_close(data.centres, torch.tensor(expected, dtype=torch.float32))


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
def test_a_trainer_gets_the_points_unscaled_and_does_not_change_them(tmp_path, flip):
    data, model = ToyDataModule("bimodal", flip=flip), Recorder()
    fit(tmp_path, model, steps=-1, max_epochs=1, data=data)
    assert [len(batch[0]) for batch in model.seen] == [50] * 8
    seen = torch.cat([batch[0] for batch in model.seen]).flatten(1).tolist()
    fresh = ToyDataModule("bimodal").load()["train"]
    assert sorted(seen) == sorted(fresh.images.flatten(1).tolist())
    assert isinstance(data.splits["train"], Images)
    assert torch.equal(data.splits["train"].images, fresh.images)

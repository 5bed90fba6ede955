"""Pixels on their way to a model: scaled, mirrored, of the module's type."""

from types import SimpleNamespace

import pytest
import torch

from datamodules import DigitsDataModule
from datamodules.batches import Images
from datamodules.scaling import to_unit_range


def test_scaling_ends_at_minus_one_and_one():
    scaled = to_unit_range(torch.tensor([0, 51, 204, 255], dtype=torch.uint8))
    assert scaled.dtype == torch.float32
    assert scaled.tolist() == [-1, pytest.approx(-0.6), pytest.approx(0.6), 1]
    assert to_unit_range(torch.tensor([255], dtype=torch.uint8), torch.float64).dtype == torch.float64


def stub_trainer(step=0, rank=0, training=True, dtype=torch.float32):
    return SimpleNamespace(
        training=training, global_step=step, global_rank=rank, lightning_module=SimpleNamespace(dtype=dtype)
    )


LEFT_IS_BLACK = torch.tensor([0, 255], dtype=torch.uint8).expand(400, 1, 3, 2)


def mirrored(batch=LEFT_IS_BLACK, flip=True, **kwargs):
    """Which of the images of a batch come out mirrored."""
    data = DigitsDataModule(flip=flip)
    data.trainer = stub_trainer(**kwargs)
    images, labels = data.on_after_batch_transfer(Images(batch, torch.arange(len(batch))), 0)
    assert torch.equal(labels, torch.arange(len(batch)))
    assert set(images.unique().tolist()) == {-1, 1}
    assert (images[..., 0] == -images[..., 1]).all()
    return (images[:, 0, 0, 0] == 1).tolist()


def test_about_half_of_the_training_images_are_mirrored():
    assert 150 < sum(mirrored()) < 250


def test_flips_are_a_function_of_seed_rank_and_step(monkeypatch):
    draws = []
    for seed in ("0", "1"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        draws += [mirrored(step=step, rank=rank) for step in (0, 1) for rank in (0, 1)]
        torch.rand(5)
        assert mirrored(step=1, rank=1) == draws[-1]
    assert len({tuple(draw) for draw in draws}) == len(draws)


@pytest.mark.parametrize("kwargs", [{"flip": False}, {"training": False}])
def test_nothing_is_mirrored_unless_asked_for_and_in_training(kwargs):
    assert not any(mirrored(**kwargs))


def test_images_take_the_type_of_the_module():
    data = DigitsDataModule()
    data.trainer = stub_trainer(dtype=torch.float64)
    images, _ = data.on_after_batch_transfer(Images(LEFT_IS_BLACK, torch.zeros(400)), 0)
    assert images.dtype == torch.float64

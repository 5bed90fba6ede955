"""Promises of every data module: splits, loaders in a real Trainer, arguments."""

import pkgutil
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest
import torch

import datamodules
from datamodules import (
    CIFAR10DataModule,
    DigitsDataModule,
    FlowersDataModule,
    FolderDataModule,
    ImageDataModule,
    MNISTDataModule,
    ToyDataModule,
)
from datamodules.batches import Images
from datamodules.images import default_data_dir
from datamodules.splits import held_out
from helpers.data import small_mnist, write_cifar10, write_images, write_mnist
from zoo.scores.scorers import INDEX


def small_mnist_module(tmp_path):
    write_mnist(tmp_path)
    return small_mnist(tmp_path)


def folder_module(tmp_path):
    for name in ("roses", "daisy"):
        write_images(tmp_path / "flowers" / name, 20)
    return FolderDataModule("flowers", image_size=8, data_dir=str(tmp_path))


def flowers_module(tmp_path):
    for name in ("daisy", "dandelion", "roses", "sunflowers", "tulips"):
        write_images(tmp_path / "flower_photos" / name, count=4, name="image{}.jpg")
    return FlowersDataModule(data_dir=str(tmp_path), image_size=8)


def cifar10_module(tmp_path):
    write_cifar10(tmp_path, 8)
    return CIFAR10DataModule(data_dir=str(tmp_path), val_size=4)


FACTORIES = {
    CIFAR10DataModule: cifar10_module,
    DigitsDataModule: lambda _: DigitsDataModule(),
    FolderDataModule: folder_module,
    FlowersDataModule: flowers_module,
    MNISTDataModule: small_mnist_module,
    ToyDataModule: lambda _: ToyDataModule(points=40),
}


def all_data_modules():
    """Every subclass of ImageDataModule in the package, so that a new one is tested when it gets a factory."""
    for module in pkgutil.iter_modules(datamodules.__path__):
        import_module(f"datamodules.{module.name}")
    found, new = [], [ImageDataModule]
    while new:
        new = [child for parent in new for child in parent.__subclasses__() if child.__module__.startswith("datam")]
        found += new
    return sorted(set(found), key=lambda child: child.__name__)


@pytest.fixture(params=all_data_modules(), ids=lambda cls: cls.__name__)
def data_module(request, tmp_path):
    if request.param not in FACTORIES:
        pytest.fail(f"add a factory for {request.param.__name__}")
    return FACTORIES[request.param](tmp_path)


# -- what every data module promises --


def test_splits_have_the_promised_shape_type_and_labels(data_module):
    shape = data_module.image_shape  # known before anything is read
    assert data_module.splits == {}
    data_module.prepare_data()
    data_module.setup()
    assert set(data_module.splits) == {"train", "val", "test"}
    for images, labels in data_module.splits.values():
        assert images.dtype == (torch.float32 if isinstance(data_module, ToyDataModule) else torch.uint8)
        assert images.shape[1:] == shape
        assert labels.dtype == torch.int64
        assert labels.shape == images.shape[:1]
        assert len(labels) > 0
        assert labels.min() >= 0
        assert labels.max() < data_module.num_classes
    assert data_module.scorer is None or data_module.scorer in INDEX


def test_setup_reads_once_whatever_the_stage(data_module):
    data_module.setup("fit")
    first = data_module.splits["train"].images
    data_module.setup("test")
    assert data_module.splits["train"].images is first


def test_splits_do_not_depend_on_the_seed(data_module, monkeypatch):
    before = data_module.load()
    torch.manual_seed(1)
    monkeypatch.setenv("PL_GLOBAL_SEED", "1234")
    after = data_module.load()
    for name, split in before.items():
        assert torch.equal(split.images, after[name].images)
        assert torch.equal(split.labels, after[name].labels)


def test_without_a_trainer_val_and_test_loaders_give_every_image_once_in_order(data_module):
    data_module.setup()
    data_module.batch_size = 3
    for name, loader in (("val", data_module.val_dataloader()), ("test", data_module.test_dataloader())):
        batches = list(loader)
        assert all(len(batch.labels) <= 3 for batch in batches)
        assert torch.equal(torch.cat([batch.images for batch in batches]), data_module.splits[name].images)
        assert torch.equal(torch.cat([batch.labels for batch in batches]), data_module.splits[name].labels)


# -- arguments --


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: DigitsDataModule(image_size=0), "image_size"),
        (lambda: DigitsDataModule(batch_size=0), "batch_size"),
        (lambda: DigitsDataModule(predict_samples=0), "predict_samples"),
        (lambda: DigitsDataModule(num_workers=-1), "num_workers"),
        (lambda: MNISTDataModule(image_size=0), "image_size"),
        (lambda: MNISTDataModule(val_size=0), "val_size"),
        (lambda: FolderDataModule("x", image_size=0), "image_size"),
        (lambda: FolderDataModule("x", channels=2), "channels"),
        (lambda: FolderDataModule("x", resize="squash"), "resize"),
        (lambda: FolderDataModule("x", val_share=-0.1), "val_share"),
        (lambda: FolderDataModule("x", test_share=1.0, val_share=0), "test_share"),
        (lambda: FolderDataModule("x", val_share=0.5, test_share=0.5), "val_share"),
        (lambda: FolderDataModule("x", val_share=float("nan")), "val_share"),
    ],
)
def test_bad_arguments_are_named_at_once(make, named):
    with pytest.raises(ValueError, match=named) as error:
        make()
    assert "\n" not in str(error.value)


def test_the_data_folder_is_the_argument_else_the_variable_else_data(monkeypatch):
    monkeypatch.setenv("GANZOO_DATA", "elsewhere")
    assert DigitsDataModule(data_dir="here").data_dir == Path("here")
    assert DigitsDataModule().data_dir == default_data_dir() == Path("elsewhere")
    monkeypatch.delenv("GANZOO_DATA")
    assert DigitsDataModule().data_dir == Path("data")


# -- digits, splits --


@pytest.mark.parametrize("image_size", [8, 16])
def test_digits_counts_and_range(image_size):
    splits = DigitsDataModule(image_size=image_size).load()
    assert {name: len(split.images) for name, split in splits.items()} == {"train": 1257, "val": 180, "test": 360}
    for images, labels in splits.values():
        assert (images.min(), images.max() > 250) == (0, True)
        assert set(labels.tolist()) == set(range(10))


def test_held_out_splits_are_disjoint_complete_in_order_and_random():
    splits = held_out(Images(torch.zeros(100, 1, 1, 1, dtype=torch.uint8), torch.arange(100)), val=20, test=30)
    parts = {name: split.labels.tolist() for name, split in splits.items()}
    assert {name: len(part) for name, part in parts.items()} == {"train": 50, "val": 20, "test": 30}
    assert sorted(chain.from_iterable(parts.values())) == list(range(100))
    for part in parts.values():
        assert part == sorted(part)
        assert part[-1] - part[0] > 60  # spread over the whole, not a block

"""Folders that cut the data themselves, and images that are not square."""

import numpy as np
import pytest
from PIL import Image

from datamodules import FolderDataModule
from helpers.data import one_line_error


def colours(folder, count, value):
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (4, 4), (value, value, value)).save(folder / f"{number}.png")


def test_train_and_test_are_the_splits(tmp_path):
    for name, count, value in (("train/a", 6, 10), ("train/b", 4, 20), ("test/a", 2, 30), ("test/b", 3, 40)):
        colours(tmp_path / name, count, value)
    data = FolderDataModule(str(tmp_path), image_size=4, val_share=0.2)
    data.setup()
    assert data.classes == ["a", "b"]
    assert {name: len(split.images) for name, split in data.splits.items()} == {"train": 8, "val": 2, "test": 5}
    test = data.splits["test"]
    assert test.images[:, 0, 0, 0].tolist() == [30, 30, 40, 40, 40]
    assert test.labels.tolist() == [0, 0, 1, 1, 1]
    assert set(data.splits["val"].images.flatten().tolist()) <= {10, 20}
    assert str(data.listing) == "15 images in 2 classes (10 train, 5 test)"


def test_a_folder_val_is_not_taken_from_train(tmp_path):
    for name, count, value in (("train", 3, 10), ("val", 2, 20), ("test", 1, 30)):
        colours(tmp_path / name, count, value)
    splits = FolderDataModule(str(tmp_path), image_size=4).load()
    assert {name: split.images[:, 0, 0, 0].tolist() for name, split in splits.items()} == {
        "train": [10] * 3,
        "val": [20] * 2,
        "test": [30],
    }
    assert FolderDataModule(str(tmp_path)).num_classes == 1


def test_splits_of_other_classes_are_refused(tmp_path):
    for name in ("train/a", "train/b", "test/a", "test/c"):
        colours(tmp_path / name, 1, 10)
    message = one_line_error(FolderDataModule(str(tmp_path)).setup)
    assert "train and test must have the same classes" in message
    assert "has b" in message


def test_folders_beside_them_are_classes(tmp_path):
    for name in ("train", "test", "bus"):
        colours(tmp_path / name, 4, 10)
    assert FolderDataModule(str(tmp_path)).classes == ["bus", "test", "train"]


def test_images_need_not_be_square(tmp_path):
    for number in range(4):
        Image.fromarray(np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[None], 8, 0)).save(tmp_path / f"{number}.png")
    sizes = {"val_share": 0, "test_share": 0, "channels": 1}
    data = FolderDataModule(str(tmp_path), image_size=[8, 4], resize="crop", **sizes)
    images = data.load()["train"].images
    assert tuple(images.shape[1:]) == data.image_shape == (1, 8, 4)
    assert images[0, 0, 3].tolist() == [60, 70, 80, 90]  # the middle, as it was
    stretched = FolderDataModule(str(tmp_path), image_size=[8, 16], **sizes).load()["train"].images
    assert stretched[0, 0, 0].tolist() == list(range(0, 160, 10))
    with pytest.raises(ValueError, match="image_size must be"):
        FolderDataModule(str(tmp_path), image_size=[8, 4, 3])

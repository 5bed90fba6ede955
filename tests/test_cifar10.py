"""CIFAR10DataModule, on files of the official layout that the tests make."""

import io
import tarfile

import pytest
import torch

from datamodules import CIFAR10DataModule, DataError, cifar10
from helpers.data import write_cifar10


def module(tmp_path, **options):
    return CIFAR10DataModule(data_dir=str(tmp_path), **{"val_size": 3} | options)


def test_records_are_a_label_and_three_planes_by_rows(tmp_path):
    write_cifar10(tmp_path)
    splits = module(tmp_path).load()
    assert {name: len(split.images) for name, split in splits.items()} == {"train": 17, "val": 3, "test": 4}
    image = splits["test"].images[2]
    assert image[:, 1, 1].tolist() == [10, 20, 30]
    assert image[0, 0].tolist()[:3] == [10, 99, 10]
    assert splits["test"].labels.tolist() == [0, 1, 2, 3]
    labels = torch.cat([splits["train"].labels, splits["val"].labels])
    assert labels.sort().values.tolist() == sorted([0, 1, 2, 3] * 5)


def test_it_may_train_on_a_few_images_always_the_same_ones(tmp_path):
    write_cifar10(tmp_path, 10)
    whole, few = (module(tmp_path, train_size=size).load() for size in (None, 6))
    assert {name: len(split.images) for name, split in few.items()} == {"train": 6, "unused": 41, "val": 3, "test": 10}
    for name in ("val", "test"):
        assert torch.equal(few[name].labels, whole[name].labels)
    labels = torch.cat([few["train"].labels, few["unused"].labels])
    assert torch.equal(labels.sort().values, whole["train"].labels.sort().values)
    assert len(few["train"].labels.unique()) > 2  # of all of them, not the first
    assert torch.equal(module(tmp_path, train_size=6).load()["train"].labels, few["train"].labels)
    with pytest.raises(DataError, match="47 images beside those for validation cannot give 48 to train"):
        module(tmp_path, train_size=48).load()
    with pytest.raises(ValueError, match="train_size must be at least 1, got 0"):
        module(tmp_path, train_size=0)


def test_it_is_mirrored_and_has_ten_classes():
    data = CIFAR10DataModule()
    assert (data.flip, data.num_classes, data.image_shape, len(cifar10.CLASSES)) == (True, 10, (3, 32, 32), 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.unlink(), "set --data.init_args.download=true"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "records of 3,073"),
        (lambda path: path.write_bytes(b""), "records of 3,073"),
        (lambda path: path.write_bytes(b"\x0a" + path.read_bytes()[1:]), "has a label 10"),
        (lambda path: path.write_bytes(bytes(10_001 * 3073)), "records of 3,073"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(tmp_path, change, message):
    path = write_cifar10(tmp_path) / "data_batch_3.bin"
    change(path)
    with pytest.raises(DataError, match=message) as error:
        module(tmp_path).load()
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_too_many_for_validation(tmp_path):
    write_cifar10(tmp_path)
    with pytest.raises(DataError, match="20 training images cannot give 20"):
        module(tmp_path, val_size=20).load()
    with pytest.raises(ValueError, match="val_size must be at least 1"):
        module(tmp_path, val_size=0)


def test_an_archive_that_lies_there_is_checked_and_unpacked(tmp_path, monkeypatch):
    write_cifar10(tmp_path / "source")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(tmp_path / "source" / cifar10.FOLDER, cifar10.FOLDER)
    path = tmp_path / cifar10.ARCHIVE
    path.write_bytes(packed.getvalue())
    data = module(tmp_path, download=True)
    with pytest.raises(DataError, match=r"bytes, not 170,052,171; delete it to download it anew"):
        data.prepare_data()
    assert not data.folder.exists()
    monkeypatch.setattr(cifar10, "what_is_wrong", lambda *_: None)
    data.prepare_data()
    data.setup()
    assert len(data.splits["test"].images) == 4

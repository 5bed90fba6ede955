"""MNIST's files: what is read, what is refused, what is downloaded."""

import gzip
import tracemalloc

import numpy as np
import pytest
import torch

from datamodules import MNISTDataModule, idx
from helpers.data import TEST_LABELS, TRAIN, TRAIN_LABELS, one_line_error, pack, small_mnist, write_idx, write_mnist


@pytest.mark.data
def test_real_mnist(real_data):
    data = MNISTDataModule(data_dir=str(real_data))
    data.setup()
    assert {name: len(split.images) for name, split in data.splits.items()} == {
        "train": 55_000,
        "val": 5_000,
        "test": 10_000,
    }
    assert data.read("train").labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.splits["test"].labels[:5].tolist() == [7, 2, 1, 0, 4]
    counts = [torch.cat([data.splits[name].labels for name in ("train", "val")]).eq(c).sum().item() for c in range(10)]
    assert counts == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


@pytest.mark.data
def test_mnist_is_what_torchvision_reads(real_data):
    from torchvision.datasets import MNIST

    theirs, ours = MNIST(str(real_data), train=False), MNISTDataModule(data_dir=str(real_data)).read("t10k")
    assert torch.equal(ours.images[:, 0], theirs.data)
    assert torch.equal(ours.labels, theirs.targets)


@pytest.mark.data
def test_a_real_file_with_one_pixel_changed_is_refused(real_data, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"):
        (raw / name).write_bytes((real_data / "MNIST" / "raw" / name).read_bytes())
    data = MNISTDataModule(data_dir=str(tmp_path))
    assert len(data.read("t10k").labels) == 10_000
    content = bytearray((raw / "t10k-images-idx3-ubyte").read_bytes())
    content[5000] ^= 1
    (raw / "t10k-images-idx3-ubyte").write_bytes(content)
    message = one_line_error(lambda: data.read("t10k"))
    assert "t10k-images-idx3-ubyte: md5" in message


def test_mnist_like_files_of_any_count(tmp_path):
    write_mnist(tmp_path)
    splits = small_mnist(tmp_path).load()
    assert {name: len(split.images) for name, split in splits.items()} == {"train": 32, "val": 8, "test": 12}
    numbers = torch.cat([splits[name].images[:, 0, 0, 0] for name in ("train", "val")])
    assert sorted(numbers.tolist()) == list(range(40))
    assert all(torch.equal(images[:, 0, 5, 5] % 10, labels) for images, labels in splits.values())


@pytest.mark.parametrize("size", [14, 32])
def test_mnist_is_resized_with_antialiasing(tmp_path, size):
    raw = write_mnist(tmp_path)
    stripes = np.zeros((12, 28, 28), np.uint8)
    stripes[:, :, ::2] = 255
    write_idx(raw / "t10k-images-idx3-ubyte", stripes)
    images = small_mnist(tmp_path, image_size=size).load()["test"].images
    assert images.shape == (12, 1, size, size)
    assert images.float().mean() == pytest.approx(127.5, abs=6)
    if size == 14:  # without antialiasing some columns would be black or white
        assert 80 < images.min() <= images.max() < 175


@pytest.mark.parametrize(("size", "first"), [(28, 0), (31, 1), (32, 2)])
def test_mnist_is_padded_with_black_around_the_pixels_as_they_are(tmp_path, size, first):
    raw = write_mnist(tmp_path)
    pixels = np.random.default_rng(0).integers(1, 256, (12, 28, 28)).astype(np.uint8)
    write_idx(raw / "t10k-images-idx3-ubyte", pixels)
    data = small_mnist(tmp_path, image_size=size, resize="pad")
    images = data.load()["test"].images
    assert images.shape == (12, *data.image_shape) == (12, 1, size, size)
    inside = images[:, 0, first : first + 28, first : first + 28]
    assert torch.equal(inside, torch.from_numpy(pixels))
    assert images.long().sum() == int(pixels.astype(int).sum())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resize": "crop"}, "resize must be one of stretch, pad; got 'crop'"),
        ({"resize": "pad", "image_size": 27}, "image_size must be at least 28, got 27"),
    ],
)
def test_sizes_that_cannot_be_made_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        MNISTDataModule(**options)


def rewrite(name, change):
    """A way to spoil one of the files: its bytes become `change(bytes)`."""
    return lambda raw: (raw / name).write_bytes(change((raw / name).read_bytes()))


def remove(name):
    return lambda raw: (raw / name).unlink()


def flip_a_byte(packed):
    return packed[:40] + bytes([packed[40] ^ 255]) + packed[41:]


@pytest.mark.parametrize(
    ("spoil", "file", "problem"),
    [
        (remove(TRAIN), TRAIN, "not found"),
        (remove(TEST_LABELS), TEST_LABELS, "not found"),
        (rewrite(TRAIN, lambda content: content[:-1]), TRAIN, "truncated"),
        (rewrite(TRAIN, lambda content: content[:9]), TRAIN, "truncated within its header"),
        (rewrite(TRAIN, lambda content: content + b"\0"), TRAIN, "over-long"),
        (rewrite(TRAIN, lambda _: b""), TRAIN, "magic"),
        (rewrite(TRAIN, lambda _: b"<!DOCTYPE html><p>404"), TRAIN, "magic"),
        (rewrite(TRAIN, lambda content: b"\0\0\x0d" + content[3:]), TRAIN, "magic"),
        (rewrite(TRAIN, lambda content: content[:4] + b"\xff" * 4 + content[8:]), TRAIN, "truncated"),
        (rewrite(TRAIN, lambda content: content[:11] + bytes([14, 0, 0, 0, 56]) + content[16:]), TRAIN, "14, 56"),
        (lambda raw: (raw / TRAIN).write_bytes((raw / TRAIN_LABELS).read_bytes()), TRAIN, "magic"),
        (lambda raw: write_idx(raw / TRAIN, np.zeros((0, 28, 28))), TRAIN, "N > 0"),
        (lambda raw: write_idx(raw / TRAIN_LABELS, np.zeros(39)), TRAIN_LABELS, "39 labels for the 40 images"),
        (lambda raw: write_idx(raw / TRAIN_LABELS, np.full(40, 10)), TRAIN_LABELS, "label 10"),
        (pack(TRAIN, lambda packed: packed[:-9]), f"{TRAIN}.gz", "cannot be read"),
        (pack(TRAIN, lambda _: b"no gzip"), f"{TRAIN}.gz", "cannot be read"),
        (pack(TRAIN, flip_a_byte), f"{TRAIN}.gz", "cannot be read"),
        (pack(TRAIN, lambda _: gzip.compress(b"other")), f"{TRAIN}.gz", "magic"),
    ],
)
def test_a_bad_mnist_file_is_named_with_what_is_wrong(tmp_path, spoil, file, problem):
    spoil(write_mnist(tmp_path))
    message = one_line_error(small_mnist(tmp_path).setup)
    assert f"{tmp_path / 'MNIST' / 'raw' / file}: " in message
    assert problem in message


def test_a_packed_file_that_unpacks_to_more_than_it_may_is_refused_before_it_fills_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "MOST_BYTES", 40_000)
    raw = write_mnist(tmp_path)  # 40 images of 784 bytes fit
    pack(TRAIN)(raw)
    small_mnist(tmp_path).setup()
    (raw / f"{TRAIN}.gz").write_bytes(gzip.compress(bytes(10**8), 1))
    tracemalloc.start()
    message = one_line_error(small_mnist(tmp_path).setup)
    assert f"{TRAIN}.gz: holds more than 40,000 bytes" in message
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


def test_files_that_are_not_the_original_are_refused_by_default(tmp_path):
    write_mnist(tmp_path)
    message = one_line_error(MNISTDataModule(data_dir=str(tmp_path)).setup)
    assert "md5" in message
    assert "check_md5=false" in message


def test_compressed_files_do_as_well(tmp_path):
    raw = write_mnist(tmp_path)
    plain = small_mnist(tmp_path).load()
    for file in list(raw.iterdir()):
        pack(file.name)(raw)
    packed = small_mnist(tmp_path).load()
    assert not list(raw.glob("*-ubyte"))
    assert all(torch.equal(packed[name].images, plain[name].images) for name in plain)


def test_a_missing_file_is_asked_for_with_its_address(tmp_path):
    message = one_line_error(MNISTDataModule(data_dir=str(tmp_path)).setup)
    assert "download=true" in message
    assert "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz" in message


def test_as_many_validation_images_as_there_are_leave_none_to_train(tmp_path):
    write_mnist(tmp_path, train=8)
    assert "val_size" in one_line_error(small_mnist(tmp_path).setup)


def test_mnist_per_class_trains_on_the_last_of_each_class_in_the_file_and_on_nothing_of_validation(tmp_path):
    write_mnist(tmp_path, train=120)  # image n is all n, its label n % 10
    data = MNISTDataModule(data_dir=str(tmp_path), per_class=2, val_size=30, check_md5=False)
    data.setup()
    train, val = data.splits["train"], data.splits["val"]
    assert train.images[:, 0, 0, 0].tolist() == list(range(100, 120))
    assert train.labels.tolist() == [*range(10), *range(10)]
    assert len(val.images) == 30
    assert val.images.max() < 100
    # what is left over is real data to compare with: in none of the others
    unused = data.splits["unused"].images[:, 0, 0, 0].tolist()
    assert sorted(unused + val.images[:, 0, 0, 0].tolist()) == list(range(100))

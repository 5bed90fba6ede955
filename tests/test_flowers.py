"""Flower photographs: what is read, what is refused, and the words about it."""

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules import FlowersDataModule, ImageDataModule, flowers
from datamodules.flowers import CLASSES
from helpers.data import jpeg, one_line_error, small_flowers, write_flowers

# -- what is read --


def test_five_classes_in_the_promised_shape_and_shares(tmp_path):
    write_flowers(tmp_path)
    data = small_flowers(tmp_path)
    assert data.num_classes == 5
    assert data.image_shape == (3, 8, 8)
    data.prepare_data()
    data.setup()
    assert {name: len(split.labels) for name, split in data.splits.items()} == {"train": 21, "val": 6, "test": 3}
    images = torch.cat([split.images for split in data.splits.values()])
    labels = torch.cat([split.labels for split in data.splits.values()])
    assert images.dtype == torch.uint8
    assert labels.bincount().tolist() == [6] * 5
    assert (images[:, 0, 4, 4].float() - 40 * labels).abs().max() < 6  # JPEG is not exact
    assert data.classes == list(CLASSES)


def test_it_is_an_image_data_module_for_64_pixels_that_flips_and_stretches():
    data = FlowersDataModule()
    assert isinstance(data, ImageDataModule)
    assert (data.image_shape, data.flip, data.resize, data.scorer) == ((3, 64, 64), True, "stretch", "flowers")


def test_the_same_photographs_are_held_out_whatever_the_seed(tmp_path, monkeypatch):
    write_flowers(tmp_path)
    first = small_flowers(tmp_path).load()
    monkeypatch.setenv("PL_GLOBAL_SEED", "99")
    torch.manual_seed(99)
    second = small_flowers(tmp_path).load()
    assert all(torch.equal(first[name].images, second[name].images) for name in first)


def test_only_jpeg_files_that_are_not_hidden_are_read(tmp_path):
    folder = write_flowers(tmp_path, 2)
    (folder / "daisy" / "notes.txt").write_text("x")
    (folder / "daisy" / "._0_photo.jpg").write_bytes(b"left by another system")
    (folder / "daisy" / "UPPER.JPG").write_bytes(jpeg((0, 0, 0)))
    assert torch.tensor(small_flowers(tmp_path).listing.labels).bincount().tolist() == [3, 2, 2, 2, 2]


def test_crop_and_stretch_differ(tmp_path):
    folder = write_flowers(tmp_path)
    wide = Image.fromarray(np.repeat(np.arange(0, 240, 4, dtype=np.uint8)[None, :, None], 3, 2).repeat(20, 0))
    wide.save(folder / "roses" / "0_photo.jpg")
    loaded = [small_flowers(tmp_path, resize=kind).load().values() for kind in ("stretch", "crop")]
    kinds = [torch.cat([split.images for split in splits]).sum(0) for splits in loaded]
    assert not torch.equal(*kinds)


@pytest.mark.parametrize("kwargs", [{"image_size": 0}, {"resize": "squash"}, {"val_share": 1.0}, {"batch_size": 0}])
def test_bad_arguments_are_named_at_once(tmp_path, kwargs):
    with pytest.raises(ValueError, match=next(iter(kwargs))):
        small_flowers(tmp_path, **kwargs)


# -- what is refused --


def remove_class(folder):
    for file in (folder / "roses").iterdir():
        file.unlink()
    (folder / "roses").rmdir()


def empty_class(folder):
    for file in (folder / "tulips").iterdir():
        file.unlink()


def truncated(folder):
    rough = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    rough.save(folder / "daisy" / "3_photo.jpg")
    content = (folder / "daisy" / "3_photo.jpg").read_bytes()
    (folder / "daisy" / "3_photo.jpg").write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("spoil", "named", "problem"),
    [
        (remove_class, "flower_photos/roses: No such file", "all of daisy, dandelion"),
        (empty_class, "flower_photos/tulips: ", "without photographs"),
        (truncated, "daisy/3_photo.jpg: ", "truncated"),
        (lambda f: (f / "roses/1_photo.jpg").write_bytes(b"<html>"), "roses/1_photo.jpg: ", "cannot be read"),
        (lambda f: (f / "roses/1_photo.jpg").write_bytes(b""), "roses/1_photo.jpg: ", "cannot be read"),
        (lambda f: (f / "roses/9_photo.jpg").symlink_to("nowhere"), "roses/9_photo.jpg: ", "No such file"),
        (lambda f: (f / "roses/9_photo.jpg").mkdir(), "roses/9_photo.jpg: ", "cannot be read"),
        (lambda f: f.rename(f.with_name("flowers")), "flower_photos/daisy: ", "rename it to flower_photos"),
    ],
    ids=["missing class", "empty class", "truncated", "garbage", "0 bytes", "dead link", "folder", "other name"],
)
def test_what_is_wrong_is_named_with_its_path(tmp_path, spoil, named, problem):
    spoil(write_flowers(tmp_path))
    message = one_line_error(small_flowers(tmp_path).setup)
    assert named in message
    assert problem in message
    assert list(tmp_path.rglob("*.npy")) == []  # nothing half-read is kept


@pytest.mark.parametrize(
    ("wrong", "right"),
    [(".", "a"), ("a/flower_photos", "a"), ("b", "b/flower_photos")],
    ids=["one level too high", "too low", "nested twice"],
)
def test_a_data_folder_one_level_off_is_answered_with_the_right_one(tmp_path, wrong, right):
    write_flowers(tmp_path / right)
    message = one_line_error(small_flowers(tmp_path / wrong).setup)
    assert f"set --data.init_args.data_dir={tmp_path / right}" in message


def test_without_any_data_the_message_says_how_to_get_it(tmp_path):
    message = one_line_error(small_flowers(tmp_path / "nowhere").setup)
    assert "download=true" in message
    assert flowers.URLS[0] in message

"""A folder of images: classes, splits, and files that are no images."""

from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
import torch
from PIL import Image

from datamodules import FolderDataModule, decode
from datamodules.depth import graded
from helpers.data import noise, one_line_error, write_images

# -- a folder of images: classes and splits --


def test_class_folders_are_numbered_by_name(tmp_path):
    for name, count in (("roses", 4), ("daisy", 3), ("tulips", 5)):
        write_images(tmp_path / name, count)
    data = FolderDataModule(str(tmp_path), image_size=4, val_share=0, test_share=0)
    assert (data.num_classes, data.classes) == (3, ["daisy", "roses", "tulips"])
    data.setup()
    images, labels = data.splits["train"]
    assert labels.tolist() == [0] * 3 + [1] * 4 + [2] * 5
    assert images[:, 0, 0, 0].tolist() == [0, 10, 20, 0, 10, 20, 30, 0, 10, 20, 30, 40]
    assert len(data.splits["val"].images) == len(data.splits["test"].images) == 0


def test_a_folder_of_images_alone_is_one_class(tmp_path):
    data = FolderDataModule(str(write_images(tmp_path / "faces", 20)), image_size=4)
    data.setup()
    assert (data.num_classes, data.classes) == (1, ["faces"])
    assert {name: len(split.images) for name, split in data.splits.items()} == {"train": 16, "val": 2, "test": 2}
    assert all((split.labels == 0).all() for split in data.splits.values())
    reds = torch.cat([split.images[:, 0, 0, 0] for split in data.splits.values()])
    assert sorted(reds.tolist()) == list(range(0, 200, 10))


def test_a_number_of_classes_is_known_before_the_folder_is_there_and_checked_then(tmp_path):
    data = FolderDataModule(str(tmp_path / "later"), image_size=4, num_classes=2)
    assert data.num_classes == 2
    for name in ("roses", "daisy", "tulips"):
        write_images(tmp_path / "later" / name, 4)
    assert "later: 3 classes, and --data.init_args.num_classes is 2; change" in one_line_error(data.setup)
    data = FolderDataModule(str(tmp_path / "later"), image_size=4, num_classes=3)
    data.setup()
    assert data.num_classes == len(data.classes) == 3
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        FolderDataModule("later", num_classes=0)


def test_small_shares_hold_out_one_image_at_least(tmp_path):
    splits = FolderDataModule(str(write_images(tmp_path, 4)), image_size=4).load()
    assert {name: len(split.images) for name, split in splits.items()} == {"train": 2, "val": 1, "test": 1}


def test_other_files_and_hidden_ones_are_ignored(tmp_path):
    write_images(tmp_path / "a", 3, name="IMAGE{}.PNG")
    for name in ("LICENSE.txt", "a/notes.md", "a/.hidden.png", "a/Thumbs.db", ".cache.png"):
        (tmp_path / name).write_text("no image")
    (tmp_path / ".git").mkdir()
    data = FolderDataModule(str(tmp_path), image_size=4, val_share=0, test_share=0)
    assert len(data.load()["train"].images) == 3
    assert data.classes == ["a"]


JPEG_NAMES = ("a.jfif", "b.JPE", "c.jif", "d.pjpeg", "e.pjp", "f.jpg", "g.jpeg")


def test_jpeg_files_of_every_name_are_read_and_what_is_not_is_told_by_kind(tmp_path, caplog):
    folder = tmp_path / "pictures"
    for name in ("a", "b"):
        for file in JPEG_NAMES:
            noise(8, 8).save(write_images(folder / name, 0) / file, "JPEG")
        for file in ("1.heic", "2.HEIC", "3.svg", "README", ".hidden.png", ".DS_Store", "._a.jfif", "Thumbs.db"):
            (folder / name / file).write_bytes(b"?")
    (folder / "notes.txt").write_text("?")
    data = FolderDataModule(str(folder), image_size=4)
    with caplog.at_level("INFO"):
        data.setup()
    assert sum(len(split.images) for split in data.splits.values()) == 14
    message = f"{folder}: 14 images in 2 classes; ignored: 4 .heic, 2 .svg, 2 hidden, 2 without extension, 1 .txt"
    assert message in [record.getMessage() for record in caplog.records]


def test_what_decides_is_what_a_file_holds_not_its_name(tmp_path):
    for number, kind in enumerate(("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")):
        Image.new("RGB", (4, 4), (100, 100, 100)).save(tmp_path / f"{number}.jfif", kind)
    images = FolderDataModule(str(tmp_path), image_size=4, val_share=0, test_share=0).load()["train"].images
    assert ((images.int() - 100).abs() < 4).all()


def test_an_unzipped_archive_of_a_mac_is_read_without_what_macos_added(tmp_path):
    write_images(tmp_path / "photos", 4)
    (tmp_path / "__MACOSX" / "photos").mkdir(parents=True)
    for name in (
        "__MACOSX/._photos",
        "__MACOSX/photos/._image0.png",
        "photos/._image0.png",
        ".DS_Store",
        "._.DS_Store",
    ):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    assert FolderDataModule(str(tmp_path)).classes == ["photos"]
    loose = write_images(tmp_path / "photos", 4)
    (loose / "__MACOSX").mkdir()
    assert FolderDataModule(str(loose)).classes == ["photos"]  # one class, not images beside a folder
    (tmp_path / "photos" / "__MACOSX").rmdir()
    for folder in (tmp_path / "__MACOSX", tmp_path / "__MACOSX" / "photos"):
        message = one_line_error(FolderDataModule(str(folder)).setup)
        assert "lies beside __MACOSX" in message
        assert "one level" not in message


def test_a_folder_of_other_pictures_says_which_there_are(tmp_path):
    for name in ("1.heic", "2.heic", "3.svg"):
        (tmp_path / name).touch()
    assert "it holds 2 .heic, 1 .svg" in one_line_error(FolderDataModule(str(tmp_path)).setup)


def test_a_relative_folder_is_looked_for_here_then_in_the_data_folder(tmp_path, monkeypatch):
    for name, count in (("here", 3), ("data", 4)):
        write_images(tmp_path / name / "pictures", count)
    monkeypatch.chdir(tmp_path / "here")
    data = {"folder": "pictures", "data_dir": str(tmp_path / "data")}
    assert len(FolderDataModule(**data).listing.files) == 3
    monkeypatch.chdir(tmp_path)
    assert len(FolderDataModule(**data).listing.files) == 4


def bad_folders():
    """What to make in a folder, the path to be named, and what to say."""

    def mixed(path):
        write_images(path, 2)
        write_images(path / "a", 2)

    def deep(path):
        write_images(path / "a", 2)
        write_images(path / "a" / "b", 2)

    def empty_class(path):
        write_images(path / "a", 2)
        (path / "b").mkdir()
        (path / "b" / "LICENSE.txt").write_text("not an image")

    yield pytest.param(lambda path: path.rmdir(), ".", "folder", id="missing")
    yield pytest.param(lambda path: (path.rmdir(), path.write_text("")), ".", "Not a directory", id="a file")
    yield pytest.param(lambda path: None, ".", "no images", id="empty")
    yield pytest.param(lambda path: (path / "x.txt").write_text(""), ".", "no images", id="no images")
    yield pytest.param(empty_class, "b", "without images", id="empty class")
    yield pytest.param(lambda path: write_images(path / "a" / "b"), "a", "one level too high", id="too high")
    yield pytest.param(mixed, ".", "beside folders", id="images beside classes")
    yield pytest.param(deep, "a", "move it away", id="folders beside images")
    yield pytest.param(lambda path: write_images(path, 2), ".", "too few", id="nothing left to train")


@pytest.mark.parametrize(("make", "named", "problem"), [*bad_folders()])
def test_a_bad_folder_is_named_with_what_to_do(tmp_path, make, named, problem):
    folder = tmp_path / "pictures"
    folder.mkdir()
    make(folder)
    message = one_line_error(FolderDataModule(str(folder)).setup)
    assert f"{folder / named}: " in message
    assert problem in message


@pytest.mark.parametrize(("pixels", "most"), [(64, 1), (80, 2)])
def test_large_pictures_are_decoded_one_at_a_time(tmp_path, monkeypatch, pixels, most):
    """A few kilobytes may unpack to half a gigabyte, in each thread."""
    write_images(tmp_path, 6, size=(9, 8))
    now, seen, together = [], [], Barrier(most)

    def counted(*arguments):
        now.append(1)
        with suppress(BrokenBarrierError):
            together.wait(5)  # for as many threads as there may be
        seen.append(len(now))
        now.pop()
        return graded(*arguments)

    monkeypatch.setattr(decode, "LARGE", pixels)
    monkeypatch.setattr(decode, "graded", counted)
    FolderDataModule(str(tmp_path), image_size=4).setup()
    assert (max(seen) > 1) is (most > 1)


def test_a_folder_named_like_an_image_is_a_class(tmp_path):
    write_images(tmp_path / "a.png", 3)
    assert FolderDataModule(str(tmp_path)).classes == ["a.png"]


@pytest.mark.data
def test_real_photographs(real_data):
    if not (real_data / "flower_photos").is_dir():
        pytest.skip("flower_photos is not under $GANZOO_DATA")
    data = FolderDataModule("flower_photos", data_dir=str(real_data), image_size=16)
    data.setup()
    labels = torch.cat([split.labels for split in data.splits.values()])
    assert labels.bincount().tolist() == [764, 1052, 784, 733, 984]
    assert data.classes == ["daisy", "dandelion", "roses", "sunflowers", "tulips"]
    assert 60 < data.splits["train"].images.float().mean() < 180


@pytest.mark.data
def test_the_parent_of_real_photographs_is_one_level_too_high(real_data):
    if not (real_data / "flower_photos").is_dir():
        pytest.skip("flower_photos is not under $GANZOO_DATA")
    message = one_line_error(lambda: FolderDataModule(str(real_data)).num_classes)
    assert "one level too high" in message

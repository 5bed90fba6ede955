"""Decoded photographs kept on disk: used while they fit, made anew when not."""

import io
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules import FlowersDataModule, FolderDataModule, cache
from helpers.data import jpeg, small_flowers, write_flowers
from helpers.real_data import FOLDER


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """No test sees, or leaves anything in, the real ~/.cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg"


@pytest.fixture
def messages(caplog):
    """What Lightning's loggers say, joined; they may not propagate to pytest's own handler."""
    logger = logging.getLogger("lightning.pytorch")
    logger.addHandler(caplog.handler)
    yield lambda: "\n".join(record.getMessage() for record in caplog.records)
    logger.removeHandler(caplog.handler)


# -- the cache --


@pytest.fixture
def decoded(monkeypatch):
    """How many files each call of the decoder got."""
    calls, original = [], FolderDataModule.decoded
    monkeypatch.setattr(
        FolderDataModule, "decoded", lambda self, files: calls.append(len(files)) or original(self, files)
    )
    return calls


def all_images(data_dir, **kwargs):
    return torch.cat([split.images for split in small_flowers(data_dir, **kwargs).load().values()])


def caches(folder):
    return sorted(folder.rglob("*.npy"))


def test_a_second_run_decodes_nothing_and_gets_the_same(tmp_path, decoded, messages):
    write_flowers(tmp_path)
    first, second = all_images(tmp_path), all_images(tmp_path)
    assert decoded == [30]
    assert torch.equal(first, second)
    (path,) = caches(tmp_path)
    assert path.parent == tmp_path / ".ganzoo-cache"
    assert f"cached in {path}" in messages()
    assert f"read from {path}" in messages()
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing partial is left
    second.zero_()  # it is memory of our own, writable
    assert np.load(path, allow_pickle=False).shape == (30, 3, 8, 8)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "daisy/0_photo.jpg").write_bytes(jpeg((255, 255, 255), (30, 30))),
        lambda folder: os.utime(folder / "daisy/0_photo.jpg", ns=(1, 1)),
        lambda folder: (folder / "daisy/0_photo.jpg").unlink(),
        lambda folder: (folder / "daisy/0_photo.jpg").rename(folder / "daisy/00_photo.jpg"),
        lambda folder: (folder / "daisy/9_photo.jpg").write_bytes(jpeg((1, 2, 3))),
        lambda folder: (folder / "daisy/0_photo.jpg").rename(folder / "roses/x.jpg"),
    ],
    ids=["size", "time", "removed", "renamed", "added", "other class"],
)
def test_changed_files_are_decoded_anew(tmp_path, decoded, change):
    folder = write_flowers(tmp_path)
    all_images(tmp_path)
    change(folder)
    all_images(tmp_path)
    assert len(decoded) == 2


@pytest.mark.parametrize("kwargs", [{"image_size": 9}, {"resize": "crop"}])
def test_other_settings_have_a_cache_of_their_own(tmp_path, decoded, kwargs):
    write_flowers(tmp_path)
    all_images(tmp_path)
    all_images(tmp_path, **kwargs)
    all_images(tmp_path)
    all_images(tmp_path, **kwargs)
    assert len(decoded) == 2


def with_checksum(content):
    import zlib

    return content + zlib.crc32(content).to_bytes(4, "little")


def npy(array, **kwargs):
    file = io.BytesIO()
    np.save(file, array, **kwargs)
    return with_checksum(file.getvalue())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: content[:3],
        lambda content: b"",
        lambda content: content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
        lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:],
        lambda content: with_checksum(b"no array"),
        lambda content: npy(np.zeros((29, 3, 8, 8), np.uint8)),
        lambda content: npy(np.zeros((30, 3, 8, 8), np.int8)),
        lambda content: npy(np.array([{}], dtype=object), allow_pickle=True),
    ],
    ids=["a byte short", "half", "3 bytes", "empty", "a bit", "header", "no array", "shape", "type", "pickle"],
)
def test_a_damaged_cache_is_made_anew_not_trusted(tmp_path, decoded, messages, spoil):
    write_flowers(tmp_path)
    first = all_images(tmp_path)
    (path,) = caches(tmp_path)
    good = path.read_bytes()
    path.write_bytes(spoil(good))
    assert torch.equal(all_images(tmp_path), first)
    assert len(decoded) == 2
    assert f"{path} is not used" in messages()
    assert path.read_bytes() == good


def test_a_read_only_data_folder_is_left_alone(tmp_path, home, decoded):
    folder = tmp_path / "data"
    write_flowers(folder)
    folder.chmod(0o555)  # root could write there nevertheless
    try:
        first, second = all_images(folder), all_images(folder)
    finally:
        folder.chmod(0o755)
    assert torch.equal(first, second)
    assert decoded == [30]
    assert not (folder / ".ganzoo-cache").exists()
    assert [path.parent for path in caches(tmp_path)] == [home / "ganzoo"]


def test_where_no_cache_can_be_written_everything_still_works(tmp_path, home, decoded, messages):
    write_flowers(tmp_path)
    (tmp_path / ".ganzoo-cache").write_text("a file is in the way")
    home.write_text("and another")
    assert torch.equal(all_images(tmp_path), all_images(tmp_path))
    assert len(decoded) == 2
    assert "not cached" in messages()


@pytest.mark.parametrize(("value", "expected"), [("", "{home}/.cache/ganzoo"), ("/caches", "/caches/ganzoo")])
def test_the_second_folder_follows_the_xdg_standard(tmp_path, monkeypatch, value, expected):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    folders = cache.cache_folders(Path("data"))
    assert folders == [Path("data/.ganzoo-cache"), Path(expected.format(home=tmp_path))]


def test_a_relative_xdg_folder_is_ignored_as_the_standard_asks(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.cache_folders(Path("data")) == [Path("data/.ganzoo-cache")]


# -- real photographs --


@pytest.fixture
def real_flowers(tmp_path):
    """A data folder whose flower_photos is the real one: caches are written beside the link, not beside the data."""
    folder = FOLDER / "flower_photos"
    if not folder.is_dir():
        pytest.skip("flower_photos is not under $GANZOO_DATA")
    (tmp_path / "flower_photos").symlink_to(folder.absolute())
    return tmp_path


@pytest.mark.data
def test_real_photographs_the_second_time_from_the_cache(real_flowers, decoded):
    data = FlowersDataModule(data_dir=str(real_flowers))
    data.setup()
    again = FlowersDataModule(data_dir=str(real_flowers))
    again.setup()
    assert decoded == [4317]
    labels = torch.cat([split.labels for split in data.splits.values()])
    assert labels.bincount().tolist() == [764, 1052, 784, 733, 984]
    for name, count in {"train": 3453, "val": 432, "test": 432}.items():
        assert data.splits[name].images.shape == (count, 3, 64, 64)
        assert torch.equal(data.splits[name].images, again.splits[name].images)
    assert 60 < data.splits["train"].images.float().mean() < 180
    spread = data.splits["val"].images.float().std(dim=(1, 2, 3))
    assert spread.min() > 5  # no photograph is one colour

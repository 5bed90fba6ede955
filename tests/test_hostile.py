"""Data that is missing, damaged or made to do harm: one line that names it, status 1, and nothing left behind."""

import gzip
import os

import numpy as np
import pytest

import cli
from datamodules import FolderDataModule, MNISTDataModule
from helpers.hostile import EPS, NAMES, archive, bomb, fifo, idx, mnist, picture, pictures, wrong_counts

MNIST = ["--data=datamodules.MNISTDataModule", "--data.init_args.check_md5=false", "--data.init_args.val_size=4"]
FOLDER = ["--data=datamodules.FolderDataModule", "--data.init_args.folder=pictures", "--data.init_args.image_size=8"]
FLOWERS = ["--data=datamodules.FlowersDataModule"]


CASES = {
    "no data at all": (MNIST, lambda folder: None, "train-images"),
    "idx: one file missing": (MNIST, lambda folder: mnist(folder, t10k_labels=None), "t10k-labels"),
    "idx: truncated": (MNIST, lambda folder: mnist(folder, train_images=lambda c: c[:-5]), "train-images"),
    "idx: too long": (MNIST, lambda folder: mnist(folder, t10k_images=lambda c: c + b"x"), "t10k-images"),
    "idx: garbage": (MNIST, lambda folder: mnist(folder, train_labels=b"garbage"), "train-labels"),
    "idx: empty": (MNIST, lambda folder: mnist(folder, train_labels=b""), "train-labels"),
    "idx: wrong magic": (
        MNIST,
        lambda folder: mnist(folder, train_images=lambda c: b"\0\0\x0d" + c[3:]),
        "train-images",
    ),
    "idx: an HTML page": (MNIST, lambda folder: mnist(folder, t10k_labels=b"<html>404</html>"), "t10k-labels"),
    "idx: more images claimed": (MNIST, lambda folder: mnist(folder, train_images=wrong_counts), "train-images"),
    "idx: fewer labels": (
        MNIST,
        lambda folder: mnist(folder, train_labels=idx(np.zeros(19, np.uint8))),
        "train-",
    ),
    "idx: labels for images": (MNIST, lambda folder: mnist(folder, train_images=idx(np.zeros(20, np.uint8))), "train-"),
    "idx: a broken gzip": (
        MNIST,
        lambda folder: (mnist(folder, train_images=None) / f"{NAMES[0]}.gz").write_bytes(gzip.compress(b"x" * 99)[:20]),
        "train-images",
    ),
    "image: truncated": (FOLDER, lambda folder: pictures(folder, a__x__png=picture(size=(90, 90))[:60]), "a/x.png"),
    "image: empty": (FOLDER, lambda folder: pictures(folder, a__x__jpg=b""), "a/x.jpg"),
    "image: garbage": (FOLDER, lambda folder: pictures(folder, b__x__png=os.urandom(99)), "b/x.png"),
    "image: text": (FOLDER, lambda folder: pictures(folder, b__x__jpg=b"I am a picture."), "b/x.jpg"),
    "image: bomb": (FOLDER, lambda folder: pictures(folder, b__x__png=bomb()), "b/x.png"),
    "image: a program": (FOLDER, lambda folder: pictures(folder, a__x__png=EPS), "a/x.png"),
    "image: a FIFO": (FOLDER, lambda folder: (pictures(folder), fifo(folder / "pictures/a/x.png")), "is a FIFO"),
    "image: a link to a FIFO": (
        FOLDER,
        lambda folder: (
            pictures(folder),
            fifo(folder / "else"),
            (folder / "pictures/a/x.png").symlink_to(folder / "else"),
        ),
        "a/x.png: cannot be read as an image (OSError: [Errno 22] is a FIFO",
    ),
    "image: a device": (
        FOLDER,
        lambda folder: (pictures(folder), (folder / "pictures/a/x.png").symlink_to("/dev/zero")),
        "is a device",
    ),
    "idx: a FIFO": (MNIST, lambda folder: fifo(mnist(folder) / NAMES[0]), "is a FIFO"),
    "idx: a device": (
        MNIST,
        lambda folder: (mnist(folder, train_images=None) / f"{NAMES[0]}.gz").symlink_to("/dev/zero"),
        "is a device",
    ),
    "image: half a JPEG": (
        FOLDER,
        lambda folder: pictures(folder, a__x__jpg=picture(size=(99, 99), format="JPEG")[:-300]),
        "a/x.jpg",
    ),
    "folder: missing": (FOLDER, lambda folder: None, "pictures"),
    "folder: empty": (FOLDER, lambda folder: (folder / "pictures").mkdir(), "pictures"),
    "folder: an empty class": (
        FOLDER,
        lambda folder: (pictures(folder), (folder / "pictures" / "c").mkdir()),
        "pictures/c",
    ),
    "folder: one level too high": (
        [*FOLDER, "--data.init_args.folder=."],
        lambda folder: (pictures(folder), (folder / "tiny.yaml").exists()),
        "one level",
    ),
    "folder: is a file": (FOLDER, lambda folder: (folder / "pictures").write_text("x"), "pictures"),
    "flowers: nothing there": (FLOWERS, lambda folder: None, "flower_photos"),
    "flowers: a member climbs out": (FLOWERS, lambda folder: archive(folder, "../evil.jpg"), "flower_photos.tgz"),
    "flowers: an absolute member": (FLOWERS, lambda folder: archive(folder, "/evil.jpg"), "flower_photos.tgz"),
    "flowers: a link": (FLOWERS, lambda folder: archive(folder, "flower_photos/x", "/etc"), "flower_photos.tgz"),
    "flowers: an archive of nothing": (FLOWERS, lambda folder: archive(folder, "readme"), "flower_photos.tgz"),
    "flowers: no archive": (
        FLOWERS,
        lambda folder: ((folder / "data").mkdir(), (folder / "data" / "flower_photos.tgz").write_bytes(b"no")),
        "flower_photos.tgz",
    ),
    "flowers: the archive is a FIFO": (
        [*FLOWERS, "--data.init_args.download=true"],
        lambda folder: fifo(folder / "data" / "flower_photos.tgz"),
        "is a FIFO",
    ),
    "flowers: an empty class": (
        FLOWERS,
        lambda folder: (folder / "data" / "flower_photos" / "roses").mkdir(parents=True),
        "flower_photos",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_data_is_one_line_status_1_and_leaves_nothing(case, tmp_path, monkeypatch, capsys):
    argv, prepare, culprit = CASES[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANZOO_DATA", raising=False)
    recipe = "model: {class_path: zoo.GAN}\ntrainer: {max_steps: 1, accelerator: cpu}\nloggers: [csv]\n"
    (tmp_path / "tiny.yaml").write_text(recipe)
    prepare(tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.name != "__pycache__"}
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", "--config", "tiny.yaml", *argv])
    lines = capsys.readouterr().err.strip().splitlines()
    assert stop.value.code == 1
    assert not any(line.startswith("Traceback") for line in lines)
    assert lines[-1].startswith("ganzoo: error: ")
    assert culprit in lines[-1]
    assert {path for path in tmp_path.rglob("*") if path.name != "__pycache__"} == before
    assert not (tmp_path.parent / "evil.jpg").exists()


def test_good_data_of_the_same_makers_trains(tmp_path, monkeypatch):
    """Else the cases above might fail for another reason."""
    mnist(tmp_path)
    files = {"a__cmyk__jpg": picture("CMYK", format="JPEG"), "b__grey__png": picture("I;16", colour=50_000)}
    pictures(tmp_path, **files, b__dot__gif=picture("P", (1, 1), "GIF"))
    digits = MNISTDataModule(data_dir=str(tmp_path / "data"), check_md5=False, val_size=4)
    folder = FolderDataModule(str(tmp_path / "pictures"), image_size=8)
    for data in (digits, folder):
        data.setup()
    assert sum(len(split.images) for split in folder.splits.values()) == 19

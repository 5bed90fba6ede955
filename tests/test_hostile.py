"""Data that is missing, damaged or made to do harm: one line that names it, status 1, and nothing left behind."""

import errno
import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

import cli
from commands import recipes
from commands.checkpoint_io import AtomicCheckpointIO
from datamodules import DataError, FolderDataModule, MNISTDataModule

MNIST = ["--data=datamodules.MNISTDataModule", "--data.init_args.check_md5=false", "--data.init_args.val_size=4"]
FOLDER = ["--data=datamodules.FolderDataModule", "--data.init_args.folder=pictures", "--data.init_args.image_size=8"]
FLOWERS = ["--data=datamodules.FlowersDataModule"]
NAMES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def idx(values):
    magic = 0x800 + values.ndim
    return struct.pack(f">{values.ndim + 1}i", magic, *values.shape) + values.tobytes()


def mnist(folder, **spoilt):
    """A small MNIST in which files, named by their first letters, are replaced or, if None, missing."""
    raw = folder / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    good = {"images": idx(np.zeros((20, 28, 28), np.uint8)), "labels": idx(np.arange(20, dtype=np.uint8) % 10)}
    for name in NAMES:
        kind = "images" if "images" in name else "labels"
        content = good[kind]
        key = f"{name.split('-')[0]}_{kind}"
        if key in spoilt:
            content = spoilt[key](content) if callable(spoilt[key]) else spoilt[key]
        if isinstance(content, bytes):
            (raw / name).write_bytes(content)
    return raw


def picture(mode="RGB", size=(9, 9), format="PNG", colour=7, **options):  # noqa: A002
    buffer = io.BytesIO()
    Image.new(mode, size, colour).save(buffer, format, **options)
    return buffer.getvalue()


def pictures(folder, **files):
    """Good images in two classes, and the files given: class__name__kind=content."""
    for kind in ("a", "b"):
        (folder / "pictures" / kind).mkdir(parents=True)
        for number in range(8):
            (folder / "pictures" / kind / f"{number}.png").write_bytes(picture())
    for name, content in files.items():
        (folder / "pictures" / name.replace("__", "/", 1).replace("__", ".")).write_bytes(content)


def archive(folder, name="x.jpg", link=None):
    (folder / "data").mkdir()
    with tarfile.open(folder / "data" / "flower_photos.tgz", "w:gz") as tar:
        member = tarfile.TarInfo(name)
        if link:
            member.type, member.linkname = tarfile.SYMTYPE, link
            tar.addfile(member)
        else:
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))


def bomb():
    """A PNG that claims 50,000 x 50,000 pixels."""
    content = bytearray(picture())
    content[16:24] = struct.pack(">II", 50_000, 50_000)
    return bytes(content)


def fifo(path):
    """In the place of a file: whoever opens it to read waits for a writer, here for ever."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(touched) (w) file closefile showpage\n%%EOF\n"


def wrong_counts(content):
    return content[:4] + struct.pack(">i", 21) + content[8:]


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
    words, prepare, culprit = CASES[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GANZOO_DATA", raising=False)
    recipe = "model: {class_path: zoo.GAN}\ntrainer: {max_steps: 1, accelerator: cpu}\nloggers: [csv]\n"
    (tmp_path / "tiny.yaml").write_text(recipe)
    prepare(tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.name != "__pycache__"}
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", "--config", "tiny.yaml", *words])
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


# -- fuzzing: whatever the bytes, images or a DataError --


def mutated(content, generator):
    content = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        kind, place = generator.integers(3), int(generator.integers(len(content) + 1))
        if kind == 0:
            content[place:place] = generator.bytes(int(generator.integers(1, 9)))
        elif kind == 1:
            del content[place : place + int(generator.integers(1, 99))]
        elif place < len(content):
            content[place] = int(generator.integers(256))
    return bytes(content) or b"\0"


def test_fuzzed_idx_files_are_read_or_refused(tmp_path):
    raw = mnist(tmp_path)
    good = {name: (raw / name).read_bytes() for name in NAMES}
    generator, outcomes = np.random.default_rng(0), set()
    for _ in range(300):
        name = NAMES[generator.integers(4)]
        (raw / name).write_bytes(mutated(good[name], generator))
        data = MNISTDataModule(data_dir=str(tmp_path / "data"), check_md5=False, val_size=4)
        try:
            data.setup()
            outcomes.add("read")
        except DataError as error:
            told = str(error)
            outcomes.add("refused" if "-ubyte" in told and "\n" not in told else told)
        (raw / name).write_bytes(good[name])
    assert outcomes == {"read", "refused"}


def test_fuzzed_images_are_read_or_refused(tmp_path):
    pictures(tmp_path)
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8))
    kinds = {"png": "PNG", "jpg": "JPEG", "gif": "GIF", "bmp": "BMP", "webp": "WEBP", "tif": "TIFF"}
    generator, outcomes = np.random.default_rng(0), set()
    for _ in range(100):
        extension, kind = list(kinds.items())[generator.integers(len(kinds))]
        noise.save(buffer := io.BytesIO(), kind)
        file = tmp_path / "pictures" / "a" / f"fuzzed.{extension}"
        file.write_bytes(mutated(buffer.getvalue(), generator))
        try:
            FolderDataModule(str(tmp_path / "pictures"), image_size=8).setup()
            outcomes.add("read")
        except DataError as error:
            told = str(error)
            outcomes.add("refused" if file.name in told and "\n" not in told else told)
        file.unlink()
    assert outcomes == {"read", "refused"}


# -- checkpoints and disks --


def test_a_failed_save_leaves_the_old_checkpoint_and_no_other_file(tmp_path, monkeypatch):
    path, io_ = tmp_path / "last.ckpt", AtomicCheckpointIO()
    io_.save_checkpoint({"step": 1}, path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*last\.ckpt"):
        io_.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.slow  # a process of its own
def test_a_full_disk_ends_the_run_with_its_last_checkpoint_whole(tmp_path):
    """A limit on the size of files stands for the disk: it is set once the first checkpoint is there."""
    recipe = """
    model: {class_path: zoo.GAN, init_args: {latent_dim: 4, critic_options: {hidden: [512]}}}
    data: {class_path: datamodules.DigitsDataModule, init_args: {batch_size: 50, image_size: 8}}
    trainer: {max_steps: 8, val_check_interval: 1000, accelerator: cpu, enable_progress_bar: false}
    last_checkpoint: {every_n_steps: 2}
    loggers: [csv]
    """
    (tmp_path / "tiny.yaml").write_text(recipe)
    path = os.pathsep.join([str(recipes.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    script = (
        "import resource, cli\n"
        "from callbacks import LastCheckpoint\n"
        "save = LastCheckpoint.save\n"
        "def saved(self, trainer):\n"
        "    save(self, trainer)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "LastCheckpoint.save = saved\n"
        "cli.main(['fit', '--config', 'tiny.yaml'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ganzoo: error: ")
    assert "last.ckpt: File too large" in last
    assert "Traceback" not in done.stderr
    (folder,) = tmp_path.glob("runs/tiny/*/checkpoints")
    assert [file.name for file in folder.iterdir()] == ["last.ckpt"]
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 2

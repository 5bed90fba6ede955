"""Data as they should not be: files that are cut, wrong, too large, or no files at all."""

import io
import os
import struct
import tarfile

import numpy as np
from PIL import Image

NAMES = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]


def idx(values):
    magic = 0x800 + values.ndim
    return struct.pack(f">{values.ndim + 1}i", magic, *values.shape) + values.tobytes()


def mnist(folder, **spoilt):
    """Write a small MNIST in which files, named by their first letters, are replaced or, if None, missing."""
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
    """Write good images in two classes, and the files given: class__name__kind=content."""
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
    """Return a PNG that claims 50,000 x 50,000 pixels."""
    content = bytearray(picture())
    content[16:24] = struct.pack(">II", 50_000, 50_000)
    return bytes(content)


def fifo(path):
    """Put a FIFO in the place of a file: who opens it to read waits for a writer, here for ever."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(touched) (w) file closefile showpage\n%%EOF\n"


def wrong_counts(content):
    return content[:4] + struct.pack(">i", 21) + content[8:]

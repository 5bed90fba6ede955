"""Small data sets, written to disk as the real ones lie there, and a server for them."""

import gzip
import io
import struct
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from PIL import Image

from datamodules import DataError, FlowersDataModule, MNISTDataModule, cifar10
from datamodules.flowers import CLASSES


def one_line_error(call):
    """Return the DataError of `call()`, which must be one line."""
    with pytest.raises(DataError) as error:
        call()
    message = str(error.value)
    assert "\n" not in message
    return message


# -- MNIST --

TRAIN, TRAIN_LABELS, TEST_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-labels-idx1-ubyte"


def write_idx(path, values):
    """Write an idx file of unsigned bytes."""
    values = np.asarray(values, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes())


def write_mnist(data_dir, train=40, test=12):
    """Write the four files of MNIST, small: image i is filled with i, its label is i % 10."""
    raw = data_dir / "MNIST" / "raw"
    for part, count in (("train", train), ("t10k", test)):
        number = np.arange(count, dtype=np.uint8)
        write_idx(raw / f"{part}-images-idx3-ubyte", number[:, None, None].repeat(28, 1).repeat(28, 2))
        write_idx(raw / f"{part}-labels-idx1-ubyte", number % 10)
    return raw


def pack(name, change=lambda packed: packed):
    """Leave only `name`.gz, its bytes changed."""

    def spoil(raw):
        packed = change(gzip.compress((raw / name).read_bytes()))
        (raw / name).unlink()
        (raw / f"{name}.gz").write_bytes(packed)

    return spoil


def small_mnist(data_dir, **kwargs):
    return MNISTDataModule(data_dir=str(data_dir), val_size=8, check_md5=False, **kwargs)


# -- pictures --


def write_images(folder, count=10, size=(20, 12), name="image{}.png"):
    """Write images of one colour each: the red of image i is 10 i."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        Image.new("RGB", size, (10 * i, 0, 255)).save(folder / name.format(i))
    return folder


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def jpeg(colour, size=(20, 12)):
    """Return the bytes of a JPEG of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()


def write_flowers(data_dir, count=6):
    """Write `count` photographs of each class; the red of class c is 40 c."""
    for label, name in enumerate(CLASSES):
        folder = data_dir / "flower_photos" / name
        folder.mkdir(parents=True)
        for i in range(count):
            (folder / f"{i}_photo.jpg").write_bytes(jpeg((40 * label, 10 * i, 200)))
    (data_dir / "flower_photos" / "LICENSE.txt").write_text("CC-BY")
    return data_dir / "flower_photos"


def small_flowers(data_dir, **kwargs):
    return FlowersDataModule(data_dir=str(data_dir), **{"image_size": 8, "val_share": 0.2, "test_share": 0.1} | kwargs)


# -- over HTTP --


class QuietHandler(SimpleHTTPRequestHandler):
    """Serve files without a word."""

    def log_message(self, *args):
        """Say nothing."""


@contextmanager
def served(folder):
    """Serve the folder's files on this machine; give an address that ends in its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def write_cifar10(data_dir, count=4):
    """Write the six files with `count` records each, and return their folder.

    The label is the record's number; its planes hold 10, 20 and 30, but for the second pixel, whose red is 99.
    """
    folder = data_dir / cifar10.FOLDER
    folder.mkdir(parents=True)
    for name in (*cifar10.TRAIN, *cifar10.TEST):
        records = np.zeros((count, cifar10.RECORD), np.uint8)
        records[:, 0] = np.arange(count) % 10
        for plane in range(3):
            records[:, 1 + 1024 * plane : 1025 + 1024 * plane] = 10 * (plane + 1)
        records[:, 2] = 99
        (folder / name).write_bytes(records.tobytes())
    return folder

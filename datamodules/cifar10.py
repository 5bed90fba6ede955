"""CIFAR-10 (Krizhevsky 2009): 60,000 photographs of ten kinds of things, 32x32, from the official binary archive."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from datamodules.archive import fetch, unpack, what_is_wrong
from datamodules.batches import Images
from datamodules.errors import DataError
from datamodules.images import ImageDataModule
from datamodules.splits import held_out
from zoo.files.regular_files import open_regular

FOLDER, ARCHIVE = "cifar-10-batches-bin", "cifar-10-binary.tar.gz"
URL = f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}"
#: Bytes and hash as tensorflow/datasets lists them; the page of the data set has its md5, c32a1d4a...
SIZE = 170_052_171
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
TRAIN, TEST = tuple(f"data_batch_{number}.bin" for number in range(1, 6)), ("test_batch.bin",)
#: A record is one byte of label, then the planes of red, green and blue, row by row; a file has 10,000 of them.
SHAPE, RECORD, RECORDS = (3, 32, 32), 1 + 3 * 32 * 32, 10_000
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class CIFAR10DataModule(ImageDataModule):
    """CIFAR-10, RGB: 45,000 train, 5,000 val, 10,000 test (the official test set), mirrored at random.

    The validation images are drawn at random from the 50,000 official training images, always the same ones for one
    `val_size`. The files are `<data_dir>/cifar-10-batches-bin/{data_batch_1..5,test_batch}.bin`.

    Args:
        val_size: how many of the training images are held out for validation.
        flip: mirror each training image left to right with probability 1/2.
        download: fetch and unpack cifar-10-binary.tar.gz (170 MB) if the folder is missing; one that lies in `data_dir`
            is unpacked without fetching it.
        train_size: train on that many of the other training images, drawn at random, always the same ones, as DeLiGAN
            does on 2,000; None takes all of them.
        **kwargs: see ImageDataModule.
    """

    scorer = "cifar10"
    num_classes = len(CLASSES)

    def __init__(
        self,
        val_size: int = 5000,
        flip: bool = True,
        download: bool = False,
        train_size: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(flip=flip, **kwargs)
        for name, value in (("val_size", val_size), ("train_size", train_size)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.val_size, self.train_size, self.download = val_size, train_size, download

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (3, 32, 32)."""
        return SHAPE

    @property
    def folder(self) -> Path:
        """Return the folder of the six files."""
        return self.data_dir / FOLDER

    def prepare_data(self) -> None:
        """Download and unpack if that was asked for and the folder is missing. Raise DataError."""
        if not self.download or self.folder.is_dir():
            return
        archive = self.data_dir / ARCHIVE
        if not archive.exists():
            fetch((URL,), archive, SIZE, SHA256)
        try:
            problem = what_is_wrong(archive, SIZE, SHA256)
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        if problem:
            raise DataError(f"{archive}: {problem}; delete it to download it anew, or unpack it by hand if it is good")
        unpack(archive, self.folder)

    def load(self) -> dict[str, Images]:
        """Read and check the six files. Raise DataError."""
        train, test = self.read(TRAIN), self.read(TEST)
        if self.val_size >= len(train.images):
            raise DataError(
                f"{self.folder}: {len(train.images):,} training images cannot give {self.val_size:,} for validation; "
                "lower --data.init_args.val_size"
            )
        splits = held_out(train, val=self.val_size) | {"test": test}
        if self.train_size is None:
            return splits
        rest = splits["train"]
        if self.train_size > len(rest.images):
            raise DataError(
                f"{self.folder}: {len(rest.images):,} images beside those for validation cannot give "
                f"{self.train_size:,} to train; lower --data.init_args.train_size"
            )
        few = held_out(rest, few=self.train_size)
        return splits | {"train": few["few"], "unused": few["train"]}

    def read(self, names: tuple[str, ...]) -> Images:
        """Read files, one after the other. Raise DataError."""
        records = torch.cat([read_records(self.folder / name) for name in names])
        return Images(records[:, 1:].reshape(-1, *SHAPE), records[:, 0].long())


def read_records(path: Path) -> Tensor:
    """Return the records of a file, uint8 [N, RECORD]. Raise DataError."""
    try:
        with open_regular(path) as file:
            raw = file.read(RECORD * RECORDS + 1)
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror}; set --data.init_args.download=true, or unpack {URL} into {path.parent.parent}, "
            f"or point --data.init_args.data_dir (or $GANZOO_DATA) to the folder that holds {FOLDER}"
        ) from error
    if not raw or len(raw) > RECORD * RECORDS or len(raw) % RECORD:
        raise DataError(
            f"{path}: {len(raw):,} bytes or more are not 1 to {RECORDS:,} records of {RECORD:,}: damaged, or another "
            "data set; unpack the archive anew"
        )
    records = torch.from_numpy(np.frombuffer(raw, np.uint8).reshape(-1, RECORD).copy())
    if (largest := int(records[:, 0].max())) >= len(CLASSES):
        raise DataError(f"{path}: has a label {largest}, but classes are 0..9; unpack the archive anew")
    return records

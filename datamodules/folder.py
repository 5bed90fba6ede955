"""Any folder of images, with a folder for each class or without classes, decoded once into memory."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.batches import Images
from datamodules.decode import EXTENSIONS, Resize, decode
from datamodules.images import DataError, ImageDataModule, held_out


class Listing(NamedTuple):
    """Image files and the class of each, by number, with the classes' names."""

    files: list[Path]
    labels: list[int]
    classes: list[str]


class FolderDataModule(ImageDataModule):
    """A folder of images: split at random, always in the same way.

    Folders within it are the classes, numbered in the order of their names; a folder of nothing but images is one
    class, 0. Files of other kinds than `decode.EXTENSIONS` and hidden files are ignored. How a file becomes 8-bit grey
    or RGB is told at `decode.decode`. `num_classes` and `classes` list the folder when they are first asked for: before
    any image is read, but not before the data module is made.

    Args:
        folder: the folder; a relative one that is not in the current directory is looked for in `data_dir`.
        image_size: height and width to resize to.
        channels: 3 for RGB, 1 for grey.
        resize: `stretch` to a square, or `crop`: resize the shorter side, keep the centre.
        val_share: share of the images held out for validation, 0 to less than 1; at least one image if above 0.
        test_share: the same for the test.
        **kwargs: see ImageDataModule.
    """

    def __init__(
        self,
        folder: str,
        image_size: int = 64,
        channels: Literal[1, 3] = 3,
        resize: Resize = "stretch",
        val_share: float = 0.1,
        test_share: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if image_size < 1:
            raise ValueError(f"image_size must be at least 1, got {image_size}")
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, got {channels}")
        if resize not in ("stretch", "crop"):
            raise ValueError(f"resize must be 'stretch' or 'crop', got {resize!r}")
        if not (val_share >= 0 and test_share >= 0 and val_share + test_share < 1):
            raise ValueError(f"val_share, test_share must be at least 0, below 1 together: {val_share}, {test_share}")
        self.folder, self.image_size, self.channels, self.resize = Path(folder), image_size, channels, resize
        self.val_share, self.test_share = val_share, test_share

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, image_size, image_size)."""
        return self.channels, self.image_size, self.image_size

    @cached_property
    def listing(self) -> Listing:
        """The files and their labels, listed once. Raises DataError."""
        return list_images(self.folder if self.folder.exists() else self.data_dir / self.folder)

    @cached_property
    def num_classes(self) -> int:  # type: ignore[override]
        """Number of class folders, 1 without any. Raises DataError."""
        return len(self.listing.classes)

    @property
    def classes(self) -> list[str]:
        """The classes' names by label. Raises DataError."""
        return self.listing.classes

    def load(self) -> dict[str, Images]:
        """Decodes every image. Raises DataError."""
        files, labels, _ = self.listing
        val, test = (max(1, round(share * len(files))) if share else 0 for share in (self.val_share, self.test_share))
        if val + test >= len(files):
            raise DataError(
                f"{files[0].parent}: {len(files)} images are too few to train, with {val} for validation and {test} "
                "for the test; add images, or set --data.init_args.val_share=0 and --data.init_args.test_share=0"
            )
        return held_out(Images(self.read(files), torch.tensor(labels)), val=val, test=test)

    def read(self, files: Sequence[Path]) -> Tensor:
        """The images of `files`, uint8 [N, *image_shape]. Raises DataError."""
        return decode_all(files, self.image_shape, self.resize)


def list_images(folder: Path) -> Listing:
    """Lists the images of `folder`, which holds either images or one folder for each class. Raises DataError."""
    files, folders = children(folder)
    if files and folders:
        raise DataError(
            f"{folder}: has images ({files[0].name}) beside folders ({folders[0].name}), so what the classes are is "
            "unclear; move one or the other away"
        )
    if not folders:
        if not files:
            raise DataError(f"{folder}: no images, nor folders of images; the files read are {' '.join(EXTENSIONS)}")
        return Listing(files, [0] * len(files), [folder.name])
    found = [class_images(each) for each in folders]
    labels = [label for label, images in enumerate(found) for _ in images]
    return Listing([file for images in found for file in images], labels, [each.name for each in folders])


def class_images(folder: Path) -> list[Path]:
    """The images of one class. Raises DataError if there are none, or folders beside them."""
    files, folders = children(folder)
    if folders and not files:
        raise DataError(
            f"{folder}: holds folders of its own, no images: one level too high? set --data.init_args.folder={folder}"
        )
    if folders:
        raise DataError(f"{folder}: the class holds a folder, {folders[0].name}, beside its images; move it away")
    if not files:
        raise DataError(
            f"{folder}: a class folder without images; remove it, or fill it with files of {' '.join(EXTENSIONS)}"
        )
    return files


def children(folder: Path) -> tuple[list[Path], list[Path]]:
    """The image files and the folders in `folder`, sorted by name, without hidden ones. Raises DataError."""
    try:
        visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(
            f"{folder}: {error.strerror}; set --data.init_args.folder to a folder of images, "
            "or --data.init_args.data_dir (or $GANZOO_DATA) to the folder it is in"
        ) from error
    files = [path for path in visible if path.suffix.lower() in EXTENSIONS and not path.is_dir()]
    return files, [path for path in visible if path.is_dir()]


def decode_all(files: Sequence[Path], shape: tuple[int, int, int], resize: Resize) -> Tensor:
    """Decodes in threads (PIL frees the GIL) into one tensor, uint8 [N, *shape]. Raises DataError for all bad files."""
    images = torch.empty(len(files), *shape, dtype=torch.uint8)
    decode_one = partial(decode_into, shape=shape, resize=resize)
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # PIL itself refuses from twice that size on
        problems = list(pool.map(decode_one, files, images.numpy()))
    bad = [(file, problem) for file, problem in zip(files, problems, strict=True) if problem]
    if bad:
        more = f", and {len(bad) - 1} more files like it" if len(bad) > 1 else ""
        raise DataError(f"{bad[0][0]}: cannot be read as an image ({bad[0][1]}){more}; replace or remove what is bad")
    return images


def decode_into(file: Path, target: np.ndarray, shape: tuple[int, int, int], resize: Resize) -> str | None:
    """Decodes `file` into `target`, uint8 `shape`; returns what went wrong in one line, None if nothing did."""
    try:
        target[...] = decode(file, shape[0], shape[-1], resize)
    except Exception as error:  # from damaged files: OSError, SyntaxError, struct.error, ...
        return " ".join(f"{type(error).__name__}: {error}".split())
    return None

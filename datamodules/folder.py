"""Any folder of images, with a folder for each class or without classes, decoded once: into memory if it fits."""

import math
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from datamodules.batches import Images
from datamodules.cache import cache_folders, fingerprint
from datamodules.decode import Resize
from datamodules.errors import DataError
from datamodules.images import ImageDataModule
from datamodules.listing import Listing, list_images
from datamodules.reading import read_all, read_parts
from datamodules.room import available_memory, in_gb
from datamodules.splits import held_out
from datamodules.stored import StoredImages, find_stored, store

#: Decoded images that would take more of the free memory are kept in a file and read by index.
MEMORY_SHARE = 0.25
#: Images that are decoded at a time on the way to that file.
PART_SIZE = 1024


class FolderDataModule(ImageDataModule):
    """A folder of images: split at random, always in the same way.

    Folders within it are the classes, numbered in the order of their names; a folder of nothing but images is one
    class, 0. Files of other kinds than `decode.EXTENSIONS` and hidden files are ignored; a line says how many of which
    kind. How a file becomes 8-bit grey or RGB is told at `decode.read_image`. `num_classes` and `classes` list the
    folder when they are first asked for: before any image is read, but not before the data module is made.

    Decoded images that would fill more than a quarter of the free memory go to a file instead, in `.ganzoo-cache`
    beside the folder or in `~/.cache/ganzoo`, from which batches are read by index; the next run finds them there.

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
        self.prepared = False

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (channels, image_size, image_size)."""
        return self.channels, self.image_size, self.image_size

    @property
    def root(self) -> Path:
        """Return the folder itself: here, or in the data folder."""
        return self.folder if self.folder.exists() else self.data_dir / self.folder

    @cached_property
    def listing(self) -> Listing:
        """List the files and their labels, once. Raise DataError."""
        return list_images(self.root)

    @cached_property
    def num_classes(self) -> int:  # type: ignore[override]
        """Number of class folders, 1 without any. Raises DataError."""
        return len(self.listing.classes)

    @property
    def classes(self) -> list[str]:
        """Return the classes' names by label. Raise DataError."""
        return self.listing.classes

    def load(self) -> dict[str, Images]:
        """Decode every image. Raise DataError."""
        files, labels = self.listing.files, self.listing.labels
        rank_zero_info("%s: %s", self.root, self.listing)
        val, test = (max(1, round(share * len(files))) if share else 0 for share in (self.val_share, self.test_share))
        if val + test >= len(files):
            raise DataError(
                f"{files[0].parent}: {len(files)} images are too few to train, with {val} for validation and {test} "
                "for the test; add images, or set --data.init_args.val_share=0 and --data.init_args.test_share=0"
            )
        return held_out(Images(self.read(files), torch.tensor(labels)), val=val, test=test)

    def prepare_data(self) -> None:
        """Decode a folder that does not fit into memory, once for all processes of this machine. Raise DataError."""
        try:
            done = self.prepared or self.fits
        except DataError:  # `setup` raises it in every process
            return
        if not done:
            self.prepared = isinstance(self.read(self.listing.files), StoredImages)

    @property
    def fits(self) -> bool:
        """Return whether the decoded images leave most of the memory to others, in every process of this machine."""
        return self.needed_memory <= MEMORY_SHARE * available_memory()

    @property
    def needed_memory(self) -> int:
        """Return the bytes of the decoded images in every process of this machine."""
        processes = self.trainer.num_devices if self.trainer else 1
        return len(self.listing.files) * math.prod(self.image_shape) * processes

    def read(self, files: Sequence[Path]) -> Tensor | StoredImages:
        """Return the images of `files`, uint8 [N, *image_shape]; larger ones than memory in a file. Raise DataError."""
        if self.fits:
            return self.decoded(files)
        shape, name, folders = (len(files), *self.image_shape), self.cache_name(files), cache_folders(self.root.parent)
        checked = self.prepared or (self.trainer is not None and self.trainer.local_rank > 0)  # by this machine's first
        if (found := find_stored(shape, name, folders, check=not checked)) is not None:
            return found
        try:
            return store(partial(read_parts, files, self.image_shape, self.resize, PART_SIZE), shape, name, folders)
        except OSError as error:
            size, free = math.prod(shape), available_memory()
            if 2 * self.needed_memory < free:  # decoded, then cut into splits
                rank_zero_info("decoded images: %s stay in memory: %s", in_gb(size), error)
                return self.decoded(files)
            raise DataError(
                f"{self.root}: {len(files):,} images of {'x'.join(map(str, self.image_shape))} are {in_gb(size)}, too "
                f"much for the memory ({in_gb(free)} free), and {error}; make room, set a smaller "
                "--data.init_args.image_size, or $XDG_CACHE_HOME to a folder with room"
            ) from error

    def decoded(self, files: Sequence[Path]) -> Tensor:
        """Return the images of `files` in memory, uint8 [N, *image_shape]. Raise DataError."""
        return read_all(files, self.image_shape, self.resize)

    def cache_name(self, files: Sequence[Path]) -> str:
        """Return the name of a file for the decoded images, which changes with them. Raise DataError."""
        try:
            key = fingerprint(files, self.root, self.image_shape, self.resize)
        except OSError as error:  # of a link that leads nowhere
            raise DataError(f"{error.filename}: {error.strerror}; replace or remove it") from error
        return f"{self.root.name}-{self.image_size}-{self.resize}-{key}.npy"

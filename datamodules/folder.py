"""Any folder of images, with a folder for each class or without classes, decoded once: into memory if it fits."""

import math
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal, get_args

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
    class, 0. Where it holds `train` and `test`, and nothing else but perhaps `val`, these are the splits, each with the
    same classes; without `val`, validation images are taken from `train`. Files of other kinds than
    `decode.EXTENSIONS` and hidden files are ignored; a line says how many of which kind. How a file becomes 8-bit grey
    or RGB is said at `decode.read_image`. `num_classes` and `classes` list the folder when they are first asked for:
    before any image is read, but not before the data module is made.

    Decoded images that would fill more than a quarter of the free memory go to a file instead, in `.ganzoo-cache`
    beside the folder or in `~/.cache/ganzoo`, from which batches are read by index; the next run finds them there.

    Args:
        folder: the folder; a relative one that is not in the current directory is looked for in `data_dir`.
        image_size: height and width to resize to, or [height, width].
        channels: 3 for RGB, 1 for grey.
        resize: `stretch` to that size, or `crop`: resize until it is covered, keep the centre. `drawing`, of one
            channel, makes thick light lines on black of dark ones on paper, and stretches: see `datamodules.drawings`.
        val_share: share of the images held out for validation, 0 to less than 1; at least one image if above 0.
        test_share: the same for the test.
        num_classes: how many classes the folder must have; None takes what is there. With it, a model can be described
            before the images are there.
        **kwargs: see ImageDataModule.
    """

    def __init__(
        self,
        folder: str,
        image_size: int | list[int] = 64,
        channels: Literal[1, 3] = 3,
        resize: Resize = "stretch",
        val_share: float = 0.1,
        test_share: float = 0.1,
        num_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        sides = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        if len(sides) != 2 or min(sides) < 1:
            raise ValueError(f"image_size must be one number or [height, width], at least 1: got {image_size}")
        if channels not in (1, 3):
            raise ValueError(f"channels must be 1 or 3, got {channels}")
        if resize not in get_args(Resize):
            raise ValueError(f"resize must be one of {', '.join(get_args(Resize))}; got {resize!r}")
        if resize == "drawing" and channels != 1:
            raise ValueError(f"resize=drawing makes grey images: channels must be 1, got {channels}")
        if not (val_share >= 0 and test_share >= 0 and val_share + test_share < 1):
            raise ValueError(f"val_share, test_share must be at least 0, below 1 together: {val_share}, {test_share}")
        self.folder, self.image_size, self.channels, self.resize = Path(folder), sides, channels, resize
        if num_classes is not None and num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {num_classes}")
        self.val_share, self.test_share, self.wanted_classes = val_share, test_share, num_classes
        self.prepared = False

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width)."""
        return self.channels, self.image_size[0], self.image_size[1]

    @property
    def root(self) -> Path:
        """Return the folder itself: here, or in the data folder."""
        return self.folder if self.folder.exists() else self.data_dir / self.folder

    @cached_property
    def listing(self) -> Listing:
        """List the files and their labels, once. Raise DataError."""
        listing = list_images(self.root)
        if self.wanted_classes not in (None, len(listing.classes)):
            raise DataError(
                f"{self.root}: {len(listing.classes)} classes, and --data.init_args.num_classes is "
                f"{self.wanted_classes}; change one of them, or give another folder"
            )
        return listing

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        """Return what was given, else the number of class folders, 1 without any. Raise DataError."""
        return len(self.listing.classes) if self.wanted_classes is None else self.wanted_classes

    @property
    def classes(self) -> list[str]:
        """Return the classes' names by label. Raise DataError."""
        return self.listing.classes

    def load(self) -> dict[str, Images]:
        """Decode every image. Raise DataError."""
        files, labels = self.listing.files, self.listing.labels
        rank_zero_info("%s: %s", self.root, self.listing)
        sizes, places = self.held_out_sizes(), self.listing.splits
        data = Images(self.read(files), torch.tensor(labels))
        given = {name: data.subset(torch.tensor(places[name])) for name in places}
        return held_out(given.pop("train", data), **sizes) | given

    def held_out_sizes(self) -> dict[str, int]:
        """Return how many images are taken from the training images for each split without a folder. Raise DataError.

        At least one each, unless its share is 0.
        """
        splits, shares = self.listing.splits, {"val": self.val_share, "test": self.test_share}
        count = len(splits["train"] if splits else self.listing.files)
        sizes = {
            name: max(1, round(share * count)) if share else 0 for name, share in shares.items() if name not in splits
        }
        if sum(sizes.values()) >= count:
            held = " and ".join(f"{size} for {name}" for name, size in sizes.items())
            zero = " and ".join(f"--data.init_args.{name}_share=0" for name in sizes)
            raise DataError(f"{self.root}: {count} images are too few to train, with {held}; add images, or set {zero}")
        return sizes

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
        sides = "x".join(map(str, dict.fromkeys(self.image_size)))  # one number for a square, as it always was
        return f"{self.root.name}-{sides}-{self.resize}-{key}.npy"

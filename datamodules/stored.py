"""Images in a file, read by index: for data that is larger than memory."""

import math
import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from datamodules.cache import check_header, is_read_only, npy_header, write
from datamodules.room import free_disk, in_gb
from zoo.files.cached_files import CHECKSUM_BYTES, check_file
from zoo.files.regular_files import open_regular

#: Bytes that are left on a disk.
SPARE_DISK = 2**28


class StoredImages:
    """Images in a file, of which only those that are asked for are in memory: uint8 [N, C, H, W], never changed.

    It stands where a tensor of images in memory would: it has a length, a shape, a dtype, and is indexed by a tensor.
    A part of it (`subset`) is an index, no copy. Another process gets the path, not the images.

    Args:
        path: a .npy file of the cache; see datamodules.cache.
        stored_shape: of all images in the file.
        index: int64 [N]: which of them these are, and in which order; all by default.

    Raises:
        OSError: the file cannot be read.
        ValueError: it does not hold images of that shape. Its checksum is not looked at.
    """

    dtype, device, is_cuda = torch.uint8, torch.device("cpu"), False

    def __init__(self, path: Path, stored_shape: tuple[int, ...], index: Tensor | None = None) -> None:
        self.path, self.stored_shape, self.index = path, stored_shape, index
        with open_regular(path) as file:
            self.begin = len(npy_header(stored_shape))
            check_header(file.read(self.begin), stored_shape)
            size = self.begin + math.prod(stored_shape) + CHECKSUM_BYTES
            if (found := os.fstat(file.fileno()).st_size) != size:
                raise ValueError(f"{found:,} bytes, not {size:,}")
            self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.advise("MADV_RANDOM", 0, size)  # else each image that is read brings its neighbours along
        self.pixels = np.frombuffer(self.map, np.uint8, math.prod(stored_shape), self.begin).reshape(stored_shape)

    def __len__(self) -> int:
        return self.stored_shape[0] if self.index is None else len(self.index)

    @property
    def shape(self) -> torch.Size:
        """Return [N, C, H, W]."""
        return torch.Size((len(self), *self.stored_shape[1:]))

    @property
    def nbytes(self) -> int:
        """Return the size of all images in bytes, were they in memory."""
        return math.prod(self.shape)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """Read images at `index`, int64 [M] or bool [N] or a slice: uint8 [M, C, H, W]."""
        places = self.places(index).numpy()
        width = math.prod(self.stored_shape[1:])
        for place in places.tolist():  # the disk looks for all of them at once, not for one after the other
            self.advise("MADV_WILLNEED", self.begin + place * width, width)
        return torch.from_numpy(self.pixels[places])

    def places(self, index: Tensor | slice) -> Tensor:
        """Return where in the file the images at `index` are, int64 [M]."""
        if isinstance(index, slice):
            index = torch.arange(*index.indices(len(self)))
        elif index.dtype == torch.bool:
            index = index.nonzero().squeeze(1)
        return index.cpu() if self.index is None else self.index[index.cpu()]

    def subset(self, index: Tensor) -> "StoredImages":
        """Return the images at `index`, int64 [M] or bool [N]; none is read."""
        return StoredImages(self.path, self.stored_shape, self.places(index))

    def split(self, size: int) -> Iterator[Tensor]:
        """Yield all images in order, at most `size` at a time, as torch's `split` gives them."""
        return (self[begin : begin + size] for begin in range(0, len(self), size))

    def advise(self, name: str, begin: int, size: int) -> None:
        """Tell the system how these bytes will be used, where it wants to know."""
        if (advice := getattr(mmap, name, None)) is not None:
            start = begin // mmap.PAGESIZE * mmap.PAGESIZE
            self.map.madvise(advice, start, begin + size - start)

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredImages, (self.path, self.stored_shape, self.index)


def find_stored(shape: tuple[int, ...], name: str, folders: Sequence[Path], check: bool) -> StoredImages | None:
    """Return the images cached under `name` in the first of `folders` that has them whole, None if none has.

    Args:
        shape: of the images, uint8.
        name: a file name that belongs to these very images.
        folders: where to look.
        check: read the whole file once, to see whether it is damaged.
    """
    for path in (folder / name for folder in folders):
        try:
            images = StoredImages(path, shape)
            if check:
                check_file(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            rank_zero_info("decoded images: %s is not used (%s)", path, error)
            continue
        rank_zero_info("decoded images: %s is read from %s by index", in_gb(images.nbytes), path)
        return images
    return None


def store(
    make: Callable[[], Iterable[np.ndarray]], shape: tuple[int, ...], name: str, folders: Sequence[Path]
) -> StoredImages:
    """Write images under `name` into the first of `folders` that has room for them, part by part.

    Args:
        make: makes the parts, each uint8 [M, C, H, W]; whatever it raises is raised.
        shape: of all of them.
        name: a file name that belongs to these very images.
        folders: where they may go.

    Raises:
        OSError: there is no room, said beforehand, or it cannot be written; nothing is left behind.
    """
    size, reasons = math.prod(shape), []
    for folder in folders:
        try:
            if is_read_only(folder):
                reasons.append(f"{folder} is read-only")
            elif (free := free_disk(folder)) < size + SPARE_DISK:
                reasons.append(f"{folder} has room for {in_gb(free)}")
            else:
                rank_zero_info("decoded images: %s are written to %s, once", in_gb(size), folder / name)
                write(folder / name, shape, progress(make(), shape[0]))
                return StoredImages(folder / name, shape)
        except OSError as error:
            reasons.append(f"{folder} cannot be written ({error.strerror or error})")
    raise OSError(" and ".join(reasons))


def progress(parts: Iterable[np.ndarray], total: int) -> Iterator[np.ndarray]:
    """Yield the parts, with a log line for each tenth of the total."""
    done = 0
    for part in parts:
        yield part
        if done * 10 // total != (done := done + len(part)) * 10 // total and done < total:
            rank_zero_info("decoded images: %s of %s", f"{done:,}", f"{total:,}")

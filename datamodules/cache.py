"""Decoded images on disk, so that the next run need not decode them. Deleting them costs time only."""

import errno
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from zoo.files.cached_files import cache_folder, read_checked, write_checked


def cache_folders(data_dir: Path) -> list[Path]:
    """Return where caches may be: `.ganzoo-cache` in the data folder, then `ganzoo` in $XDG_CACHE_HOME or ~/.cache."""
    shared = cache_folder()
    return [data_dir / ".ganzoo-cache", *([shared] if shared else [])]


def fingerprint(files: Sequence[Path], folder: Path, *settings: object) -> str:
    """Return 16 hexadecimal digits that change with the names (within `folder`), sizes, times and number of the files.

    Args:
        files: the source files, in order.
        folder: that they lie in.
        *settings: whatever else the cached images depend on.
    """
    stats = [(file.relative_to(folder).as_posix(), file.stat()) for file in files]
    key = [*settings, *((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]


def cached(make: Callable[[], Tensor], shape: tuple[int, ...], name: str, folders: Sequence[Path]) -> Tensor:
    """Return the images cached under `name` in the first of `folders` that has them, else those that `make` makes.

    New ones are cached in the first folder that can be written; where none can, a run is slower to start, no more.

    Args:
        make: makes the images, uint8 `shape`.
        shape: of the images.
        name: a file name that belongs to these very images.
        folders: where to look and to write.
    """
    for folder in folders:
        if (images := read(folder / name, shape)) is not None:
            rank_zero_info("decoded images: read from %s", folder / name)
            return images
    images = make()
    for folder in folders:
        with suppress(OSError):
            write(folder / name, shape, [images.numpy()])
            rank_zero_info("decoded images: cached in %s", folder / name)
            return images
    rank_zero_info("decoded images: not cached, %s cannot be written", " nor ".join(map(str, folders)))
    return images


def read(path: Path, shape: tuple[int, ...]) -> Tensor | None:
    """Read the images of a cache, uint8 `shape`; None if there is none or anything is wrong with it."""
    size = len(npy_header(shape)) + math.prod(shape)
    try:
        content = read_checked(path, size)
        check_header(content, shape)
        if len(content) != size:
            raise ValueError(f"{len(content):,} bytes, not {size:,}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        rank_zero_info("decoded images: %s is not used (%s)", path, error)
        return None
    return torch.from_numpy(np.frombuffer(content, np.uint8, offset=size - math.prod(shape)).reshape(shape).copy())


def npy_header(shape: tuple[int, ...]) -> bytes:
    """Return what `numpy.save` writes before images, uint8 `shape`."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def check_header(begin: bytes | memoryview, shape: tuple[int, ...]) -> None:
    """Raise ValueError unless a file begins as one of images, uint8 `shape`, must. What else it says is not read."""
    header = npy_header(shape)
    if begin[: len(header)] != header:
        raise ValueError(f"its header is not that of uint8 {shape}")


def write(path: Path, shape: tuple[int, ...], parts: Iterable[np.ndarray]) -> None:
    """Keep images, uint8 `shape` when put together, as .npy with a checksum behind.

    Raises:
        OSError: that is not possible. Whatever `parts` raises is raised; nothing is left behind.
    """
    if is_read_only(path.parent):
        raise OSError(errno.EROFS, "is read-only", str(path.parent))
    write_checked(path, chain([npy_header(shape)], (part.data for part in parts)))


def is_read_only(folder: Path) -> bool:
    """Return whether nobody may write to the folder, or to what it would be made in: root could, but must not."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return not existing.stat().st_mode & 0o222

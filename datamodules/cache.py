"""Decoded images on disk, so that the next run need not decode them. Deleting them costs time only."""

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch.utilities import rank_zero_info
from torch import Tensor

from datamodules.archive import partial_path
from zoo.kept import cache_folder


def cache_folders(data_dir: Path) -> list[Path]:
    """Where caches may be: `.ganzoo-cache` in the data folder, then `ganzoo` in $XDG_CACHE_HOME or ~/.cache."""
    shared = cache_folder()
    return [data_dir / ".ganzoo-cache", *([shared] if shared else [])]


def fingerprint(files: Sequence[Path], folder: Path, *settings: object) -> str:
    """16 hexadecimal digits that change with the names (within `folder`), sizes, times and number of the files.

    Args:
        files: the source files, in order.
        folder: that they lie in.
        *settings: whatever else the cached images depend on.
    """
    stats = [(file.relative_to(folder).as_posix(), file.stat()) for file in files]
    key = [*settings, *((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)]
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]


def cached(make: Callable[[], Tensor], shape: tuple[int, ...], name: str, folders: Sequence[Path]) -> Tensor:
    """The images kept under `name` in the first of `folders` that has them, else those that `make` makes.

    New ones are kept in the first folder that can be written; where none can, a run is slower to start, no more.

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
        if write(folder / name, images):
            rank_zero_info("decoded images: kept in %s", folder / name)
            return images
    rank_zero_info("decoded images: not kept, %s cannot be written", " nor ".join(map(str, folders)))
    return images


def read(path: Path, shape: tuple[int, ...]) -> Tensor | None:
    """The images of a cache, uint8 `shape`; None if there is none or anything is wrong with it."""
    try:
        content = path.read_bytes()
        if zlib.crc32(memoryview(content)[:-4]) != int.from_bytes(content[-4:], "little"):
            raise ValueError("wrong checksum")
        images = np.load(io.BytesIO(content), allow_pickle=False)
        if images.shape != shape or images.dtype != np.uint8:
            raise ValueError(f"{images.dtype} {images.shape}, not uint8 {shape}")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, EOFError, ValueError) as error:
        rank_zero_info("decoded images: %s is not used (%s)", path, error)
        return None
    return torch.from_numpy(images)


def write(path: Path, images: Tensor) -> bool:
    """Keeps the images as .npy with the CRC-32 of it all in 4 more bytes; whether that was possible."""
    content = io.BytesIO()
    np.save(content, images.numpy(), allow_pickle=False)
    content.write(zlib.crc32(content.getbuffer()).to_bytes(4, "little"))
    partial = partial_path(path)
    try:
        if is_read_only(path.parent):
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(content.getbuffer())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def is_read_only(folder: Path) -> bool:
    """Whether nobody may write to the folder, or to what it would be made in: root could, but must not."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return not existing.stat().st_mode & 0o222

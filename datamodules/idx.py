"""The idx format of MNIST: a magic number, the sizes, then the bytes. What is wrong is named, with its file."""

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from datamodules.errors import DataError
from zoo.files.regular_files import open_regular

#: No file that is read here is larger when unpacked: MNIST's images are 47 MB, EMNIST's 549 MB.
MOST_BYTES = 2**30
UINT8 = 0x08  # the element type, the third byte of the magic number
REMEDY = "replace it by a good copy, or delete it and download it anew"


def idx_file(path: Path) -> Path | None:
    """Return `path` where it exists, else `path`.gz where that exists, else None."""
    return next((file for file in (path, path.with_name(path.name + ".gz")) if file.exists()), None)


def file_bytes(path: Path) -> bytes:
    """Return the file's contents, decompressed in memory if it is a .gz. Raise DataError, also beyond MOST_BYTES."""
    try:
        with open_regular(path) as file:
            source = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
            content = source.read(MOST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); {REMEDY}") from error
    if len(content) > MOST_BYTES:
        raise DataError(f"{path}: holds more than {MOST_BYTES:,} bytes, more than such a file may; {REMEDY}")
    return content


def read_idx(path: Path, item_shape: tuple[int, ...], md5: str | None = None) -> Tensor:
    """Read a file of N arrays of unsigned bytes.

    Args:
        path: an idx file, or one compressed with gzip whose name ends in .gz.
        item_shape: what the sizes after the first must be: (28, 28) for MNIST's images, () for labels.
        md5: what the uncompressed file must hash to, in hexadecimal; None skips that check.

    Returns:
        uint8 [N, *item_shape], N at least 1.

    Raises:
        DataError: the file cannot be read, or has another magic number, shape, length or hash than it should.
    """
    raw = file_bytes(path)
    ndim = 1 + len(item_shape)
    magic, start = bytes([0, 0, UINT8, ndim]), 4 + 4 * ndim
    if raw[:4] != magic:
        raise DataError(
            f"{path}: begins with {raw[:4].hex() or 'nothing'}, not with the magic number {magic.hex()}: "
            f"not the idx file it should be; {REMEDY}"
        )
    if len(raw) < start:
        raise DataError(f"{path}: truncated within its header of {start} bytes; {REMEDY}")
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", ndim, offset=4))
    if shape[1:] != item_shape or shape[0] == 0:
        wanted = ", ".join(["N", *map(str, item_shape)])
        raise DataError(f"{path}: is of shape {shape}, not ({wanted}) with N > 0; {REMEDY}")
    expected = start + math.prod(shape)
    if len(raw) != expected:
        state = "truncated" if len(raw) < expected else "over-long"
        raise DataError(f"{path}: {state}, {len(raw):,} bytes, {shape} needs {expected:,}; {REMEDY}")
    if md5 and (found := hashlib.md5(raw, usedforsecurity=False).hexdigest()) != md5:
        raise DataError(
            f"{path}: md5 is {found}, not {md5}: damaged, or another data set; {REMEDY}, "
            "or set --data.init_args.check_md5=false if it is meant to differ"
        )
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=start).reshape(shape).copy())

"""The cache folder of this machine; its files are written whole and read with care."""

import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from zoo.files.regular_files import open_regular
from zoo.files.whole_files import whole_file

CHECKSUM_BYTES = 4
PART_BYTES = 1 << 24


def cache_folder() -> Path | None:
    """Return `ganzoo` in $XDG_CACHE_HOME or ~/.cache; None where neither that nor a home is. It need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # "~" stays where there is no home
    return Path(base) / "ganzoo" if os.path.isabs(base) else None


def write_checked(path: Path, parts: Iterable[bytes | memoryview]) -> int:
    """Write the parts, and the CRC-32 of them all in 4 more bytes, as one file that appears whole or not at all.

    Parts are written as they come, so the file may be larger than memory. Its folder is made if needed.

    Args:
        path: the file; one that is there is replaced.
        parts: buffers of bytes.

    Returns:
        The checksum.

    Raises:
        OSError: it cannot be written; nothing is left behind then, nor if `parts` raises.
    """
    checksum = 0
    with whole_file(path) as file:
        for part in parts:
            file.write(part)
            checksum = zlib.crc32(part, checksum)
        file.write(checksum.to_bytes(CHECKSUM_BYTES, "little"))
    return checksum


def read_checked(path: Path, most: int) -> memoryview:
    """Return the bytes that `write_checked` wrote.

    Raises:
        OSError: they cannot be read.
        ValueError: they are damaged, or more than `most`.
    """
    with open_regular(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > most + CHECKSUM_BYTES:
            raise ValueError(f"{size:,} bytes are too many")
        content = memoryview(file.read(most + CHECKSUM_BYTES))
    check(zlib.crc32(content[:-CHECKSUM_BYTES]), content[-CHECKSUM_BYTES:])
    return content[:-CHECKSUM_BYTES]


def check_file(path: Path) -> None:
    """Read a file that may be larger than memory and raise as `read_checked` does."""
    with open_regular(path) as file:
        left, checksum = max(0, os.fstat(file.fileno()).st_size - CHECKSUM_BYTES), 0
        while left and (part := file.read(min(left, PART_BYTES))):
            checksum, left = zlib.crc32(part, checksum), left - len(part)
        check(checksum, file.read())


def check(checksum: int, stored: bytes | memoryview) -> None:
    """Raise ValueError unless `stored` is this checksum."""
    if checksum.to_bytes(CHECKSUM_BYTES, "little") != stored:
        raise ValueError("wrong checksum")

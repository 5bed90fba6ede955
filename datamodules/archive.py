"""Packed data sets from the internet: fetched, checked and unpacked whole, or not at all."""

import hashlib
import os
import shutil
import tarfile
import time
import urllib.request
import zlib
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path, PureWindowsPath

from lightning.pytorch.utilities import rank_zero_info

from datamodules.errors import DataError
from zoo.files.regular_files import open_regular
from zoo.files.whole_files import partial_path

#: Seconds without a byte, and in all, after which a download is given up.
STALL_TIMEOUT, TOTAL_TIMEOUT = 30.0, 7200.0


def what_is_wrong(path: Path, size: int, sha256: str) -> str | None:
    """Return how the file differs from one of `size` bytes with this hash (hexadecimal), briefly; None if it doesn't.

    Raises OSError where it cannot be read.
    """
    with open_regular(path) as file:
        if (found := os.fstat(file.fileno()).st_size) != size:
            return f"is {found:,} bytes, not {size:,}"
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return None if digest == sha256 else f"sha256 is {digest}, not {sha256}"


def fetch(urls: Sequence[str], path: Path, size: int, sha256: str) -> None:
    """Download the first of `urls` that gives the right file. Raise DataError, and leave nothing behind then."""
    problems = []
    for url in urls:
        rank_zero_info("%s: downloading %.0f MB from %s", path, size / 1e6, url)
        try:
            return download(url, path, size, sha256)
        except (OSError, HTTPException) as error:
            problems.append(f"{url}: " + " ".join(f"{type(error).__name__}: {error}".split()))
    raise DataError(
        f"{path}: cannot be downloaded ({'; '.join(problems)}); "
        f"fetch {urls[0]} by hand and unpack it into {path.parent}"
    )


def download(url: str, path: Path, size: int, sha256: str) -> None:
    """Stream `url` into a partial file that becomes `path` once it is right. Raise OSError or HTTPException."""
    partial, deadline = partial_path(path), time.monotonic() + TOTAL_TIMEOUT
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=STALL_TIMEOUT) as source, partial.open("xb") as target:
            # what has arrived, however little: so that neither a trickle nor an endless stream goes on for ever
            while target.tell() <= size and (chunk := source.read1(1 << 20)):
                target.write(chunk)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not complete after {TOTAL_TIMEOUT:.0f} seconds")
        if problem := what_is_wrong(partial, size, sha256):
            raise OSError(problem)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the folder of that name from a .tgz, by way of a hidden folder beside it. Raise DataError.

    Only files and folders that stay within are accepted; they get the permissions of any new file.
    """
    partial = partial_path(folder)
    try:
        partial.mkdir(parents=True)
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                unpack_member(members, member, partial, archive)
            check_end(members)
        if not (partial / folder.name).is_dir():
            raise DataError(f"{archive}: holds no folder {folder.name}; replace it by a good copy")
        move(partial / folder.name, folder)
    except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise DataError(f"{archive}: cannot be unpacked ({reason}); replace it by a good copy, or make room") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_end(members: tarfile.TarFile) -> None:
    """Raise where tarfile stopped at a damaged header, which it takes for the end, or gzip's own checksum is wrong."""
    assert members.fileobj is not None
    while rest := members.fileobj.read(1 << 20):
        if rest.strip(b"\0"):
            raise tarfile.ReadError("a damaged header")


def unpack_member(members: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, archive: Path) -> None:
    """Write one file or make one folder. Raise DataError for anything else, and for a path that leads outside."""
    path = PureWindowsPath(member.name)  # knows both kinds of slash and drives, so it is strict everywhere
    if path.anchor or ".." in path.parts:
        raise DataError(f"{archive}: member {member.name!r} lies outside of the folder; do not use this archive")
    if not (member.isfile() or member.isdir()):
        raise DataError(f"{archive}: member {member.name!r} is a link or a device; do not use this archive")
    target = folder.joinpath(*path.parts)
    if member.isdir():
        return target.mkdir(parents=True, exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    source = members.extractfile(member)
    assert source is not None, "only links and devices have no contents"
    with source, target.open("xb") as file:
        shutil.copyfileobj(source, file)
        return None


def move(source: Path, target: Path) -> None:
    """Rename a folder; if another process has meanwhile put one there, that one stays."""
    try:
        source.rename(target)
    except OSError:
        if not target.is_dir():
            raise

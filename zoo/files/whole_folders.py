"""Folders that appear whole or not at all."""

import errno
import os
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from zoo.files.whole_files import STALE_SECONDS, partial_path


@contextmanager
def whole_folder(path: Path, names: Collection[str]) -> Iterator[Path]:
    """Give an empty folder to fill, which takes its place at `path` once all of it is written.

    A folder that is there is replaced if it holds nothing but `names`; anything else is left alone. If the body raises,
    `path` is as it was and nothing else is left behind.

    Args:
        path: the folder; those above it are made if needed.
        names: of the files that the body writes.

    Raises:
        OSError: it cannot be written, or something else is there; `path` is its file.
    """
    path = path.absolute()  # "." has no name to put a partial folder beside
    partial = partial_path(path)
    try:
        check_replaceable(path, names)
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale_folders(path)
        partial.mkdir()
        yield partial
        move(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_replaceable(path: Path, names: Collection[str]) -> None:
    """Raise OSError where `path` is something else than a folder of files with these names."""
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise OSError(errno.EEXIST, "is there, and is no folder", str(path))
    other = sorted(each.name for each in path.iterdir() if each.name not in names) if path.exists() else []
    if other:
        raise OSError(errno.EEXIST, f"is there, and holds {other[0]}: give another folder", str(path))


def move(partial: Path, path: Path) -> None:
    """Put a filled folder in its place; one that is there already leaves in the same moment."""
    if not path.exists():
        partial.rename(path)
        return
    old = partial_path(path)
    path.rename(old)
    try:
        partial.rename(path)
    except OSError:
        old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def remove_stale_folders(path: Path) -> None:
    """Remove what killed processes left of the same folder: partial ones that nobody has written to for an hour."""
    for partial in path.parent.iterdir():
        if partial.name.startswith(f".{path.name}.") and partial.suffix == ".part" and partial.is_dir():
            with suppress(OSError):
                if time.time() - os.stat(partial).st_mtime > STALE_SECONDS:
                    shutil.rmtree(partial, ignore_errors=True)

"""Files that appear whole or not at all, and what killed processes left of those that did not."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

try:
    import fcntl
except ImportError:  # Windows, where a partial file's age must tell
    fcntl = None  # type: ignore[assignment]

#: Where files cannot be locked: a partial file that nobody has written to for so many seconds was left behind.
STALE_SECONDS = 3600.0


def partial_path(path: Path) -> Path:
    """Return a hidden name beside `path` that no other process uses."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write to, which takes its place at `path` in one move once all of it is on the disk.

    Its folder is made if needed; what killed processes left of the same file is removed. If the body raises, `path` is
    left as it was and nothing else is left behind. Raises OSError, with `path` as its file, where it cannot be written.
    """
    partial = partial_path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_stale(path)
        with partial.open("xb") as file:
            if fcntl is not None:
                with suppress(OSError):  # some network file systems have no locks
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_stale(path: Path) -> None:
    """Remove partial files of `path` whose writers are gone."""
    for partial in path.parent.glob(f".{escape(path.name)}.*.part"):
        with suppress(OSError):
            if is_stale(partial):
                partial.unlink()


def is_stale(partial: Path) -> bool:
    """Return whether nobody writes to a partial file any more: its writer holds a lock as long as it lives."""
    if fcntl is None:
        return time.time() - partial.stat().st_mtime > STALE_SECONDS
    with partial.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

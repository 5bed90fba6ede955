"""Opening files that somebody else made: only what has an end."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

KINDS = {
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFDIR: "folder",
}


def check_regular(mode: int) -> None:
    """Raise OSError unless `mode`, as `os.stat` gives it, is that of a regular file."""
    if not stat.S_ISREG(mode):
        kind = KINDS.get(stat.S_IFMT(mode), "special file")
        raise OSError(errno.EINVAL, f"is a {kind}, not a regular file")


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, or a link to one, for reading bytes.

    A FIFO, a socket or a device would make a reader wait for ever; it is refused at once instead, and so is a folder.

    Raises:
        OSError: it is none, or cannot be read; `strerror` says which.
    """
    check_regular(os.stat(path).st_mode)  # opening a device may already do something
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        check_regular(os.fstat(descriptor).st_mode)  # another file may have taken its place
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise

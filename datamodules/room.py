"""Free memory and disk."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CGROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
#: Of a control group, by version: its limit, what is in use, and which line of memory.stat says what can be dropped.
FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    2: ("memory.max", "memory.current", "inactive_file"),
}


def available_memory() -> int:
    """Return how many bytes can be had without taking them from others: the machine's or, if less, the container's."""
    known = [bytes_ for bytes_ in (of_machine(), of_container()) if bytes_ is not None]
    return min(known, default=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2)


def of_machine() -> int | None:
    """Return what Linux calls MemAvailable, None where there is no such thing."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def of_container() -> int | None:
    """Return what the limits of control groups leave, files that can be dropped not counted; None without a limit."""
    left = [bytes_ for group, version in groups() if (bytes_ := of_group(group, version)) is not None]
    return min(left, default=None)


def groups() -> Iterator[tuple[Path, int]]:
    """Return this process' control groups, from its own outwards, and the version of their files' names."""
    with suppress(OSError, ValueError):
        for line in OWN_GROUPS.read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            if number == "0" or "memory" in controllers.split(","):
                root = CGROUPS if number == "0" else CGROUPS / "memory"
                own = root / path.strip("/")
                for group in (own, *own.parents):
                    if group.is_relative_to(root):
                        yield group, 2 if number == "0" else 1


def of_group(group: Path, version: int) -> int | None:
    """Return what the limit of one control group leaves, None if it has none."""
    limit, usage, dropped = FILES[version]
    with suppress(OSError, ValueError, KeyError):  # "max" is no number: no limit
        most, used = (int((group / name).read_text()) for name in (limit, usage))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return max(0, most - used + int(stat[dropped]))
    return None


def free_disk(folder: Path) -> int:
    """Return how many bytes fit onto the disk where the folder is, or would be made. Raise OSError."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def in_gb(number: float) -> str:
    """Say so many bytes: `61.4 GB`."""
    return f"{number / 1e9:.3g} GB" if number >= 1e7 else f"{number / 1e6:.2g} MB"

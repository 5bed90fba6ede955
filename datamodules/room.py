"""How much memory and disk there is."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


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
    """Return what a control group's limit leaves, files that can be dropped not counted; None without a limit."""
    for limit, usage, dropped in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "total_inactive_file"),
    ):
        with suppress(OSError, ValueError, KeyError):  # "max" is no number: no limit
            most, used = (int((CGROUPS / name).read_text()) for name in (limit, usage))
            stat = dict(line.split() for line in (CGROUPS / usage).with_name("memory.stat").read_text().splitlines())
            return max(0, most - used + int(stat[dropped]))
    return None


def free_disk(folder: Path) -> int:
    """Return how many bytes fit onto the disk where the folder is, or would be made. Raise OSError."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def in_gb(number: float) -> str:
    """Say so many bytes: `61.4 GB`."""
    return f"{number / 1e9:.3g} GB" if number >= 1e7 else f"{number / 1e6:.2g} MB"

"""Where this machine keeps what can be computed again."""

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """`ganzoo` in $XDG_CACHE_HOME or ~/.cache; None where there is neither that nor a home. It need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # "~" stays where there is no home
    return Path(base) / "ganzoo" if os.path.isabs(base) else None

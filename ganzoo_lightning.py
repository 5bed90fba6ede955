"""The command `ganzoo`: finds this project's own packages, whatever a user's folders are called, then runs cli.main.

Named after the distribution: another project's is called ganzoo, and so may be the folder of a clone.
"""

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent
OWN = "zoo", "datamodules", "callbacks", "commands", "cli"


class OwnPackages(MetaPathFinder):
    """Find our packages where this file lies. A user may have folders `callbacks` or `configs`, and PYTHONPATH=. ."""

    def find_spec(self, name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where one of OWN is, None for anything else: what is in them is found through them."""
        if name not in OWN:
            return None
        package = ROOT / name / "__init__.py"
        if package.is_file():
            return importlib.util.spec_from_file_location(
                name, package, submodule_search_locations=[str(package.parent)]
            )
        return importlib.util.spec_from_file_location(name, ROOT / f"{name}.py")


def prefer_own_packages() -> None:
    """Make ours win over modules of the same names, and let a user's own modules in the current folder be found.

    The current folder comes last: no file there takes the place of a library's.
    """
    if not any(isinstance(finder, OwnPackages) for finder in sys.meta_path):
        sys.meta_path.insert(0, OwnPackages())
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())


prefer_own_packages()  # at import: a process that is spawned imports this file, and does not call main


def main(args: Sequence[str] | None = None) -> None:
    """Run one command; see cli.main."""
    from cli import main as run

    run(args)


if __name__ == "__main__":
    main()

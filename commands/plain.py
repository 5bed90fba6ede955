"""The commands that train nothing: they import neither Lightning nor wandb, and answer in about torch's own time."""

import argparse
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from commands.messages import fail
from datamodules.errors import DataError

#: In which file of this folder each command is, under its own name.
FILES = {"sample": "sampling", "bundle": "bundles", "pretrained": "pretrained", "export": "exporting"}
FILES |= {"interpolate": "interpolating", "project": "projecting", "neighbours": "neighbours", "report": "reports"}
FILES |= {"explore": "exploring", "sweep": "sweeping", "push": "pushing"}
SOURCE = (
    "a shipped name (ganzoo pretrained), a bundle, a checkpoint, a run's folder, or OWNER/NAME[@REVISION] of the hub"
)


class PlainParser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(f"ganzoo {command}", description=description, allow_abbrev=False)
        self.command = command

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and end with status 2."""
        fail(2, f"{self.command}: {message} (see ganzoo {self.command} --help)")

    def add_source(self, what: str = SOURCE) -> None:
        """Add the argument SOURCE."""
        self.add_argument("source", metavar="SOURCE", help=what)


def run(argv: Sequence[str], debug: bool) -> None:
    """Run one of FILES, given as the words after `ganzoo`.

    Ends by SystemExit: status 2 for wrong words and values, 1 for a file that is not what it should be.
    """
    command: Callable[[Sequence[str]], Any] = import_module(f"commands.{FILES[argv[0]]}").main
    try:
        command(argv[1:])
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except (ValueError, OSError, DataError) as error:
        if debug:
            traceback.print_exc()
        fail(status_of(error), told(error))


def status_of(error: Exception) -> int:
    """Return 1 for what is wrong in a file or on the disk, 2 for what is wrong in a command."""
    from zoo.engine.errors import CheckpointError

    return 1 if isinstance(error, OSError | CheckpointError | DataError) else 2


def told(error: Exception) -> str:
    """Return what an error says, with the file that it is about."""
    return f"{error.filename or 'a file'}: {error.strerror or error}" if isinstance(error, OSError) else str(error)


def report(paths: Sequence[Path]) -> None:
    """Print where files were written: each, or of many in one folder the first and the last."""
    if len(paths) <= 3:
        print(*paths, sep="\n")
    else:
        print(f"{paths[0]} ... {paths[-1].name} ({len(paths)} files)")

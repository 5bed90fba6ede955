"""Which of the runs of one name is the newest, and which checkpoint of theirs to go on from."""

import logging
from collections.abc import Iterator
from pathlib import Path

from zoo.engine.checkpoints.differences import read
from zoo.engine.errors import CheckpointError
from zoo.files.whole_files import remove_stale

log = logging.getLogger("lightning.pytorch.ganzoo")

NUMBER = "number.txt"


def number_of(run: Path) -> int:
    """Return the number of a run folder: each is one more than those before it. -1 for runs of earlier versions."""
    try:
        return int((run / NUMBER).read_text())
    except (OSError, ValueError):
        return -1


def number(run: Path) -> None:
    """Give a number to a new run folder. A clock may go back, and with it names and times of files: this does not."""
    newest = max((number_of(other) for other in run.parent.iterdir()), default=-1)
    (run / NUMBER).write_text(f"{newest + 1}\n")


def newest_first(name: str, runs: Path) -> list[Path]:
    """Return all checkpoints called `name` of the runs in a folder, those of the newest run first."""
    found = runs.glob(f"*/checkpoints/{name}.ckpt")
    return sorted(found, key=lambda path: (number_of(path.parents[1]), path.stat().st_mtime), reverse=True)


def find_checkpoint(given: str, runs: Path, own: Path | None = None) -> Path | None:
    """Return the checkpoint that `given` means, None only for `auto` where there is none.

    Args:
        given: a path; or `last` or `best`, those of the newest run; or `auto`, the newest `last` that can be read.
        runs: the folder of the runs of this name.
        own: the folder of one run, whose configuration is used: then `last` and `best` are that run's own.

    Raises:
        ValueError: there is none.
        CheckpointError: `auto` finds checkpoints, and none of them can be read.
    """
    if given == "auto":
        return next(readable(newest_first("last", runs)), None)
    if given not in ("last", "best"):
        if not Path(given).is_file():
            raise ValueError(f"there is no file {given}")
        return Path(given)
    found = newest_first(given, runs) if own is None else [*own.glob(f"checkpoints/{given}.ckpt")]
    if not found:
        raise ValueError(f"{given}: no {given}.ckpt under {own or f'{runs}/*'}/checkpoints")
    remove_stale(found[0])
    return found[0]


def readable(found: list[Path]) -> Iterator[Path]:
    """Give those that can be read, in their order, and say which cannot. Raise CheckpointError if that is all."""
    problems: list[str] = []
    for path in found:
        remove_stale(path)
        try:
            read(path)
        except CheckpointError as error:
            problems.append(str(error))
            log.warning("auto: %s; going on from an earlier one", error)
        else:
            yield path
    if problems and len(problems) == len(found):
        raise CheckpointError(f"auto: {problems[0]}; remove it to begin anew")


def run_of(config: Path) -> Path | None:
    """Return the folder of the run whose own configuration a file is, None if it is no run's."""
    folder = config.absolute().parent
    return folder if (folder / "checkpoints").is_dir() else None

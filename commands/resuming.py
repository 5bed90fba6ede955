"""The meanings of --ckpt_path: `last`, `best`, `auto`, or a file; and a check that the checkpoint is the model's."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commands.run_order import number_of
from zoo import GAN
from zoo.engine.checkpoints import trust
from zoo.engine.checkpoints.differences import differences, read
from zoo.engine.errors import CheckpointError
from zoo.files.whole_files import remove_stale

log = logging.getLogger("lightning.pytorch.ganzoo")


def checkpoint_meant(config: Any, runs: Path, command: str) -> Path | None:
    """Return the checkpoint that --ckpt_path means, None where none is given, or `auto` finds none.

    A run's own configuration means that run. Raises ValueError where there is no such checkpoint.

    Args:
        config: of the command.
        runs: the folder of the runs of its name.
        command: fit, test, ...
    """
    given = config.get("ckpt_path")
    if not given:
        return None
    if given == "auto" and command != "fit":
        raise ValueError("auto is for fit: it resumes where there is something to resume from")
    own = run_of(Path(str(config.config[-1]))) if config.get("config") else None
    return find_checkpoint(given, own.parent if own else runs, own)


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


def newest_first(name: str, runs: Path) -> list[Path]:
    """Return all checkpoints called `name` of the runs in a folder, those of the newest run first."""
    found = runs.glob(f"*/checkpoints/{name}.ckpt")
    return sorted(found, key=lambda path: (number_of(path.parents[1]), path.stat().st_mtime), reverse=True)


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


def checked_steps(checkpoint: Path, model: GAN, to_train: bool) -> int:
    """Return how many steps the weights in a checkpoint were trained.

    Raises ValueError for one of another model, and CheckpointError for one that cannot be trusted.
    """
    saved = read(checkpoint)
    if found := differences(saved, model, to_train):
        raise ValueError(f"--ckpt_path: {checkpoint} is of another model: {'; '.join(found)}")
    trust.check(saved, model, f"--ckpt_path: {checkpoint}", to_train)
    return int(saved["global_step"])

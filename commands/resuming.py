"""Which run a command means by its configuration, and whether its checkpoint is the model's."""

from pathlib import Path
from typing import Any

from commands.run_order import find_checkpoint, run_of
from zoo import GAN
from zoo.engine.checkpoints import trust
from zoo.engine.checkpoints.differences import differences, read


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


def checked_steps(checkpoint: Path, model: GAN, to_train: bool) -> int:
    """Return how many steps the weights in a checkpoint were trained.

    Raises ValueError for one of another model, and CheckpointError for one that cannot be trusted.
    """
    saved = read(checkpoint)
    if found := differences(saved, model, to_train):
        raise ValueError(f"--ckpt_path: {checkpoint} is of another model: {'; '.join(found)}")
    trust.check(saved, model, f"--ckpt_path: {checkpoint}", to_train)
    return int(saved["global_step"])


def run_name(config: Any) -> str:
    """Return what the folder of the runs is called: as the last configuration file is, or the model."""
    if config.get("config"):
        return Path(str(config.config[-1])).stem
    return str(config.model.class_path).rsplit(".", 1)[-1]

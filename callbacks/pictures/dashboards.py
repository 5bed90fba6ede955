"""Pictures on the dashboards of loggers, whichever has a place for them.

A logger is asked by the names of its methods, so that no dashboard's package need be installed:

| method | whose |
| --- | --- |
| `log_image(key, images, step, caption)` | Weights & Biases', and a logger of your own |
| `experiment.add_image(tag, array, step, dataformats)` | TensorBoard's |
| `experiment.log_image(run_id, array, key, step)`, of a logger with a `run_id` | MLflow's |
| `experiment.log_image(array, name, step)` | Comet's |
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger
from PIL import Image

log = logging.getLogger("lightning.pytorch.ganzoo")

#: Rows of a table of pictures by step, at most.
ROWS = 50


def send(logger: Logger, title: str, picture: Image.Image, step: int) -> None:
    """Show a picture on a logger's dashboard at x = step; nothing where it has no place for pictures.

    A dashboard that refuses it is a warning: a picture less is no reason to lose a run.
    """
    try:
        show(logger, title, picture, step)
    except Exception as error:  # each dashboard has its own
        told = " ".join(str(error).split())[:200]
        log.warning("no picture on %s (%s: %s)", type(logger).__name__, type(error).__name__, told)


def show(logger: Any, title: str, picture: Image.Image, step: int) -> None:
    """Call what a logger has."""
    if hasattr(logger, "log_image"):
        logger.log_image(title, [picture], step=step, caption=[f"step {step}"])
        return
    board: Any = getattr(logger, "experiment", None)
    if hasattr(board, "add_image"):
        board.add_image(title, np.array(picture), step, dataformats="HWC")
    elif hasattr(board, "log_image") and hasattr(logger, "run_id"):
        board.log_image(logger.run_id, np.array(picture), key=title, step=step)
    elif hasattr(board, "log_image"):
        board.log_image(np.array(picture), name=title, step=step)


def send_table(logger: Any, title: str, files: Sequence[Path], step: int) -> None:
    """Log the pictures of a training as one table, a row for each step, where a logger has tables of pictures.

    Args:
        logger: Weights & Biases'; nothing for others.
        title: of the pictures.
        files: of them, in their order, each called `..._STEP.png`; of many, ROWS that are evenly chosen.
        step: the last one.
    """
    if not hasattr(logger, "log_table") or len(files) < 2:
        return
    import wandb  # whose tables they are

    count = min(len(files), ROWS)
    chosen = [files[round(number * (len(files) - 1) / (count - 1))] for number in range(count)]
    rows = [[int(file.stem.rpartition("_")[2]), wandb.Image(str(file))] for file in chosen if file.is_file()]
    logger.log_table(f"by_step/{title}", columns=["step", title], data=rows, step=step)

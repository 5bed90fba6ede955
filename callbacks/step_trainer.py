"""A Trainer for Python that counts steps and is quiet, as the command line's is."""

import logging
import warnings
from typing import Any

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint

from callbacks.speed import Speed
from callbacks.step_bar import StepBar
from callbacks.validations import Validations

#: Who says what Lightning advises, and which devices there are.
ADVISER = logging.getLogger("lightning.pytorch.utilities.rank_zero")


def step_trainer(max_steps: int, *callbacks: Callback, **options: Any) -> Trainer:
    """Return Lightning's Trainer with intervals in training steps, one progress bar, and no files unless asked for.

    It validates about ten times. Pictures, scores and checkpoints are callbacks, such as
    `step_trainer(1000, ImageGrid(), Scores(), LastCheckpoint())`.

    Args:
        max_steps: generator iterations.
        callbacks: beside a bar, the speed and the validations.
        options: of the Trainer; they win over what is chosen here.
    """
    ADVISER.addFilter(is_of_use)
    warnings.filterwarnings("ignore", ".*LeafSpec.* is deprecated")  # Lightning's own code, in every run
    chosen: dict[str, Any] = {
        "val_check_interval": max(1, max_steps // 10),
        "check_val_every_n_epoch": None,
        "num_sanity_val_steps": 0,
        "enable_model_summary": False,
        "enable_checkpointing": any(isinstance(each, Checkpoint) for each in callbacks),
        "logger": False,
        "devices": 1,
    }
    if options.get("devices", 1) != 1:
        chosen["strategy"] = "ddp_find_unused_parameters_true"  # one player moves at a time
    if not StepBar.left_out_by(options | {"callbacks": [*callbacks]}):
        callbacks = (StepBar(), *callbacks)
    return Trainer(max_steps=max_steps, callbacks=[Speed(), Validations(), *callbacks], **chosen | options)


def is_not_an_advert(record: logging.LogRecord) -> bool:
    """Return False for Lightning's tips to install its other products."""
    return "litlogger" not in record.getMessage() and "litmodels" not in record.getMessage()


def is_of_use(record: logging.LogRecord) -> bool:
    """Return False for adverts, and for the list of devices that are not there."""
    return is_not_an_advert(record) and " available: False" not in record.getMessage()

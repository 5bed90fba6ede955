"""Loggers by name, all at home in the run's folder."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from lightning.fabric.utilities.logger import _convert_params, _flatten_dict
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

import callbacks
from commands.step_table import StepTable

#: Scores beside the hyperparameters of each run in TensorBoard's table.
IN_TABLE = "val/fid", "val/sliced_wasserstein"


class TensorBoard(TensorBoardLogger):
    """A TensorBoardLogger whose table of hyperparameters has scores, rather than a curve `hp_metric` that is -1."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"default_hp_metric": False})

    @rank_zero_only
    def log_hyperparams(self, params: Any, metrics: dict[str, Any] | None = None, step: int | None = None) -> None:
        """Record hyperparameters; without metrics, the table's scores are those that the run logs later."""
        super().log_hyperparams(params, metrics, step)
        if metrics is None:
            from torch.utils.tensorboard.summary import hparams

            flat = self._sanitize_params(_flatten_dict(_convert_params(params)))
            for summary in hparams(flat, dict.fromkeys(IN_TABLE, 0.0)):
                self.experiment._get_file_writer().add_summary(summary, step)


def build_loggers(
    kinds: Sequence[str], run_dir: Path, command: str, checkpoint: Path | None, log_model: bool | str = False
) -> list[Logger]:
    """Return the chosen loggers; those of other commands lie beside fit's.

    Args:
        kinds: some of csv, tensorboard, wandb. At Weights & Biases, what the environment says wins.
        run_dir: of the run.
        command: fit, test, ...
        checkpoint: that a fit goes on from.
        log_model: whether W&B gets the best checkpoint as an artifact, at the end; `all`: each one as it is saved.

    Raises:
        ValueError: log_model without W&B.
    """
    if log_model and "wandb" not in kinds:
        raise ValueError("--wandb.log_model: there is no wandb among --loggers")
    folder = run_dir if command == "fit" else run_dir / command
    builders: dict[str, Any] = {
        "csv": lambda: StepTable(str(folder), name="", version=""),
        "tensorboard": lambda: TensorBoard(str(folder), name="", version="tensorboard"),
        "wandb": lambda: callbacks.WeightsAndBiases(
            str(folder),
            name=os.environ.get("WANDB_NAME") or f"{run_dir.parent.name}-{run_dir.name}",
            job_type=os.environ.get("WANDB_JOB_TYPE") or command,
            id=dashboard_id(run_dir, checkpoint) if command == "fit" else None,
            resume="allow",
            log_model=log_model if command == "fit" else False,
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    return [builders[kind]() for kind in sorted(kinds)]


def dashboard_id(run_dir: Path, checkpoint: Path | None) -> str:
    """Return what a run is called at Weights & Biases: $WANDB_RUN_ID, else as the run that it goes on from, else anew.

    Kept in `wandb_id.txt` in the run's folder.
    """
    name = "wandb_id.txt"
    before = checkpoint.parent.parent / name if checkpoint else None
    earlier = before.read_text().strip() if before and before.is_file() else uuid4().hex[:8]
    run_id = os.environ.get("WANDB_RUN_ID") or earlier
    write_once(run_dir / name, f"{run_id}\n")
    return run_id


@rank_zero_only
def write_once(path: Path, text: str) -> None:
    """Write on rank 0: other ranks would write the same."""
    path.write_text(text)

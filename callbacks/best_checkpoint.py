"""The best state of a run by a score."""

from pathlib import Path
from typing import Literal

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from callbacks.scores import Scores
from zoo.evaluation import KEYS, METRICS


class BestCheckpoint(ModelCheckpoint):
    """Keeps `checkpoints/best.ckpt` under the trainer's default_root_dir.

    It saves at the end of a validation only, when the score is that of these very weights.

    Args:
        monitor: a score that validation logs.
        mode: whether the best score is the least (`min`) or the greatest (`max`).
    """

    def __init__(self, monitor: str = "val/sliced_wasserstein", mode: Literal["min", "max"] = "min") -> None:
        super().__init__(
            monitor=monitor,
            mode=mode,
            filename="best",
            auto_insert_metric_name=False,
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        )

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Finds its folder."""
        if self.dirpath is None:
            self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        if stage == "fit":
            for scores in trainer.callbacks:  # type: ignore[attr-defined]
                if isinstance(scores, Scores):
                    self.check(scores)
        super().setup(trainer, pl_module, stage)

    def check(self, scores: Scores) -> None:
        """Raises MisconfigurationException for a score that validation will not log, before anything is trained."""
        score = str(self.monitor).removeprefix("val/")
        if score in KEYS and scores.scorer is None:
            raise MisconfigurationException(
                f"best_checkpoint.monitor {self.monitor} needs a scorer, and none ships for this data: "
                "give --scores.scorer, or --best_checkpoint.monitor val/sliced_wasserstein"
            )
        for metric, keys in METRICS.items():
            if score in keys and metric not in scores.metrics:
                raise MisconfigurationException(
                    f"best_checkpoint.monitor {self.monitor} is not computed: add {metric} to --scores.metrics"
                )

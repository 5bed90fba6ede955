"""The best state of a run by a score."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

from callbacks.callbacks_of_type import callbacks_of_type
from callbacks.checkpoints.last_checkpoint import are_finite
from callbacks.scoring.scores import Scores
from zoo.scores.table import KEYS, METRICS, OF_TRAINING

PIXELS = "sliced_wasserstein"


class BestCheckpoint(ModelCheckpoint):
    """Keep `checkpoints/best.ckpt` under the trainer's default_root_dir.

    It saves at the end of a validation only, when the score is that of these very weights; never a state whose score
    is nan or was not computed, or whose weights are not finite.

    Args:
        monitor: a score that validation logs; by default FID where there is a scorer, else the sliced Wasserstein
            distance.
        mode: whether the best score is the least (`min`) or the greatest (`max`).
    """

    def __init__(self, monitor: str | None = None, mode: Literal["min", "max"] = "min") -> None:
        super().__init__(
            monitor=monitor,
            mode=mode,
            filename="best",
            auto_insert_metric_name=False,
            enable_version_counter=False,
            save_on_train_epoch_end=False,
        )

    @property
    def state_key(self) -> str:
        """Return what its state is called in a checkpoint: the same whatever chooses, which is settled in `setup`."""
        return type(self).__qualname__

    @classmethod
    def left_out_by(cls, trainer_options: Mapping[str, Any]) -> bool:
        """Return whether the Trainer's options switch checkpoints off."""
        return trainer_options.get("enable_checkpointing") is False

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Find its folder."""
        if self.dirpath is None:
            self.dirpath = str(Path(trainer.default_root_dir) / "checkpoints")
        if stage == "fit":
            every = callbacks_of_type(trainer, Scores)
            self.monitor = self.monitor or f"val/{score_that_chooses(every[0]) if every else PIXELS}"
            for scores in every:
                self.check(scores)
        super().setup(trainer, pl_module, stage)

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        """Return whether this state is the best: ModelCheckpoint would take the first one, whatever it is."""
        if current is None or current.isnan() or not are_finite(trainer.lightning_module):
            return False
        return super().check_monitor_top_k(trainer, current)

    def check(self, scores: Scores) -> None:
        """Raise MisconfigurationException for a score that validation will not log, before anything is trained."""
        monitor = str(self.monitor)
        score = monitor.removeprefix("val/")
        known = {key: metric for metric, keys in METRICS.items() if metric not in OF_TRAINING for key in keys}
        if any(score in METRICS[metric] for metric in OF_TRAINING):
            raise MisconfigurationException(f"best_checkpoint.monitor {monitor} is of tests, no validation computes it")
        if score not in known:  # another callback's, unless it looks like one of ours
            if meant := get_close_matches(monitor, [f"val/{key}" for key in known], n=1, cutoff=0.8):
                raise MisconfigurationException(f"best_checkpoint.monitor {monitor}: did you mean {meant[0]}?")
            return
        if monitor == score:
            raise MisconfigurationException(f"best_checkpoint.monitor {score}: it is logged as val/{score}")
        if score in KEYS and scores.scorer is None:
            raise MisconfigurationException(
                f"best_checkpoint.monitor {monitor} needs a scorer, and none ships for this data: "
                "give --scores.scorer, or --best_checkpoint.monitor val/sliced_wasserstein"
            )
        if known[score] not in scores.metrics:
            other = next((key for key in known if known[key] in scores.metrics), None)
            raise MisconfigurationException(
                f"best_checkpoint.monitor {monitor} is not computed: add {known[score]} to --scores.metrics"
                + (f", or give --best_checkpoint.monitor val/{other}" if other else "")
            )
        if score not in scores.generated.keys:
            reason = "the scorer's classes are not the data's" if scores.num_labels else "the model is not conditional"
            raise MisconfigurationException(f"best_checkpoint.monitor {monitor} is not computed: {reason}")


def score_that_chooses(scores: Scores) -> str:
    """Return the score by which states are compared unless another is named: the first that is computed of three."""
    return next((name for name in ("fid", PIXELS, "kid") if name in scores.generated.keys), PIXELS)

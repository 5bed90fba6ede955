"""The scores of each validation as a line on the terminal and in the log."""

import logging
import math
from typing import NamedTuple

from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.callbacks_of_type import callbacks_of_type
from callbacks.checkpoints.best_checkpoint import BestCheckpoint
from zoo.scores.directions import best

log = logging.getLogger("lightning.pytorch.ganzoo")

#: What a line shows, in this order, of what was computed; the score that chooses stands before them.
SHOWN = (
    "fid", "kid", "precision", "recall", "coverage", "class_accuracy", "modes_covered", "high_quality",
    "sliced_wasserstein",
)  # fmt: skip


class Line(NamedTuple):
    """The scores of one validation: its step, and each score by name, those that were computed."""

    step: int
    scores: dict[str, float]

    @property
    def name(self) -> str:
        """Return the first score's name."""
        return next(iter(self.scores))

    def text(self, mark: str = "") -> str:
        """Return the scores as text, with a mark behind the first: `fid 3.21 (best so far), precision 0.61`."""
        first, *others = [f"{name} {value:.4g}" for name, value in self.scores.items()]
        return ", ".join([first + mark, *others])


class ScoreLines(Callback):
    """Log the scores of each validation as one line, and mark the best so far.

    The best is that of the score which chooses `checkpoints/best.ckpt`, in this run; without such a checkpoint that of
    the first score which has a best value.
    """

    def __init__(self) -> None:
        self.last: Line | None = None
        self.best: Line | None = None

    def is_needed(self, model: LightningModule, command: str) -> bool:
        """Return whether the command trains."""
        return command == "fit"

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget an earlier run."""
        self.last = self.best = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the line; on the first process."""
        if not trainer.is_global_zero or trainer.state.fn != "fit" or trainer.sanity_checking:
            return
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        keepers = callbacks_of_type(trainer, BestCheckpoint)
        chosen = str(keepers[0].monitor).removeprefix("val/") if keepers else self.best.name if self.best else None
        shown = dict.fromkeys([chosen, *SHOWN] if chosen else SHOWN)
        names = [name for name in shown if math.isfinite(values.get(f"val/{name}", math.nan))]
        if not names:
            return
        line, mark = Line(trainer.global_step, {name: values[f"val/{name}"] for name in names}), ""
        way = keepers[0].mode if keepers else best(line.name)
        if chosen in (None, line.name) and is_better(line, self.best, way):
            self.best, mark = line, " (best so far)" if self.best else ""
        self.last = line
        log.info("step %d: %s", line.step, line.text(mark))


def is_better(new: Line, old: Line | None, way: str | None) -> bool:
    """Return whether a line's first score is better than it was, `min` or `max` being the way; the first one is."""
    if way is None or old is None:
        return way is not None
    value, before = new.scores[new.name], old.scores.get(new.name, math.nan)
    return value < before if way == "min" else value > before

"""Counts images, and images per second."""

import time
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from zoo.engine.inputs import images_of
from zoo.engine.module import AdversarialModule


class Speed(Callback):
    """Log `images_seen` (real images, all ranks, all critic steps) and `images_per_second` since the last logged step.

    The clock is the host's and nothing waits for the device. Time spent on validation and pictures counts: it is what
    the run really takes.
    """

    def __init__(self) -> None:
        self.images_seen = 0
        self.last: tuple[float, int] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self.last = time.perf_counter(), self.images_seen

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: AdversarialModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the images; log where the losses are logged."""
        self.images_seen += len(images_of(batch)) * trainer.world_size
        if pl_module.is_logged_step and self.last:
            now, (then, seen) = time.perf_counter(), self.last
            rate = (self.images_seen - seen) / (now - then)
            self.last = now, self.images_seen
            pl_module.record({"images_seen": float(self.images_seen), "images_per_second": rate})

    def state_dict(self) -> dict[str, Any]:
        """Return the count, for a checkpoint."""
        return {"images_seen": self.images_seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.images_seen = state_dict["images_seen"]

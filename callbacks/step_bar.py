"""A progress bar that counts steps, not batches of an epoch."""

import logging
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from zoo.engine.module import AdversarialModule


class StepBar(ProgressBar):
    """One line: step of max_steps, steps/s, and the newest logged losses and images/s.

    Args:
        refresh_seconds: how often the line is drawn on a terminal or in a notebook; a log file gets a line every 30
            seconds.
    """

    def __init__(self, refresh_seconds: float = 0.5) -> None:
        super().__init__()
        self.seconds = refresh_seconds if sys.stderr.isatty() or "ipykernel" in sys.modules else 30.0
        self.bar: tqdm[Any] | None = None
        self.enabled = True
        self.messages = ExitStack()

    @classmethod
    def left_out_by(cls, trainer_options: Mapping[str, Any]) -> bool:
        """Return whether the Trainer's options switch progress bars off, or give another one."""
        given = trainer_options.get("callbacks") or []
        others = given if isinstance(given, list) else [given]
        return trainer_options.get("enable_progress_bar") is False or any(isinstance(x, ProgressBar) for x in others)

    def disable(self) -> None:
        """Hide the bar: Lightning calls this on every rank but 0."""
        self.enabled = False

    def enable(self) -> None:
        """Undo `disable`."""
        self.enabled = True

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar where a resumed run left off."""
        total = trainer.estimated_stepping_batches
        self.bar = tqdm(
            total=None if total == float("inf") else int(total),
            initial=trainer.global_step,
            desc=type(pl_module).__name__,
            unit="step",
            mininterval=self.seconds,
            disable=not self.enabled,
            dynamic_ncols=True,
        )
        loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
        self.messages.enter_context(logging_redirect_tqdm(loggers))  # each on a line of its own

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: AdversarialModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show one more step."""
        if self.bar is None:
            return
        if pl_module.is_logged_step:
            newest = trainer.callback_metrics
            shown = {
                "critic": newest.get("train/critic_loss"),
                "generator": newest.get("train/generator_loss"),
                "images/s": newest.get("images_per_second"),
            }
            values = {name: f"{float(value):.4g}" for name, value in shown.items() if value is not None}
            self.bar.set_postfix(values, refresh=False)
        self.bar.update(trainer.global_step - self.bar.n)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the last line standing."""
        self.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Let the error begin on a line of its own."""
        self.close()

    def close(self) -> None:
        """Close the bar if it is open."""
        if self.bar is not None:
            self.messages.close()
            self.bar.close()
            self.bar = None

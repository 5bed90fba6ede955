"""The newest state of a run, to resume from."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import Tensor, nn
from torch.optim import Optimizer

from zoo import losses
from zoo.engine.errors import NothingSavedError

log = logging.getLogger("lightning.pytorch.ganzoo")


class LastCheckpoint(Checkpoint):
    """Keep `checkpoints/last.ckpt` under the trainer's default_root_dir: every k steps and when training ends.

    Beside a ModelCheckpoint that keeps the best: one that monitors must save only when its score is fresh, one to
    resume from must not wait for a score. Weights that are not finite are not saved: nothing can be resumed from them.

    Args:
        every_n_steps: steps between saves; each replaces the last one in a single move.
    """

    def __init__(self, every_n_steps: int = 1000) -> None:
        if every_n_steps < 1:
            raise ValueError(f"{type(self).__name__}: every_n_steps must be at least 1, got {every_n_steps}")
        self.every_n_steps = every_n_steps
        self.saved_step = self.refused_step = -1

    @classmethod
    def left_out_by(cls, trainer_options: Mapping[str, Any]) -> bool:
        """Return whether the Trainer's options switch checkpoints off."""
        return trainer_options.get("enable_checkpointing") is False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget what an earlier run saved."""
        self.saved_step = self.refused_step = -1

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save when the step is due."""
        if trainer.global_step % self.every_n_steps == 0:
            self.save(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save a validated step again: a run resumed from before its validation would skip it."""
        if trainer.global_step == self.saved_step and trainer.state.fn == TrainerFn.FITTING:
            self.saved_step = -1
            self.save(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the final state."""
        self.save(trainer)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Raise NothingSavedError if no weights were ever finite; say which steps are lost if the last are not."""
        if self.refused_step != trainer.global_step or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        if not self.path(trainer).is_file():
            raise NothingSavedError(
                f"step {self.refused_step}: weights are not finite, and were not at any earlier save: nothing was "
                "kept; try lower learning rates"
            )
        log.warning("weights are not finite at the end: %s is of an earlier step", self.path(trainer))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save when the process is told to end, which Lightning looks at between steps; never a step half done."""
        if isinstance(exception, SIGTERMException):
            self.save(trainer)

    def save(self, trainer: Trainer) -> None:
        """Save on every rank together; rank 0 writes."""
        if trainer.global_step == self.saved_step or trainer.fast_dev_run:  # type: ignore[attr-defined]
            return
        path = self.path(trainer)
        if are_finite(trainer.lightning_module) and have_finite_states(trainer.optimizers):
            trainer.save_checkpoint(path, weights_only=False)  # the optimizers too
        else:
            self.refused_step = trainer.global_step
            log.warning("step %d has weights that are not finite: %s is left as it is", trainer.global_step, path)
        self.saved_step = trainer.global_step

    def path(self, trainer: Trainer) -> Path:
        """Return where the newest state is kept."""
        return Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"


@torch.no_grad()
def are_finite(module: nn.Module) -> bool:
    """Return whether every weight and every running statistic is.

    A mean is nan or infinite if one of its numbers is, and costs a thirtieth of a look at each.
    """
    numbers = [*module.parameters(), *(buffer for buffer in module.buffers() if buffer.is_floating_point())]
    means = [losses.mean(each) for each in numbers if each.numel()]
    return not means or bool(torch.stack([mean.float() for mean in means]).isfinite().all())


@torch.no_grad()
def have_finite_states(optimizers: Iterable[Optimizer]) -> bool:
    """Return whether all that optimizers keep of their weights is: else the weights won't be for long."""
    states = [state for optimizer in optimizers for state in optimizer.state.values()]
    held = [value for state in states for value in state.values() if isinstance(value, Tensor)]
    means = [losses.mean(value.float()) for value in held]
    return not means or bool(torch.stack([mean.cpu() for mean in means]).isfinite().all())

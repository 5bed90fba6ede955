"""Runs that have failed and would go on for hours."""

import logging
import math
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from zoo import losses
from zoo.loop import AdversarialLoop

log = logging.getLogger("lightning.pytorch.ganzoo")


class GuardError(RuntimeError):
    """A run that has failed. The message says at which step, how, and where its last checkpoint is."""


class Guard(Callback):
    """Warns once of each way in which a run has failed, or stops it.

    At logged steps: a loss or a weight that is not finite; a critic whose weights have stood still. After validations,
    twice in a row: fewer classes or less recall than a bound, or images that hardly differ from each other.

    A run that is stopped keeps the checkpoints it has: the failed state takes no one's place.

    Args:
        stop: end the run with a GuardError; otherwise only warn.
        min_classes: bound on the classes that the scorer finds among the samples, as a share of those of real images.
        min_recall: bound on the scores' recall.
        min_variety: bound on the pixels' variance over samples, as a share of that over real images.
        patience: logged steps in a row at which the critic stands still.
    """

    def __init__(
        self,
        stop: bool = False,
        min_classes: float = 0.5,
        min_recall: float = 0.01,
        min_variety: float = 0.1,
        patience: int = 20,
    ) -> None:
        for name, value in (("min_classes", min_classes), ("min_recall", min_recall), ("min_variety", min_variety)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {value}")
        if patience < 1:
            raise ValueError(f"patience must be at least 1, got {patience}")
        self.stop, self.min_classes, self.min_recall, self.min_variety = stop, min_classes, min_recall, min_variety
        self.patience = patience
        self.told: set[str] = set()
        self.suspected: set[str] = set()
        self.critic, self.still = torch.empty(0), 0
        self.moments: dict[str, list[Tensor]] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets an earlier run."""
        self.told, self.suspected, self.critic, self.still = set(), set(), torch.empty(0), 0

    # -- at logged steps --

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Looks at losses and weights; waits for the device, as logging does."""
        assert isinstance(pl_module, AdversarialLoop)
        if not pl_module.is_logged_step:
            return
        for name, value in pl_module.observed.items():
            if not math.isfinite(float(value)):
                self.report(trainer, "finite", f"{name} is {float(value)}")
        for player in ("critic", "generator", "prior"):
            sums = [losses.mean(weight) for weight in getattr(pl_module, player).parameters()]  # nan or inf if one is
            if sums and not bool(torch.stack(sums).isfinite().all()):
                self.report(trainer, "finite", f"the {player} has weights that are not finite")
        self.watch_critic(trainer, pl_module)

    def watch_critic(self, trainer: Trainer, model: AdversarialLoop) -> None:
        """Counts the looks at which no weight of the critic has moved."""
        weights = torch.cat([weight.detach().flatten() for weight in model.critic.parameters()])
        moved = len(self.critic) != len(weights) or not torch.equal(weights, self.critic)
        self.still = 0 if moved else self.still + 1
        self.critic = weights
        if self.still >= self.patience:
            steps = self.still * int(getattr(trainer, "log_every_n_steps", 1))
            self.report(trainer, "critic", f"the critic has not moved for {steps} steps")

    # -- after validations --

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to measure variety."""
        self.moments = {}

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Adds the pixels of samples and of real images: count, sum, sum of squares."""
        real = batch[0] if isinstance(batch, list | tuple) else batch
        for name, images in (("real", real), ("fake", outputs)):
            pixels = images.detach().double().flatten(1)
            new = [torch.tensor(float(len(pixels)), device=pixels.device), pixels.sum(0), pixels.square().sum(0)]
            old = self.moments.get(name)
            self.moments[name] = [a + b for a, b in zip(old, new, strict=True)] if old else new

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at the scores of this very validation."""
        if (not trainer.training and trainer.state.fn != "fit") or trainer.sanity_checking:
            return
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        found = {}
        classes, known = metrics.get("val/classes_used", math.nan), getattr(trainer, "datamodule", None)
        of = int(getattr(known, "num_classes", 0) or 0)
        if of and classes < self.min_classes * of:
            found["classes"] = f"samples of {classes:.0f} of {of} classes only"
        if metrics.get("val/recall", math.nan) < self.min_recall:
            found["recall"] = f"recall is {metrics['val/recall']:.3f}"
        if self.moments:
            real, fake = (variance(*self.moments[name]) for name in ("real", "fake"))
            if fake < self.min_variety * real:
                found["variety"] = f"samples vary {fake / max(real, 1e-12):.3f} times as much as real images"
        for kind in found.keys() & self.suspected:
            self.report(trainer, kind, f"the generator has collapsed: {found[kind]}")
        self.suspected = set(found)

    def report(self, trainer: Trainer, kind: str, told: str) -> None:
        """Raises GuardError, or warns, once for each kind."""
        if kind in self.told:
            return
        self.told.add(kind)
        last = Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"
        message = f"step {trainer.global_step}: {told}"
        if self.stop:
            kept = f"the last checkpoint is {last}" if last.is_file() else "there is no checkpoint yet"
            raise GuardError(f"{message}; {kept}")
        log.warning("Guard: %s (--guard.stop true would have ended the run)", message)


def variance(count: Tensor, total: Tensor, squares: Tensor) -> float:
    """Mean over pixels of the variance over images."""
    return float((squares / count - (total / count).square()).clamp(min=0).mean())

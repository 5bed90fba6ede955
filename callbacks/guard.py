"""Runs that have failed and would go on for hours."""

import logging
import math
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.last_checkpoint import are_finite
from zoo.loop import AdversarialLoop
from zoo.sampling import images_of

log = logging.getLogger("lightning.pytorch.ganzoo")

#: The score that shows each kind of collapse; variety needs none.
SCORES = {"classes": "classes_used", "recall": "recall"}


class GuardError(RuntimeError):
    """A run that has failed. The message says at which step, how, and where its last checkpoint is."""


class Guard(Callback):
    """Warns once of each way in which a run has failed, or stops it.

    At logged steps: a loss or a weight that is not finite; a critic that takes steps and does not move, not by a bit.
    After validations, twice in a row: fewer classes or less recall than a bound, or images that hardly differ from
    each other; validations whose scores were not computed neither count nor break the row.

    A run that is stopped keeps the checkpoints it has. What is not finite is never saved (`LastCheckpoint`). A collapse
    is certain only at its second validation, when the last checkpoint may have it too: the message names the best.

    Args:
        stop: end the run with a GuardError, on all ranks; otherwise only warn.
        min_classes: bound on the classes that the scorer finds among the samples, as a share of the data set's.
        min_recall: bound on the scores' recall.
        min_variety: bound on the pixels' variance over samples, as a share of that over real images.
        patience: logged steps in a row at which the critic moved nothing; those at which a schedule lets it rest don't
            count.
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
        self.critic, self.still, self.moved_step = torch.empty(0), 0, 0
        self.moments: dict[str, list[Tensor]] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets an earlier run."""
        self.told, self.suspected, self.critic, self.still = set(), set(), torch.empty(0), 0
        self.moved_step = trainer.global_step

    # -- at logged steps --

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Looks at losses and weights; waits for the device, as logging does."""
        assert isinstance(pl_module, AdversarialLoop)
        if not pl_module.is_logged_step:
            return
        broken = [f"{name} is {float(x)}" for name, x in pl_module.observed.items() if not math.isfinite(float(x))]
        if float(total(trainer, torch.tensor(float(len(broken)), device=pl_module.device))):  # each rank has its own
            self.report(trainer, "finite", broken[0] if broken else "a loss is not finite on another rank")
        for player in ("critic", "generator", "prior"):
            if not are_finite(getattr(pl_module, player)):
                self.report(trainer, "finite", f"the {player} has weights that are not finite")
        self.watch_critic(trainer, pl_module)

    def watch_critic(self, trainer: Trainer, model: AdversarialLoop) -> None:
        """Counts the looks at which the critic has taken a step and none of its weights has moved."""
        if "critic_loss" not in model.observed:
            return
        weights = torch.cat([weight.detach().flatten() for weight in model.critic.parameters()])
        if len(self.critic) != len(weights) or not torch.equal(weights, self.critic):
            self.critic, self.still, self.moved_step = weights, 0, trainer.global_step
            return
        self.still += 1
        if self.still >= self.patience:
            steps = trainer.global_step - self.moved_step
            self.report(trainer, "critic", f"the critic has not moved for {steps} steps")

    # -- after validations --

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins to measure variety."""
        self.moments = {}

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Adds the pixels of samples and of real images: count, sum, sum of squares."""
        for name, images in (("real", images_of(batch)), ("fake", outputs)):
            pixels = images.detach().double().flatten(1)
            new = [torch.tensor(float(len(pixels)), device=pixels.device), pixels.sum(0), pixels.square().sum(0)]
            old = self.moments.get(name)
            self.moments[name] = [a + b for a, b in zip(old, new, strict=True)] if old else new

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Looks at the scores of this very validation."""
        if (not trainer.training and trainer.state.fn != "fit") or trainer.sanity_checking:
            return
        scores = {name.removeprefix("val/"): float(value) for name, value in trainer.callback_metrics.items()}
        found = self.collapses(scores, getattr(getattr(trainer, "datamodule", None), "num_classes", None) or 0)
        if self.moments:
            real, fake = (variance(*(total(trainer, part) for part in self.moments[name])) for name in ("real", "fake"))
            if fake < self.min_variety * real:
                found["variety"] = f"samples vary {fake / max(real, 1e-12):.3f} times as much as real images"
        for kind in found.keys() & self.suspected:
            self.report(trainer, kind, f"the generator has collapsed: {found[kind]}", "best")
        not_known = {kind for kind, score in SCORES.items() if math.isnan(scores.get(score, math.nan))}
        self.suspected = set(found) | (self.suspected & not_known)

    def collapses(self, scores: dict[str, float], of: int) -> dict[str, str]:
        """What the scores say of a collapse, by kind; `of` is the number of classes of the data."""
        classes, recall = (scores.get(SCORES[kind], math.nan) for kind in ("classes", "recall"))
        found = {}
        if classes < self.min_classes * of:
            found["classes"] = f"samples of {classes:.0f} of {of} classes only"
        if recall < self.min_recall:
            found["recall"] = f"recall is {recall:.3f}"
        return found

    def report(self, trainer: Trainer, kind: str, told: str, checkpoint: str = "last") -> None:
        """Raises GuardError, which names the `last` or the `best` checkpoint, or warns, once for each kind."""
        if kind in self.told:
            return
        self.told.add(kind)
        kept = Path(trainer.default_root_dir) / "checkpoints" / f"{checkpoint}.ckpt"
        message = f"step {trainer.global_step}: {told}"
        if self.stop:
            where = f"the {checkpoint} checkpoint is {kept}" if kept.is_file() else f"there is no {checkpoint}.ckpt yet"
            raise GuardError(f"{message}; {where}")
        log.warning("Guard: %s (--guard.stop true would have ended the run)", message)


def variance(count: Tensor, sums: Tensor, squares: Tensor) -> float:
    """Mean over P pixels of the variance over images, from their count [] and sums and squares' sums [P]."""
    return float((squares / count - (sums / count).square()).clamp(min=0).mean())


def total(trainer: Trainer, value: Tensor) -> Tensor:
    """The sum over all ranks, each of which must ask."""
    summed: Tensor = trainer.strategy.reduce(value, reduce_op="sum")
    return summed

"""Runs that have failed and would go on for hours."""

import logging
import math
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from callbacks.callbacks_of_type import callbacks_of_type
from callbacks.checkpoints.last_checkpoint import LastCheckpoint, are_finite
from callbacks.scoring.diversity import Diversity, total
from callbacks.scoring.scores import Scores
from zoo.engine.inputs import images_of, labels_of
from zoo.engine.module import AdversarialModule

log = logging.getLogger("lightning.pytorch.ganzoo")


class GuardError(RuntimeError):
    """A run that has failed. The message says at which step, how, and where its last checkpoint is."""


class Guard(Callback):
    """Warn once of each way in which a run has failed, or stop it.

    At logged steps: a loss or a weight that is not finite; a critic that takes steps and does not move, not by a bit.
    After validations: weights again; and, twice in a row, a critic that gives all images the same output, fewer classes
    or less recall than a bound, or samples that hardly differ from each other. Scores that were not computed neither
    count nor break the row. A generator that has just begun has no diversity either, then some and none by turns: it is
    looked at from step `grace` on.

    A run that is stopped keeps the checkpoints it has, or gets one. What is not finite is never saved: see
    `LastCheckpoint`, `BestCheckpoint`. A collapse is certain only at its second validation, when the last checkpoint
    may have it too: the message names the best.

    Args:
        stop: end the run with a GuardError, on all ranks; otherwise only warn.
        min_classes: bound on the classes that the scorer finds among the samples, as a share of those that it finds
            among the real images of the same validation.
        min_recall: bound on the scores' recall.
        min_diversity: bound on the pixels' variance over samples, as a share of that over real images.
        patience: logged steps in a row at which the critic moved nothing; those at which a schedule lets it rest don't
            count.
        grace: steps in which a generator may find its diversity.
    """

    def __init__(
        self,
        stop: bool = False,
        min_classes: float = 0.5,
        min_recall: float = 0.01,
        min_diversity: float = 0.1,
        patience: int = 20,
        grace: int = 3000,
    ) -> None:
        for name, value in (("min_classes", min_classes), ("min_recall", min_recall), ("min_diversity", min_diversity)):
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must be in [0, 1], got {value}")
        for name, count, least in (("patience", patience, 1), ("grace", grace, 0)):
            if count < least:
                raise ValueError(f"{name} must be at least {least}, got {count}")
        self.stop, self.min_classes, self.min_recall, self.min_diversity = stop, min_classes, min_recall, min_diversity
        self.patience, self.grace = patience, grace
        self.reported: set[str] = set()
        self.suspected: set[str] = set()  # by the last validation that could tell
        self.critic, self.still, self.moved_step = torch.empty(0), 0, 0
        self.diversity = Diversity()

    def state_dict(self) -> dict[str, Any]:
        """Return what validations have shown, for a checkpoint."""
        return {"suspected": sorted(self.suspected)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.suspected = set(state_dict["suspected"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget an earlier run, unless this one resumes it."""
        self.reported, self.critic, self.still, self.moved_step = set(), torch.empty(0), 0, trainer.global_step
        if trainer.ckpt_path is None:
            self.suspected = set()

    # -- at logged steps --

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: AdversarialModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at losses and weights; wait for the device, as logging does."""
        if not pl_module.is_logged_step:
            return
        broken = [f"{name} is {float(x)}" for name, x in pl_module.observed.items() if not math.isfinite(float(x))]
        if float(total(trainer, torch.tensor(float(len(broken)), device=pl_module.device))):  # each rank has its own
            self.report(trainer, "finite", broken[0] if broken else "a loss is not finite on another rank")
        self.watch_weights(trainer, pl_module)
        self.watch_critic(trainer, pl_module)

    def watch_weights(self, trainer: Trainer, model: AdversarialModule) -> None:
        """Look for weights that are not finite."""
        for player in ("critic", "generator", "prior"):
            if not are_finite(getattr(model, player)):
                self.report(trainer, "finite", f"the {player} has weights that are not finite")

    def watch_critic(self, trainer: Trainer, model: AdversarialModule) -> None:
        """Count the looks at which the critic has taken a step and none of its weights has moved."""
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
        """Begin to measure diversity."""
        self.diversity = Diversity()

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: AdversarialModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Add samples and real images, and the critic's outputs on the first of them."""
        real = images_of(batch)
        self.diversity.add(real, outputs)
        if batch_idx == 0:
            labels = labels_of(batch, pl_module).repeat(2) if pl_module.is_conditional else None
            self.diversity.add_outputs(pl_module.critic_on(torch.cat([real, outputs.to(real.dtype)]), labels))

    def on_validation_end(self, trainer: Trainer, pl_module: AdversarialModule) -> None:
        """Report what this very validation shows."""
        if (not trainer.training and trainer.state.fn != "fit") or trainer.sanity_checking:
            return
        self.watch_weights(trainer, pl_module)
        symptoms = self.symptoms(trainer)
        sick = {kind for kind, symptom in symptoms.items() if symptom}
        if trainer.global_step < self.grace:
            sick &= {"constant"}
        for kind in sorted(sick & self.suspected):
            self.report(trainer, kind, symptoms[kind], "best")
        self.suspected = sick | (self.suspected - symptoms.keys())

    def symptoms(self, trainer: Trainer) -> dict[str, str]:
        """Return what this validation shows, by kind: "" where all is well; no kind of which it cannot tell."""
        constant = self.diversity.is_constant(trainer)
        symptoms = {"constant": "the critic gives all images the same output" if constant else ""}
        share = self.diversity.share(trainer)  # of the kind that checkpoints call variety
        symptom = f"the generator has collapsed: samples vary {share:.3f} times as much as real images"
        symptoms["variety"] = symptom if share < self.min_diversity else ""
        recall = float(trainer.callback_metrics.get("val/recall", math.nan))
        if not math.isnan(recall):
            symptom = f"the generator has collapsed: recall is {recall:.3f}"
            symptoms["recall"] = symptom if recall < self.min_recall else ""
        classes = float(trainer.callback_metrics.get("val/classes_used", math.nan))
        of = max((scores.real_classes for scores in callbacks_of_type(trainer, Scores)), default=0)
        if not math.isnan(classes):
            symptom = f"the generator has collapsed: samples of {classes:.0f} classes only, real images of {of}"
            symptoms["classes"] = symptom if classes < self.min_classes * of else ""
        return symptoms

    def report(self, trainer: Trainer, kind: str, symptom: str, checkpoint: str = "last") -> None:
        """Raise GuardError, which names the `best` checkpoint or the `last`, or warn, once for each kind."""
        if kind in self.reported:
            return
        self.reported.add(kind)
        message = f"step {trainer.global_step}: {symptom}"
        if not self.stop:
            log.warning("Guard: %s (--guard.stop true would have ended the run)", message)
            return
        folder = Path(trainer.default_root_dir) / "checkpoints"
        if not (folder / "last.ckpt").is_file():
            for callback in callbacks_of_type(trainer, LastCheckpoint):
                callback.save(trainer)
        for name in (checkpoint, "last"):
            if (folder / f"{name}.ckpt").is_file():
                raise GuardError(f"{message}; the {name} checkpoint is {folder / name}.ckpt")
        raise GuardError(f"{message}; no checkpoint was kept")

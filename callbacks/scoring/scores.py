"""Scores of the generator on held-out images, beside what real images get."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.callbacks_of_type import callbacks_of_type
from callbacks.pictures.image_grid import from_bytes
from callbacks.pictures.scatter import Scatter
from callbacks.scoring import score_table
from callbacks.scoring.monitors import check_early_stopping, check_interval, check_monitors
from callbacks.scoring.real_answers import RealAnswers, real_images
from zoo.engine.inputs import Scaled, images_of
from zoo.scores.evaluation import METRICS, Evaluation, MetricName
from zoo.scores.scorer import Scorer
from zoo.scores.scorers import INDEX, load_scorer

log = logging.getLogger("lightning.pytorch.ganzoo")


class Scores(Callback):
    """Logs `val/<score>` after each validation; after `test`, prints a table and writes `scores.json`.

    The scores are those of `zoo.scores.evaluation.Evaluation`, of the images that the model's validation and test steps
    return, one for each held-out image. Real training images take their place for the table's other column, `unused`
    ones of the data module where few are trained on: the score to hope for. Metrics and scorer live here, not in the
    module, so no checkpoint carries them.

    Args:
        num_samples: how many images are scored at most, on all processes together; each scores one at least.
        every_n_steps: at validations of other steps, scores that need the scorer are nan: not computed, and never those
            of earlier weights. By default all validations are scored.
        scorer: see `zoo.scores.scorers.load_scorer`. By default the data module's if that is shipped with the zoo;
            else none, and `sliced_wasserstein` is the only score.
        metrics: keys of `zoo.scores.table.METRICS`; all by default.
    """

    def __init__(
        self,
        num_samples: int = 10_000,
        every_n_steps: int | None = None,
        scorer: str | None = None,
        metrics: Sequence[MetricName] = tuple(METRICS),
    ) -> None:
        for name, value in (("num_samples", num_samples), ("every_n_steps", every_n_steps)):
            if value is not None and value < 1:
                raise ValueError(f"Scores: {name} must be at least 1, got {value}")
        self.num_samples, self.every_n_steps, self.scorer_name = num_samples, every_n_steps, scorer
        self.scorer: Scorer | None = None
        self.metrics = metrics
        self.generated, self.ceiling, self.pixels = (Evaluation(None, metrics) for _ in range(3))
        self.now = self.generated
        self.known: dict[str, RealAnswers] = {}
        self.real: dict[str, float] = {}
        self.enough_real = True
        self.samples = 0
        self.predicted = torch.zeros(0)
        self.real_classes = 0  # that the scorer found among the real images of the last validation

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Loads the scorer: one that is missing shall not be missed after hours. What it said of other data goes."""
        if stage == "predict":
            return
        if stage == "fit":
            check_monitors(trainer)
            check_early_stopping(trainer, [self])
            check_interval(trainer, self.every_n_steps or 0)
        name = self.scorer_name
        if name is None:
            name = getattr(getattr(trainer, "datamodule", None), "scorer", None)
            name = name if name in INDEX else None
        self.scorer, self.known = load_scorer(name) if name else None, {}
        self.generated, self.ceiling = (Evaluation(self.scorer, self.metrics) for _ in range(2))

    def begin(self, pl_module: LightningModule) -> None:
        """Forgets the last evaluation."""
        self.samples = 0
        self.predicted = torch.zeros(self.scorer.num_classes if self.scorer else 0, device=pl_module.device)
        for evaluation in (self.generated, self.ceiling, self.pixels):
            evaluation.to(pl_module.device).reset()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins a validation."""
        self.begin(pl_module)
        due = not self.every_n_steps or trainer.global_step % self.every_n_steps == 0
        self.now = self.generated if due else self.pixels

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins a test."""
        self.begin(pl_module)
        self.now, self.enough_real = self.generated, True

    def score(self, stage: str, trainer: Trainer, outputs: Tensor, batch: Any, batch_idx: int) -> Tensor:
        """Adds a batch and the fakes made for it; returns the real images that were still wanted."""
        # at least one on each process: a metric cannot be merged with one that has seen nothing
        mine = max(1, len(range(trainer.global_rank, self.num_samples, trainer.world_size)))
        wanted = max(0, mine - self.samples)
        real = images_of(batch)[:wanted]
        answers = self.answers(stage, trainer, len(images_of(batch))) if isinstance(batch, Scaled) else None
        scored = self.now.update_real(real, answers.get(batch_idx, len(real)) if answers else None)
        if answers and scored is not None:
            answers.add(batch_idx, scored)
        if scored is not None:
            self.predicted.index_fill_(0, scored.logits.argmax(dim=1), 1.0)
        self.now.update_fake(outputs[: len(real)])
        return real

    def answers(self, stage: str, trainer: Trainer, batch_size: int) -> RealAnswers | None:
        """What is known of the split's images: ours, which come in one order. None for another data module's."""
        split = real_images(trainer, stage)
        if stage not in self.known and split is not None and self.now.scorer is not None:
            model = trainer.lightning_module  # bfloat16 rounds what the scorer sees, a device its products
            share: list[int | str] = [trainer.global_rank, trainer.world_size, batch_size, self.num_samples]
            share += [str(model.dtype), model.device.type]
            if stage == "ceiling":  # whose images are as many as those of the test
                share.append(len(trainer.datamodule.splits["test"].images))  # type: ignore[attr-defined]
            self.known[stage] = RealAnswers(split.images, self.now.scorer, share)
        return self.known.get(stage)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Adds the batch and the fakes made for it."""
        self.samples += len(self.score("val", trainer, outputs, batch, batch_idx))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the scores; a ModelCheckpoint that saves after validations may monitor any."""
        if not self.samples:
            return
        self.keep_answers()
        self.real_classes = int((trainer.strategy.reduce(self.predicted, reduce_op="sum") > 0).sum())
        scores = self.now.compute()
        if self.now is self.pixels and self.scorer is not None:
            missing = (key for name in METRICS if name in self.metrics for key in METRICS[name])
            scores = dict.fromkeys(missing, math.nan) | scores
        pl_module.log_dict({f"val/{name}": value for name, value in scores.items()}, sync_dist=True)

    def keep_answers(self) -> None:
        """For the next run."""
        for answers in self.known.values():
            answers.save()

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Adds the batch, the fakes made for it, and as many training images."""
        real = self.score("test", trainer, outputs, batch, batch_idx)
        train = real_images(trainer, "ceiling")
        if train is not None and len(real):
            order = torch.randperm(len(train.images), generator=torch.Generator().manual_seed(0))
            place = trainer.global_rank + trainer.world_size * (self.samples + torch.arange(len(real)))
            self.enough_real &= int(place[-1]) < len(order)
            if self.enough_real:
                answers = self.known.get("test")
                self.ceiling.update_real(real, answers.get(batch_idx, len(real)) if answers else None)
                answers = self.answers("ceiling", trainer, len(images_of(batch)))
                images = from_bytes(train.images[order[place]])
                known = answers.get(batch_idx, len(images)) if answers else None
                scored = self.ceiling.update_fake(images, known)
                if answers and scored is not None:
                    answers.add(batch_idx, scored)
        self.samples += len(real)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Computes."""
        if not self.samples:
            return
        self.keep_answers()
        scores = {f"test/{name}": value for name, value in self.generated.compute().items()}
        pl_module.log_dict(scores, sync_dist=True)
        real = self.ceiling.compute()  # on every rank
        known = real_images(trainer, "ceiling") is not None
        if known and not self.enough_real:
            log.warning("No scores of real images: there are fewer to train on than are scored, and none is repeated")
        self.real = real if known and self.enough_real else {}
        samples = torch.tensor(float(self.samples), device=pl_module.device)
        self.samples = int(trainer.strategy.reduce(samples, reduce_op="sum"))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints and writes every score of the test, whoever logged it."""
        if not trainer.is_global_zero:
            return
        real = self.real | coverage_of_real(trainer)
        scores = {
            name.removeprefix("test/"): {"generated": float(value), "real": real.get(name.removeprefix("test/"))}
            for name, value in trainer.callback_metrics.items()
            if name.startswith("test/")
        }
        step, scorer = pl_module.trained_steps, self.scorer.name if self.scorer else None
        checkpoint = str(trainer.ckpt_path) if trainer.ckpt_path else None
        result = {"checkpoint": checkpoint, "step": step, "samples": self.samples, "scorer": scorer, "scores": scores}
        score_table.publish(result, Path(trainer.default_root_dir), trainer.loggers)


def coverage_of_real(trainer: Trainer) -> dict[str, float]:
    """What training points get where modes are counted: for models of points, whose data knows its centres."""
    scatters = callbacks_of_type(trainer, Scatter)
    return scatters[0].real if scatters else {}

"""Scores of the generator on held-out images, beside what real images get."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from callbacks.scoring import score_table
from callbacks.scoring.feature_cache import FeatureCache
from callbacks.scoring.memorisation import Memorisation
from callbacks.scoring.monitors import check_early_stopping, check_interval, check_monitors
from callbacks.scoring.reference import Reference, coverage_of_real
from zoo.engine.inputs import images_of
from zoo.scores.classifier import Scored
from zoo.scores.evaluation import METRICS, Evaluation, MetricName
from zoo.scores.scorer import Scorer
from zoo.scores.scorers import INDEX, load_scorer


class Scores(Callback):
    """Log `val/<score>` after each validation; after `test`, print a table and write `scores.json`.

    The scores are those of `zoo.scores.evaluation.Evaluation`, of the images that the model's validation and test steps
    return, one for each held-out image. Real training images take their place for the table's other column, `unused`
    ones of the data module where few are trained on: the score to hope for. Metrics and scorer live here, not in the
    module, so no checkpoint carries them. Of a conditional model also those of labels: its fakes are asked for with the
    classes of the held-out images. A test also compares them with the images trained on: scores of memorisation, for
    whose other column validation images take the generator's place.

    Args:
        num_samples: how many images are scored at most, on all processes together; each scores one at least.
        every_n_steps: at validations of other steps, scores that need the scorer are nan: not computed, and never those
            of earlier weights. By default all validations are scored.
        scorer: see `zoo.scores.scorers.load_scorer`. By default the data module's if that is shipped with the zoo;
            else none, and `sliced_wasserstein` is the only score.
        metrics: names of `zoo.scores.table.SPECS`; all by default.
        num_training: how many training images a test looks at for scores of memorisation, at most; 0 leaves these out.
    """

    def __init__(
        self,
        num_samples: int = 10_000,
        every_n_steps: int | None = None,
        scorer: str | None = None,
        metrics: Sequence[MetricName] = tuple(METRICS),
        num_training: int = 60_000,
    ) -> None:
        for name, value in (("num_samples", num_samples), ("every_n_steps", every_n_steps)):
            if value is not None and value < 1:
                raise ValueError(f"Scores: {name} must be at least 1, got {value}")
        if num_training < 0:
            raise ValueError(f"Scores: num_training must be at least 0, got {num_training}")
        self.num_samples, self.every_n_steps, self.scorer_name = num_samples, every_n_steps, scorer
        self.num_training = num_training
        self.metrics, self.pixels = metrics, Evaluation(None, metrics)
        self.samples, self.real = 0, dict[str, float]()
        self.validated = 0  # images that the last validation scored, on all processes
        self.real_classes = 0  # that the scorer found among the real images of the last validation
        self.look_through(None, None)

    def look_through(self, scorer: Scorer | None, num_labels: int | None) -> None:
        """Make what depends on the scorer, and on the number of classes that a conditional model is asked for."""
        self.scorer, self.num_labels = scorer, num_labels
        self.generated, reference = (Evaluation(scorer, self.metrics, num_labels) for _ in range(2))
        self.cache = FeatureCache(scorer, self.num_samples) if scorer and self.generated.scorer else None
        self.reference, self.current = Reference(reference, self.cache), self.generated
        cache = FeatureCache(scorer, self.num_samples) if scorer else None
        self.memorisation = Memorisation(scorer, self.metrics, self.num_training, self.num_samples, cache)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Load the scorer: one that is missing shall not be missed after hours."""
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
        is_conditional = getattr(pl_module, "is_conditional", False)
        num_labels = getattr(pl_module, "num_classes", None) if is_conditional else None
        self.look_through(load_scorer(name) if name else None, num_labels)

    def begin(self, pl_module: LightningModule) -> None:
        """Forget the last evaluation."""
        self.samples = 0
        self.predicted = torch.zeros(self.scorer.num_classes if self.scorer else 0, device=pl_module.device)
        for evaluation in (self.generated, self.pixels):
            evaluation.to(pl_module.device).reset()

    def add(
        self, trainer: Trainer, split: str, outputs: Tensor, batch: Any, batch_idx: int
    ) -> tuple[Tensor, Scored | None, Tensor | None, Scored | None]:
        """Add a batch and the fakes made for it.

        Returns the real images that are scored, their features and logits, their labels, and the fakes' features.
        """
        # at least one on each process: a metric cannot be merged with one that has seen nothing
        wanted = max(1, len(range(trainer.global_rank, self.num_samples, trainer.world_size)))
        real, scored = images_of(batch)[: max(0, wanted - self.samples)], None
        if self.cache and self.current is not self.pixels and len(real):
            scored = self.cache.scored(trainer, split, batch, batch_idx, real)
            self.predicted.index_fill_(0, scored.logits.argmax(dim=1), 1.0)
        labels = batch[1][: len(real)] if self.num_labels else None  # what fakes of a conditional model were asked for
        self.current.update_real(real, scored, labels)
        fake = self.current.update_fake(outputs[: len(real)], labels=labels)
        return real, scored, labels, fake

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a validation."""
        self.begin(pl_module)
        is_due = not self.every_n_steps or trainer.global_step % self.every_n_steps == 0
        self.current = self.generated if is_due else self.pixels

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Add the batch and the fakes made for it."""
        self.samples += len(self.add(trainer, "val", outputs, batch, batch_idx)[0])

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the scores; a ModelCheckpoint that saves after validations may monitor any."""
        if not self.samples:
            return
        if self.cache:
            self.cache.save()
        self.real_classes = int((trainer.strategy.reduce(self.predicted, reduce_op="sum") > 0).sum())
        samples = torch.tensor(float(self.samples), device=pl_module.device)
        self.validated = int(trainer.strategy.reduce(samples, reduce_op="sum"))
        missing = dict.fromkeys(self.generated.keys, math.nan)  # where it was not due
        scores = missing | self.current.compute()
        pl_module.log_dict({f"val/{name}": value for name, value in scores.items()}, sync_dist=True)

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a test."""
        self.begin(pl_module)
        self.reference.begin(pl_module.device)
        self.memorisation.begin(pl_module.device)
        self.current = self.generated

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Add the batch, the fakes made for it, and as many training images."""
        real, scored, labels, fake = self.add(trainer, "test", outputs, batch, batch_idx)
        self.memorisation.add(batch, real, outputs[: len(real)], scored, fake)
        self.reference.add(trainer, batch, batch_idx, real, scored, labels, first=self.samples)
        self.samples += len(real)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the scores, and compute those of real images."""
        if not self.samples:
            return
        if self.cache:
            self.cache.save()
        copied, others = self.memorisation.compute(trainer)
        scores = {f"test/{name}": value for name, value in (self.generated.compute() | copied).items()}
        pl_module.log_dict(scores, sync_dist=True)
        self.real = self.reference.compute(trainer) | others
        samples = torch.tensor(float(self.samples), device=pl_module.device)
        self.samples = int(trainer.strategy.reduce(samples, reduce_op="sum"))

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print and write every score of the test, whichever callback logged it."""
        if trainer.is_global_zero:
            scorer, real = self.scorer.name if self.scorer else None, self.real | coverage_of_real(trainer)
            result = score_table.result_of(trainer, pl_module, self.samples, scorer, real)
            score_table.publish(result, trainer)

"""The score to hope for: that of real training images in the generator's place."""

import logging
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from callbacks.callbacks_of_type import callbacks_of_type
from callbacks.pictures.image_grid import from_bytes
from callbacks.pictures.scatter import Scatter
from callbacks.scoring.feature_cache import REFERENCE, FeatureCache, split_of
from zoo.scores.classifier import Scored
from zoo.scores.evaluation import Evaluation

log = logging.getLogger("lightning.pytorch.ganzoo")


class Reference:
    """Score as many training images as held-out ones, `unused` ones of the data module where few are trained on.

    They come in one order, drawn once, and none twice: without enough of them there are no scores.

    Args:
        evaluation: of these images.
        cache: of what its scorer computes of them; None without a scorer.
    """

    def __init__(self, evaluation: Evaluation, cache: FeatureCache | None) -> None:
        self.evaluation, self.cache, self.is_enough = evaluation, cache, True

    def begin(self, device: torch.device) -> None:
        """Forget the last evaluation."""
        self.evaluation.to(device).reset()
        self.is_enough = True

    def add(
        self,
        trainer: Trainer,
        batch: Any,
        batch_idx: int,
        real: Tensor,
        scored: Scored | None,
        labels: Tensor | None,
        first: int,
    ) -> None:
        """Add the held-out images of a batch, and as many training images.

        Args:
            trainer: tests a model.
            batch: what the loader gave, with number `batch_idx`.
            batch_idx: see there.
            real: its images that are scored, [N, C, H, W] in [-1, 1].
            scored: their features and logits; None without a scorer.
            labels: their classes, [N], for scores of a conditional model; None without.
            first: how many images this process has scored before.
        """
        train = split_of(trainer, REFERENCE)
        if train is None or not len(real):
            return
        order = torch.randperm(len(train.images), generator=torch.Generator().manual_seed(0))
        place = trainer.global_rank + trainer.world_size * (first + torch.arange(len(real)))
        self.is_enough &= int(place[-1]) < len(order)
        if self.is_enough:
            images = from_bytes(train.images[order[place]])
            self.evaluation.update_real(real, scored, labels)
            known = self.cache.scored(trainer, REFERENCE, batch, batch_idx, images) if self.cache else None
            self.evaluation.update_fake(images, known, train.labels[order[place]])

    def compute(self, trainer: Trainer) -> dict[str, float]:
        """Return the scores; on every process."""
        scores = self.evaluation.compute()
        if split_of(trainer, REFERENCE) is None:
            return {}
        if not self.is_enough:
            log.warning("No scores of real images: there are fewer to train on than are scored, and none is repeated")
            return {}
        return scores


def coverage_of_real(trainer: Trainer) -> dict[str, float]:
    """Return what training points get where modes are counted: for models of points, whose data knows its centres."""
    scatters = callbacks_of_type(trainer, Scatter)
    return scatters[0].real if scatters else {}

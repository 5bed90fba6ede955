"""Scores of memorisation, which look at the images that were trained on: of tests alone."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from tqdm import tqdm

from callbacks.pictures.image_grid import from_bytes
from callbacks.scoring.feature_cache import FeatureCache, split_of
from zoo.engine.inputs import Scaled
from zoo.scores.classifier import Scored
from zoo.scores.evaluation import Evaluation, MetricName
from zoo.scores.scorer import Scorer
from zoo.scores.table import OF_TRAINING

#: Images that the scorer sees at once.
BATCH = 500


class Memorisation:
    """Compare generated images with those trained on and those held out; validation images take their place beside it.

    Args:
        scorer: to look through; without one there are no such scores.
        metrics: names of metrics, of which those in OF_TRAINING count.
        num_training: how many training images are looked at, at most, drawn once; 0 leaves these scores out.
        num_samples: how many validation images are, at most.
        cache: of what the scorer computes of them.
    """

    def __init__(
        self,
        scorer: Scorer | None,
        metrics: Sequence[MetricName],
        num_training: int,
        num_samples: int,
        cache: FeatureCache | None,
    ) -> None:
        names = [name for name in metrics if name in OF_TRAINING]
        self.num_training, self.num_samples, self.cache = num_training, num_samples, cache
        wanted = 2 if scorer and cache and names and num_training else 0
        self.is_own = False  # whether batches are the data module's
        self.evaluations = [Evaluation(scorer, names, training=True) for _ in range(wanted)]

    def begin(self, device: torch.device) -> None:
        """Forget the last test."""
        self.is_own = False
        for evaluation in self.evaluations:
            evaluation.to(device).reset()

    def add(self, batch: Any, real: Tensor, fake: Tensor, of_real: Scored | None, of_fake: Scored | None) -> None:
        """Add the held-out images of a batch and the fakes made for them, with what the scorer has found of both.

        Batches that are not a data module's own come with no images that were trained on: they are left out.
        """
        if self.evaluations and isinstance(batch, Scaled):
            self.is_own = True
            generated, instead = self.evaluations
            of_real = generated.update_real(real, of_real)
            instead.update_real(real, of_real)
            generated.update_fake(fake, of_fake)

    @torch.inference_mode()
    def compute(self, trainer: Trainer) -> tuple[dict[str, float], dict[str, float]]:
        """Return the scores of the generated images, and of validation images in their place; nothing without them."""
        if not self.is_own or split_of(trainer, "train") is None:
            return {}, {}
        generated, instead = self.evaluations
        for scored in self.looked_at(trainer, "train", self.num_training):
            for evaluation in (generated, instead):
                evaluation.feed_scored(scored, "training", None)
        if split_of(trainer, "val") is None:
            return generated.compute(), {}
        for scored in self.looked_at(trainer, "val", self.num_samples):
            instead.feed_scored(scored, "fake", None)
        return generated.compute(), instead.compute()

    def looked_at(self, trainer: Trainer, split: str, most: int) -> Iterator[Scored]:
        """Give what the scorer finds of this process' share of a split, with a bar once it takes two seconds."""
        assert self.cache is not None
        images = split_of(trainer, split).images
        order = torch.arange(len(images))
        if len(images) > most:
            order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:most].sort().values
        parts = order[trainer.global_rank :: trainer.world_size].split(BATCH)
        file = self.cache.file(trainer, split, BATCH, most)
        hidden = None if trainer.is_global_zero else True
        for number, rows in enumerate(tqdm(parts, f"{split} images", delay=2, leave=False, disable=hidden)):
            yield self.cache.ask(trainer, file, number, from_bytes(images[rows]))
        self.cache.save()

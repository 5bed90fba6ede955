"""Images by seed: each a function of its seed, its label and the weights alone.

Shapes: images [C, H, W] in [-1, 1], float32; latents z [1, D].
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from zoo.engine.batch import Latents
from zoo.engine.evaluation import of_each
from zoo.engine.randomness import seeded
from zoo.engine.sampler import Sampler, evaluating
from zoo.engine.standing import StandingStatistics


class Made(NamedTuple):
    """An image [C, H, W] and its label; None without labels."""

    image: Tensor
    label: int | None


class SeedSampler:
    """Makes one image at a time, so that no seed sees another: a batch would round by its size.

    Args:
        sampler: a prior and a generator.
        sampling: the model's own options: truncation, standing_statistics, and what the generator takes.
        image_shape: (C, H, W).
    """

    def __init__(self, sampler: Sampler, sampling: dict[str, Any] | None, image_shape: Sequence[int]) -> None:
        self.sampling, self.image_shape = dict(sampling or {}), tuple(image_shape)
        self.sampler = StandingStatistics().of(sampler, self.sampling)

    @property
    def num_labels(self) -> int | None:
        """Return how many labels there are: classes, mixture components, codes or experts; None without."""
        return self.sampler.prior.num_labels

    @torch.no_grad()
    def make(self, seed: int, label: int | None = None, truncation: float | None = None) -> Made:
        """Make the image of a seed.

        Args:
            seed: at least 0.
            label: what it is to be; a function of the seed without one. The noise is the same for all labels.
            truncation: in the place of the model's own.
        """
        how = of_each(self.sampling | ({} if truncation is None else {"truncation": truncation}))
        with evaluating(self.sampler):
            noise, labels, source = self.start(seed, label, **self.sampler.of_prior(how))
            latents = Latents(self.sampler.prior.place(noise, labels), labels)
            image = self.sampler.generate(latents, source, **how)[0].float()
        return Made(image, None if labels is None else int(labels))

    def start(
        self, seed: int, label: int | None, truncation: float | None = None
    ) -> tuple[Tensor, Tensor | None, torch.Generator]:
        """Return the noise [1, D] of a seed, its label [1], and what the generator's own noise is drawn from then."""
        source = seeded("image", seed)
        return *self.draw(source, label, truncation), source

    def draw(
        self, source: torch.Generator, label: int | None, truncation: float | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Draw noise [1, D], then a label [1] even where one is given: what is drawn later is the same."""
        prior = self.sampler.prior
        noise, labels = prior.noise(1, source), None
        if prior.num_labels is not None:
            labels = torch.randint(prior.num_labels, (1,), generator=source)
            labels = (labels if label is None else torch.tensor([label])).to(noise.device)
        return noise if truncation is None else prior.truncate(noise, truncation), labels

    def check(self, labels: Sequence[int] | None, truncation: float | None) -> None:
        """Raise ValueError for labels that the model does not have, or a truncation that it cannot use."""
        if labels and self.num_labels is None:
            raise ValueError("this model has no labels: its images cannot be asked for by label")
        for label in labels or ():
            if not 0 <= label < (self.num_labels or 0):
                raise ValueError(f"labels are in 0 .. {(self.num_labels or 0) - 1}, got {label}")
        if truncation is not None and "truncation" not in self.sampler.of_generator:
            self.sampler.prior.truncate(torch.zeros(0), truncation)

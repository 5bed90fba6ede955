"""What a trained model does: it makes images, and is looked at while it does.

Shapes: images [N, C, H, W] in [-1, 1]; latents [N, D]; critic outputs [N].
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from zoo.engine.average import MovingAverage
from zoo.engine.errors import BatchError
from zoo.engine.inputs import Scaled, check_images, check_latents, check_range, images_of, latents_of
from zoo.engine.randomness import run_seed, seeded
from zoo.priors import Prior


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Networks in inference mode; after it every part of them is back in its own mode, frozen ones too."""
    modes = [(part, part.training) for network in networks for part in network.modules()]
    try:
        for network in networks:
            network.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


class Sampler(nn.Module):
    """A prior and a generator: n images [n, C, H, W].

    A generator that takes a sample's place in its batch for the number of an expert says how many there are by its
    `places`. Then n images come from a batch in which all experts are, evenly chosen.
    """

    def __init__(self, prior: Prior, generator: nn.Module) -> None:
        super().__init__()
        self.prior, self.generator = prior, generator

    @property
    def places(self) -> int:
        """After how many samples the generator's experts begin anew; 1 without experts."""
        return int(getattr(self.generator, "places", 1))

    def forward(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """N images; their latents are drawn from `generator`, or from torch's own without one."""
        rest = n % self.places
        full = n - rest + self.places * bool(rest)
        images: Tensor = self.generator(self.prior(full, generator))
        if not rest:
            return images
        last = torch.arange(rest, device=images.device) * self.places // rest  # of the experts' last turn
        return torch.cat([images[: n - rest], images[n - rest + last]])

    def numbered(self, numbers: Tensor, seed: int) -> Tensor:
        """Images [N, C, H, W], each a function of (seed, its number), whatever else is in the batch.

        Latents are drawn in blocks, each from (seed, its number); without experts, only the wanted ones go further.

        Args:
            numbers: int64 [N], at least 0.
            seed: of the run.
        """
        size = self.prior.block * self.places // math.gcd(self.prior.block, self.places)
        blocks, which = (numbers.cpu() // size).unique(return_inverse=True)
        rows = which * size + numbers.cpu() % size
        drawn = [self.prior(size, seeded("sample", seed, block)) for block in blocks.tolist()]
        latents = torch.cat(drawn) if drawn else self.prior(0)
        rows = rows.to(latents.device)
        images: Tensor = self.generator(latents)[rows] if self.places > 1 else self.generator(latents[rows])
        return images


class GenerativeModule(LightningModule):
    """A prior and a generator, their average where there is one, and the critic that judges them."""

    # What a model provides.
    image_shape: tuple[int, ...]
    prior: Prior
    generator: nn.Module
    critic: nn.Module

    def __init__(self) -> None:
        super().__init__()
        self.averaged: MovingAverage[Sampler] | None = None
        self.looked_at = 0  # images of this rank, in an evaluation's loader
        self.trained_steps = 0  # of these weights, also where they were loaded for a test

    @property
    def sampler(self) -> Sampler:
        """What makes images, as it is trained."""
        return Sampler(self.prior, self.generator)

    @property
    def trained_sampler(self) -> Sampler:
        """What `sample` uses: the average where there is one."""
        return self.sampler if self.averaged is None else self.averaged.module

    def average(self, decay: float) -> None:
        """From now on, `sample` uses the moving average of the sampler; an average that exists goes on."""
        if self.averaged is None:
            self.averaged = MovingAverage(self.sampler, decay)
        self.averaged.decay = decay

    def forward(self, latents: Tensor) -> Tensor:
        """Latents [N, D] to images [N, C, H, W] in [-1, 1], float32, in inference mode; gradients flow.

        By the averaged generator where there is one. Raises BatchError for anything else.
        """
        check_latents(latents, self.prior.dim)
        generator = self.trained_sampler.generator
        with evaluating(generator):
            images: Tensor = generator(latents)
        return images.float()

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Images [n, C, H, W] in [-1, 1], float32, in inference mode, drawn from `generator` or torch's own.

        By the averaged generator where there is one. Raises TypeError for latents: the model itself takes those.
        """
        if not isinstance(n, int | np.integer) or n < 0:
            found = n if isinstance(n, int | np.integer) else f"a {type(n).__name__}"
            raise TypeError(f"sample takes how many images to make, got {found}; of latents: model(latents)")
        sampler = self.trained_sampler
        with evaluating(sampler):
            images: Tensor = sampler(int(n), generator)
        return images.float()

    @torch.no_grad()
    def numbered(self, numbers: Tensor) -> Tensor:
        """Images [N, C, H, W] as `sample` makes them, each a function of the run's seed and its number, int64 [N]."""
        sampler = self.trained_sampler
        with evaluating(sampler):
            return sampler.numbered(numbers, run_seed()).float()

    def numbers(self, batch_idx: int, count: int) -> Tensor:
        """Which samples go with the images of an evaluation's batch, int64 [count]: those of the same numbers."""
        first = self.looked_at if batch_idx else 0  # a loader begins
        if batch_idx and not first:  # an evaluation goes on that a checkpoint has broken off
            first = batch_idx * count
        self.looked_at = first + count
        return self.global_rank + self.trainer.world_size * torch.arange(first, first + count)

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
        """One fake for each held-out image, [N, C, H, W], from latents that are the same in every validation."""
        if dataloader_idx:
            raise BatchError("a model is validated and tested on one loader: give one, or call validate for each")
        real = images_of(batch)
        check_images(real, self.image_shape, self.dtype)  # type: ignore[arg-type]
        if batch_idx == 0 and not isinstance(batch, Scaled):
            check_range(real)
        fake = self.numbered(self.numbers(batch_idx, len(real)))
        gap = self.critic(real).mean() - self.critic(fake.to(real.dtype)).mean()
        stage = "test" if self.trainer.testing else "val"
        self.log(f"{stage}/critic_gap", gap, batch_size=len(real), sync_dist=True)
        # The loggers' x, as in `record`; a mean over the batches, the default, would round it.
        self.log("step", float(self.trained_steps), batch_size=len(real), sync_dist=True, reduce_fx="max")
        return fake

    test_step = validation_step

    def on_validation_end(self) -> None:
        """Takes the x of the validation's scores back, so that it never names a later checkpoint."""
        self.trainer.callback_metrics.pop("step", None)

    def predict_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Images [N, C, H, W] in [-1, 1] of latents [N, D], or of the samples with the numbers [N]."""
        given = latents_of(batch, self.prior.dim)
        return self(given.to(self.dtype)) if given.is_floating_point() else self.numbered(given)

"""What a trained model does: it makes images, and is looked at while it does.

Shapes: images [N, C, H, W] in [-1, 1]; latents [N, D]; critic outputs [N].
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from zoo.average import MovingAverage
from zoo.priors import Prior
from zoo.randomness import run_seed, seeded


def images_of(batch: Any) -> Tensor:
    """The images [N, C, H, W] of a batch, which is (images, ...) or the images alone."""
    images: Tensor = batch[0] if isinstance(batch, list | tuple) else batch
    return images


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
    """A prior and a generator: n images [n, C, H, W]."""

    def __init__(self, prior: Prior, generator: nn.Module) -> None:
        super().__init__()
        self.prior, self.generator = prior, generator

    def forward(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """N images; their latents are drawn from `generator`, or from torch's own without one."""
        images: Tensor = self.generator(self.prior(n, generator))
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

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Images [n, C, H, W] in [-1, 1], float32, in inference mode, drawn from `generator` or torch's own.

        By the averaged generator where there is one.
        """
        sampler = self.trained_sampler
        with evaluating(sampler):
            images: Tensor = sampler(n, generator)
        return images.float()

    def validation_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One fake for each held-out image, [N, C, H, W], from latents that are the same in every validation."""
        real = images_of(batch)
        fake = self.sample(len(real), seeded("sample", run_seed(), self.global_rank, batch_idx))
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

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """One image for each number in the batch, [N, C, H, W] in [-1, 1]."""
        return self.sample(len(batch), seeded("sample", run_seed(), self.global_rank, batch_idx))

"""Measure DistributedDataParallel and its search for unused parameters against reducing a player's own gradients.

    python -m benchmarks.ddp

Two processes over gloo on this machine train WGAN-GP's MLPs on digits, in alternate rounds; the ratio of the medians
of the steps' wall time is printed with its quartiles over the rounds.
"""

import argparse
import os
import time
import warnings
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.strategies import DDPStrategy

from datamodules import DigitsDataModule
from zoo import WGANGP
from zoo.engine.module import AdversarialModule


class OwnGradients(DDPStrategy):
    """No wrapper: before an optimizer steps, the gradients of its own parameters become their mean over the ranks."""

    def configure_ddp(self) -> None:
        """Leave the module as it is; both ranks were seeded alike."""

    def optimizer_step(self, optimizer: Any, closure: Any, model: Any = None, **kwargs: Any) -> Any:
        """Reduce all gradients at once, then step."""
        held = [each.grad for group in optimizer.param_groups for each in group["params"] if each.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in held])
        torch.distributed.all_reduce(flat)
        for gradient, mean in zip(held, flat.div_(self.world_size).split([each.numel() for each in held]), strict=True):
            gradient.copy_(mean.view_as(gradient))
        return super().optimizer_step(optimizer, closure, model, **kwargs)


class Clock(Callback):
    """The times at which steps ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Note the time."""
        self.ends.append(time.perf_counter())


def median_step(strategy: DDPStrategy, steps: int) -> float:
    """Return the median step's milliseconds."""
    torch.manual_seed(0)
    model: AdversarialModule = WGANGP(image_shape=(1, 8, 8), generator_options={"norm": "none"}, latent_dim=32)
    clock = Clock()
    trainer = Trainer(
        accelerator="cpu",
        devices=2,
        strategy=strategy,
        max_steps=steps,
        callbacks=[clock],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(model, DigitsDataModule(batch_size=32))
    return float(np.median(np.diff(clock.ends[5:])) * 1e3)


def main() -> None:
    """Measure both by turns, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    ratios, times = [], []
    for _ in range(given.rounds):
        wrapped = median_step(DDPStrategy(find_unused_parameters=True), given.steps)
        own = median_step(OwnGradients(), given.steps)
        ratios.append(wrapped / own)
        times.append((wrapped, own))
    if os.environ.get("LOCAL_RANK", "0") == "0":
        low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        print(f"wrapped / own gradients: {median:.3f} ({low:.3f} to {high:.3f}); ms {np.median(times, axis=0)}")


if __name__ == "__main__":
    main()

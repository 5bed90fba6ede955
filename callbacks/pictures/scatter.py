"""Pictures of models of points in the plane: samples over data over what the critic thinks of every place."""

import math
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from PIL import Image
from torch import Tensor

from callbacks.pictures.pictures import Pictures
from zoo.engine.module import AdversarialModule
from zoo.engine.sampler import evaluating
from zoo.scores.modes import ModeCoverage

#: The picture shows [-LIMIT, LIMIT]^2 on SIDE x SIDE pixels; the critic is asked at CELLS x CELLS places.
LIMIT, SIDE, CELLS = 1.5, 480, 96
#: RGB. RED where the critic finds data, BLUE where it finds samples, WHITE between them.
BLUE, WHITE, RED = (96, 140, 220), (255, 255, 255), (225, 110, 100)
DATA, SAMPLE, OUTLINE = (120, 120, 120), (255, 165, 0), (0, 0, 0)


def is_points(pl_module: LightningModule) -> bool:
    """Return whether the model's images are points: two numbers."""
    return math.prod(getattr(pl_module, "image_shape", ())) == 2


class Scatter(Pictures):
    """Draw samples, data and the critic's surface every k steps; do nothing for models of images.

    Where the data module knows its centres, it logs `modes_covered` and `high_quality`
    (see zoo.scores.modes.ModeCoverage) under `val/` and `test/`; after a test, `real` has what as many training points
    get.

    Args:
        every_n_steps: see Pictures.
        num_points: how many samples, and how many training points at most.
        gif: see Pictures.
        seed: see Pictures.
    """

    def __init__(self, every_n_steps: int = 500, num_points: int = 1000, gif: bool = True, seed: int = 0) -> None:
        super().__init__(every_n_steps, gif, seed)
        if num_points < 1:
            raise ValueError(f"num_points must be at least 1, got {num_points}")
        self.num_points = num_points
        self.coverage: ModeCoverage | None = None
        self.real: dict[str, float] = {}

    # -- pictures --

    def draws(self, model: AdversarialModule) -> bool:
        """Return whether the model makes points."""
        return is_points(model)

    def picture(self, trainer: Trainer, model: AdversarialModule) -> Image.Image:
        """Draw samples over data over the critic's surface."""
        samples = model.sample(self.num_points, self.latents_seed()).flatten(1).cpu()
        train = getattr(trainer.datamodule, "splits", {}).get("train")  # type: ignore[attr-defined]
        data = samples[:0] if train is None else evenly(train.images, self.num_points).flatten(1)
        return scatter_picture(samples, data, critic_surface(model, samples, data))

    # -- scores --

    def begin(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the last evaluation."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        known = is_points(pl_module) and hasattr(data, "centres")
        self.coverage = ModeCoverage(data.centres, data.std).to(pl_module.device) if known else None

    def count(self, outputs: Any) -> None:
        """Add a batch of samples."""
        if self.coverage is not None and isinstance(outputs, Tensor):
            self.coverage.update(outputs)

    def finish(self, pl_module: LightningModule, stage: str) -> None:
        """Log the scores; a ModelCheckpoint may monitor them."""
        if self.coverage is not None and self.coverage.update_called:
            for name, value in self.coverage.compute().items():
                pl_module.log(f"{stage}/{name}", value)

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a validation."""
        self.begin(trainer, pl_module)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Count the fakes made for the batch."""
        self.count(outputs)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End a validation."""
        self.finish(pl_module, "val")

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin a test; count as many training points."""
        self.begin(trainer, pl_module)
        self.real = {}
        if self.coverage is not None:
            splits = trainer.datamodule.splits  # type: ignore[attr-defined]
            self.coverage.update(evenly(splits["train"].images, len(splits["test"].images)).to(pl_module.device))
            self.real = {name: float(value) for name, value in self.coverage.compute().items()}
            self.coverage.reset()

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Count the fakes made for the batch."""
        self.count(outputs)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End a test."""
        self.finish(pl_module, "test")


def evenly(points: Tensor, count: int) -> Tensor:
    """Return at most `count` of the points, evenly chosen: they may lie in the order of their modes."""
    return points[torch.linspace(0, len(points) - 1, min(count, len(points))).round().long()]


@torch.no_grad()
def critic_surface(model: Any, samples: Tensor, data: Tensor) -> Tensor | None:
    """Compute the critic's value at the middle of every cell, float [CELLS, CELLS], rows from the top down.

    Less the mean of what data and samples get on average: losses differ in scale and some critics have no zero, but
    above 0 is always nearer to data. None for a critic that sees its batch as a whole, or takes labels:
    it has no opinion of one place.
    """
    if model.critic_mixes_samples or model.critic_takes_labels:
        return None
    x = ((torch.arange(CELLS) + 0.5) / CELLS * 2 - 1) * LIMIT
    places = torch.stack([x.repeat(CELLS), x.flip(0).repeat_interleave(CELLS)], dim=1)
    parts = [part for part in (places, samples, data) if len(part)]
    points = torch.cat(parts).view(-1, *model.image_shape)
    with evaluating(model):
        outputs: Tensor = model.critic_on(points.to(model.device, model.dtype)).float().cpu()
    values, *known = outputs.split_with_sizes([len(part) for part in parts])
    return (values - torch.stack([value.mean() for value in known]).mean()).view(CELLS, CELLS)


def scatter_picture(samples: Tensor, data: Tensor, surface: Tensor | None) -> Image.Image:
    """Draw samples [N, 2] as orange dots, over data [M, 2] as grey ones, over the critic's surface in blue and red."""
    pixels = np.full((SIDE, SIDE, 3), WHITE, np.uint8) if surface is None else heat_map(surface)
    stamp(pixels, data, 1.5, DATA)
    stamp(pixels, samples, 2.5, OUTLINE)
    stamp(pixels, samples, 1.5, SAMPLE)
    return Image.fromarray(pixels)


def heat_map(surface: Tensor) -> np.ndarray:
    """Colour values [H, W] as uint8 [SIDE, SIDE, 3]: white at 0, full colour for the farthest tenth."""
    values = np.nan_to_num(surface.numpy().astype(np.float32), posinf=0, neginf=0)
    values /= max(float(np.quantile(np.abs(values), 0.9)), 1e-12)
    smooth = np.asarray(Image.fromarray(values).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    scale = np.array([BLUE, WHITE, RED], np.float32)
    return np.stack([np.interp(smooth, [-1, 0, 1], colour) for colour in scale.T], axis=2).round().astype(np.uint8)


def pixel(points: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns, int [N], of points [N, 2]; those outside of the picture are left out."""
    inside = points[(points.abs() < LIMIT).all(dim=1)].double().numpy()
    column, row = ((sign * inside[:, axis] / LIMIT + 1) * (SIDE / 2) for axis, sign in ((0, 1), (1, -1)))
    return np.floor(row).astype(int).clip(0, SIDE - 1), np.floor(column).astype(int).clip(0, SIDE - 1)


def stamp(pixels: np.ndarray, points: Tensor, radius: float, colour: tuple[int, int, int]) -> None:
    """Draw a disk of that radius, in pixels, at every point, into uint8 [SIDE, SIDE, 3]."""
    reach = np.arange(-math.ceil(radius), math.ceil(radius) + 1)
    down, right = (offset[np.add.outer(reach**2, reach**2) <= radius**2] for offset in np.meshgrid(reach, reach))
    row, column = pixel(points)
    rows, columns = np.add.outer(row, down).ravel(), np.add.outer(column, right).ravel()
    within = (rows >= 0) & (rows < SIDE) & (columns >= 0) & (columns < SIDE)
    pixels[rows[within], columns[within]] = colour

"""Pictures of what the generator makes of the same latents, as training goes on."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from PIL import Image
from torch import Tensor
from torchvision.utils import make_grid

from zoo.loop import AdversarialLoop


def to_bytes(images: Tensor) -> Tensor:
    """Images in [-1, 1] as uint8 0..255 on the CPU, whatever their shape."""
    return ((images.float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def from_bytes(images: Tensor) -> Tensor:
    """uint8 0..255 as floats in [-1, 1]; floats are that already."""
    return images if images.is_floating_point() else images.float() / 127.5 - 1


def are_pictures(images: Tensor) -> bool:
    """Whether images [N, C, H, W] are grey or RGB; points, for one, are not."""
    return images.shape[1] in (1, 3)


def grid_picture(images: Tensor, columns: int | None = None, tile: int = 32) -> Image.Image:
    """Images [N, C, H, W] in [-1, 1] (C 1 or 3) as one picture, row by row, on a near-square grid.

    Small images are enlarged by whole numbers, without blurring, until a side has at least `tile` pixels.
    """
    images = to_bytes(images)
    scale = math.ceil(tile / min(images.shape[-2:]))
    images = images.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1)
    grid = make_grid(images, nrow=columns or math.ceil(math.sqrt(len(images))), padding=2, pad_value=32)
    return Image.fromarray(grid.permute(1, 2, 0).numpy())


class ImageGrid(Callback):
    """Draws a grid of samples every k steps: as PNG, and to Weights & Biases and TensorBoard at x = global_step.

    Does nothing for models of points.

    PNG files go to `samples/` under the trainer's default_root_dir; at the end of `fit` a GIF shows them in order.
    `test` draws one grid, beside one of real images.

    Args:
        every_n_steps: steps between pictures; the first step and the last are drawn too.
        num_images: how many samples; their latents never change.
        gif: write `training.gif` at the end.
        seed: of the latents.
    """

    def __init__(self, every_n_steps: int = 500, num_images: int = 64, gif: bool = True, seed: int = 0) -> None:
        if every_n_steps < 1 or num_images < 1:
            raise ValueError(f"every_n_steps and num_images must be at least 1, got {every_n_steps} and {num_images}")
        self.every_n_steps, self.num_images, self.gif, self.seed = every_n_steps, num_images, gif, seed
        self.drawn_step = -1
        self.drawn: list[Path] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets the pictures of an earlier run."""
        self.drawn_step, self.drawn = -1, []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draws when the step is due."""
        step = trainer.global_step
        if step % self.every_n_steps == 0 or step == 1:
            self.draw(trainer, pl_module, f"step_{step:07d}", step)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the tested generator, and real images to hold beside it."""
        step: Any = pl_module.trained_steps
        self.draw(trainer, pl_module, "test", step)
        splits = getattr(trainer.datamodule, "splits", {})  # type: ignore[attr-defined]
        if trainer.is_global_zero and "test" in splits:
            real = from_bytes(splits["test"].images[: self.num_images])
            if are_pictures(real):
                grid_picture(real).save(samples_folder(trainer) / "real.png")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draws the last step, whatever ended the training, and strings the pictures together."""
        if self.drawn_step != (step := trainer.global_step):
            self.draw(trainer, pl_module, f"step_{step:07d}", step)
        assert isinstance(pl_module, AdversarialLoop)
        draws = are_pictures(torch.empty(1, *pl_module.image_shape))
        if self.gif and draws and trainer.is_global_zero and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            write_gif(self.drawn, samples_folder(trainer) / "training.gif")

    def draw(self, trainer: Trainer, pl_module: LightningModule, name: str, step: int) -> None:
        """One grid to every place; only rank 0 draws."""
        if not trainer.is_global_zero:
            return
        assert isinstance(pl_module, AdversarialLoop)
        self.drawn_step = step
        images = pl_module.sample(self.num_images, torch.Generator().manual_seed(self.seed))
        if not are_pictures(images):
            return
        picture = grid_picture(images)
        picture.save(file := samples_folder(trainer) / f"{name}.png")
        self.drawn.append(file)
        for logger in trainer.loggers:
            if isinstance(logger, WandbLogger):
                logger.log_image("samples", [picture], step=step, caption=[f"step {step}"])
            elif isinstance(logger, TensorBoardLogger):
                logger.experiment.add_image("samples", np.array(picture), step, dataformats="HWC")


def samples_folder(trainer: Trainer) -> Path:
    """Where the pictures of this run go; made if needed."""
    folder = Path(trainer.default_root_dir) / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_gif(files: Sequence[Path], path: Path, max_frames: int = 50, max_width: int = 300) -> None:
    """Pictures as one that moves: at most `max_frames` of them, evenly chosen, the last one held longer."""
    if len(files) < 2:
        return
    count = min(len(files), max_frames)
    chosen = [files[round(i * (len(files) - 1) / (count - 1))] for i in range(count)]
    frames = []
    for file in chosen:
        with Image.open(file) as picture:
            width = min(max_width, picture.width)
            size = (width, round(width * picture.height / picture.width))
            frames.append(picture.resize(size, Image.Resampling.BOX).quantize(32))
    durations = [120] * (len(frames) - 1) + [2000]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True)

"""Samples as files."""

from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from PIL import Image

from callbacks.pictures.image_grid import are_pictures
from zoo.hub.pictures import grid_picture, to_bytes


class SampleWriter(Callback):
    """Write every sample of `predict` as `predictions/00000.png` ..., and the first of them as `grid.png`.

    What is no picture, as points, becomes a line of `points.csv`: the sample's number, then its values; of
    `points-1.csv` on the second process, and so on.

    Args:
        grid_images: how many samples the grid shows.
    """

    def __init__(self, grid_images: int = 64) -> None:
        if grid_images < 1:
            raise ValueError(f"grid_images must be at least 1, got {grid_images}")
        self.grid_images = grid_images
        self.first: list[torch.Tensor] = []
        self.written = 0  # of latents, by this process

    def is_needed(self, model: LightningModule, command: str) -> bool:
        """Return whether there are samples to write: in `predict` alone."""
        return command == "predict"

    def folder(self, trainer: Trainer) -> Path:
        """Return `predictions/` under the trainer's default_root_dir; make it if needed."""
        folder = Path(trainer.default_root_dir) / "predictions"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Clear away the samples of an earlier prediction: this one may make fewer."""
        self.written = 0
        if trainer.is_global_zero:
            for pattern in ("[0-9]*.png", "points*.csv"):
                for file in self.folder(trainer).glob(pattern):
                    file.unlink()
        trainer.strategy.barrier()

    def on_predict_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Write one file, or line, for each sample, named by its number; latents are numbered as they come."""
        numbers = self.numbers(trainer, batch, len(outputs))
        if not are_pictures(outputs):
            name = f"points-{trainer.global_rank}.csv" if trainer.global_rank else "points.csv"
            lines = zip(numbers, outputs.cpu().double().flatten(1).tolist(), strict=True)
            with (self.folder(trainer) / name).open("a") as file:
                file.writelines(f"{number},{','.join(f'{x:.9g}' for x in values)}\n" for number, values in lines)
            return
        for number, image in zip(numbers, outputs, strict=True):
            pixels = to_bytes(image).permute(1, 2, 0).squeeze(2).numpy()  # grey stays grey
            Image.fromarray(pixels).save(self.folder(trainer) / f"{number:05d}.png")
        if sum(map(len, self.first)) < self.grid_images:
            self.first.append(outputs.cpu())

    def numbers(self, trainer: Trainer, batch: Any, count: int) -> list[int]:
        """Return the numbers of a batch's samples: those it holds, else the next ones of this process."""
        given = batch[0] if isinstance(batch, list | tuple) else batch
        if not given.is_floating_point():
            return [int(number) for number in given]
        first, self.written = self.written, self.written + count
        return [trainer.global_rank + trainer.world_size * number for number in range(first, first + count)]

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the grid."""
        if trainer.is_global_zero and self.first:
            grid_picture(torch.cat(self.first)[: self.grid_images]).save(self.folder(trainer) / "grid.png")
        self.first = []

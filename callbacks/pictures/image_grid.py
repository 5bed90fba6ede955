"""Grids of what the generator makes of the same latents, as training goes on."""

from typing import Literal

import torch
from lightning.pytorch import Trainer
from PIL import Image
from torch import Tensor

from callbacks.pictures.pictures import Pictures, samples_folder, write_picture
from zoo.engine.module import AdversarialModule
from zoo.engine.sampler import evaluating
from zoo.hub.pictures import grid_picture


def from_bytes(images: Tensor) -> Tensor:
    """Convert uint8 0..255 to floats in [-1, 1]; leave floats as they are."""
    return images if images.is_floating_point() else images.float() / 127.5 - 1


def are_pictures(images: Tensor) -> bool:
    """Return whether images [N, C, H, W] are grey or RGB; points, for one, are not."""
    return images.shape[1] in (1, 3)


class ImageGrid(Pictures):
    """Draw a grid of samples every k steps; `test` draws one beside one of real images. Nothing for models of points.

    Args:
        every_n_steps: see Pictures.
        num_images: how many samples.
        gif: see Pictures.
        seed: see Pictures.
        rescale: `fixed` shows [-1, 1]; `minmax` stretches the darkest and the brightest pixel of the whole grid to
            black and white, as MATLAB's system does, which hides how far samples are from the data's range.
    """

    def __init__(
        self,
        every_n_steps: int = 500,
        num_images: int = 64,
        gif: bool = True,
        seed: int = 0,
        rescale: Literal["fixed", "minmax"] = "fixed",
    ) -> None:
        super().__init__(every_n_steps, gif, seed)
        if num_images < 1:
            raise ValueError(f"num_images must be at least 1, got {num_images}")
        if rescale not in ("fixed", "minmax"):
            raise ValueError(f"rescale must be fixed or minmax, got {rescale!r}")
        self.num_images, self.rescale = num_images, rescale

    def draws(self, model: AdversarialModule) -> bool:
        """Return whether the model makes pictures."""
        return are_pictures(torch.empty(1, *model.image_shape))

    def picture(self, trainer: Trainer, model: AdversarialModule) -> Image.Image:
        """Draw samples on a grid."""
        images = model.sample(self.num_images, self.latents_seed())
        if self.rescale == "minmax":
            low, high = images.aminmax()
            images = (images - low) / (high - low).clamp(min=1e-12) * 2 - 1
        return grid_picture(images)

    def on_test_end(self, trainer: Trainer, pl_module: AdversarialModule) -> None:
        """Draw the tested generator, and real images to hold beside it."""
        super().on_test_end(trainer, pl_module)
        splits = getattr(trainer.datamodule, "splits", {})  # type: ignore[attr-defined]
        if trainer.is_global_zero and "test" in splits:
            real = from_bytes(splits["test"].images[: self.num_images])
            if are_pictures(real):
                write_picture(grid_picture(real), samples_folder(trainer) / "real.png")


class LabelGrid(Pictures):
    """Draw what each label makes, a row each: classes, mixture components, codes, experts. Nothing without labels.

    Args:
        every_n_steps: see Pictures.
        num_images: samples in a row; a column has the same noise.
        gif: see Pictures.
        seed: see Pictures.
    """

    prefix, title = "labels_", "labels"

    def __init__(self, every_n_steps: int = 5000, num_images: int = 10, gif: bool = False, seed: int = 0) -> None:
        super().__init__(every_n_steps, gif, seed)
        if num_images < 1:
            raise ValueError(f"num_images must be at least 1, got {num_images}")
        self.num_images = num_images

    def draws(self, model: AdversarialModule) -> bool:
        """Return whether the model makes pictures and has labels."""
        return bool(model.prior.num_labels) and are_pictures(torch.empty(1, *model.image_shape))

    def picture(self, trainer: Trainer, model: AdversarialModule) -> Image.Image:
        """Draw a row for each label."""
        sampler = model.trained_sampler
        labels = torch.arange(model.prior.num_labels or 0, device=model.device).repeat_interleave(self.num_images)
        with torch.no_grad(), evaluating(sampler):
            latents = sampler.prior(len(labels), self.latents_seed(), labels)
            # row by row: all at once would be the largest batch of the whole run
            rows = [latents.rows(row) for row in torch.arange(len(labels)).split(self.num_images)]
            images = torch.cat([sampler.generate(row) for row in rows])
        return grid_picture(images, columns=self.num_images)

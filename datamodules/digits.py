"""Handwritten digits, 1,797 images of 8x8, that ship with scikit-learn (UCI, Alpaydin and Kaynak 1998). No download."""

from typing import Any

import torch
from torch.nn.functional import interpolate

from datamodules.batches import Images
from datamodules.images import ImageDataModule
from datamodules.splits import held_out


class DigitsDataModule(ImageDataModule):
    """scikit-learn's digits, grey, resized bilinearly to `image_size`: 1,257 train, 180 val, 360 test, always the same.

    Args:
        image_size: height and width; the originals have 8.
        **kwargs: see ImageDataModule; `data_dir` is not used.
    """

    scorer = "digits"
    num_classes = 10

    def __init__(self, image_size: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if image_size < 1:
            raise ValueError(f"image_size must be at least 1, got {image_size}")
        self.image_size = image_size

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (1, image_size, image_size)."""
        return 1, self.image_size, self.image_size

    def load(self) -> dict[str, Images]:
        """Read the installed copy; scale grey levels 0..16 to 0..255."""
        from sklearn.datasets import load_digits  # costs a second: needed only by those who use it

        digits = load_digits()
        images = torch.from_numpy(digits.images).float().unsqueeze(1) * (255 / 16)
        if self.image_size != 8:
            images = interpolate(images, size=self.image_size, mode="bilinear", antialias=True)
        data = Images(images.round().clamp(0, 255).to(torch.uint8), torch.from_numpy(digits.target).long())
        return held_out(data, val=180, test=360)

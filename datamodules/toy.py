"""Points in the plane around known centres: what a model drops or invents can be counted and seen."""

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from datamodules.batches import Images
from datamodules.images import ImageDataModule
from zoo.engine.randomness import seeded

Kind = Literal["unimodal", "bimodal", "ring", "grid"]

#: Ring and grid are published at radius 2 and from -4 to 4; this puts them into the range of a tanh, at most 0.8.
RING_SCALE, GRID_SCALE = 0.4, 0.2


class ToyDataModule(ImageDataModule):
    """Equal numbers of points from round Gaussians, as "images" of shape (2, 1, 1); labels are the Gaussians' numbers.

    - `unimodal`, `bimodal`: DeLiGAN's toy data (arXiv:1706.02071, Section 5.2; dg_toy.py): one Gaussian with std 0.3 at
      the origin; two with std 0.15 at (0.6, 0.6) and (-0.6, -0.6).
    - `ring`: 8 Gaussians with std 0.02 on a circle of radius 2 (Unrolled GAN, arXiv:1611.02163), times 0.4.
    - `grid`: 5 x 5 Gaussians with std 0.05, 2 apart (VEEGAN, arXiv:1705.07761), times 0.2.

    Points are float, not clipped: a few of the first two lie outside of [-1, 1]. `train`, `val` and `test` are separate
    draws of the same size. Mirroring (`flip`) does nothing to an image one pixel wide.

    Attributes:
        centres: of the Gaussians, float [modes, 2].
        std: of each coordinate, the same for all of them.

    Args:
        kind: which Gaussians.
        points: how many points, in each split; counts of the modes differ by one at most.
        seed: of the points; the run's own seed does not change them.
        batch_size: points per critic update and process.
        **kwargs: see ImageDataModule; `data_dir` is not used.
    """

    def __init__(
        self, kind: Kind = "bimodal", points: int = 400, seed: int = 0, batch_size: int = 50, **kwargs: Any
    ) -> None:
        super().__init__(batch_size=batch_size, **kwargs)
        if kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}; got {kind!r}")
        self.kind, self.points, self.seed = kind, points, seed
        self.centres, self.std = gaussians(kind)
        self.num_classes = len(self.centres)
        if points < self.num_classes:
            raise ValueError(f"points must be at least {self.num_classes}, one for each mode, got {points}")
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (2, 1, 1)."""
        return 2, 1, 1

    def load(self) -> dict[str, Images]:
        """Draw the points."""
        return {name: self.draw(name) for name in ("train", "val", "test")}

    def draw(self, split: str) -> Images:
        """Draw the points of one split, mode by mode."""
        labels = torch.arange(self.points) * len(self.centres) // self.points
        noise = torch.randn(self.points, 2, generator=seeded(f"toy {self.kind} {split}", self.seed))
        return Images((self.centres[labels] + self.std * noise).view(-1, 2, 1, 1), labels)


def gaussians(kind: Kind) -> tuple[Tensor, float]:
    """Return the centres, float [modes, 2], and the standard deviation of each coordinate."""
    if kind == "unimodal":
        return torch.zeros(1, 2), 0.3
    if kind == "bimodal":
        return torch.tensor([[0.6, 0.6], [-0.6, -0.6]]), 0.15
    if kind == "ring":
        angle = torch.arange(8) * (math.pi / 4)
        return 2 * RING_SCALE * torch.stack([angle.cos(), angle.sin()], dim=1), 0.02 * RING_SCALE
    step = torch.arange(-2, 3) * (2 * GRID_SCALE)
    return torch.cartesian_prod(step, step), 0.05 * GRID_SCALE

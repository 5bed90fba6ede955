"""Changes that ADA draws for each image: geometry as one matrix, colour as another. arXiv:2006.06676, Appendix B."""

from collections.abc import Sequence
from math import pi

import torch
from torch import Tensor

from zoo.augmentations.resample import rotation, scaling, translation

GEOMETRY = ("xflip", "rotate90", "xint", "scale", "rotate", "aniso", "xfrac")
COLOR = ("brightness", "contrast", "lumaflip", "hue", "saturation")


class Draws:
    """Random numbers for each of N images, and gates that let a change through with probability p.

    Args:
        images: whose number, dtype and device the draws have.
        p: probability of each change, a scalar.
    """

    def __init__(self, images: Tensor, p: Tensor) -> None:
        self.images, self.p = images, p.to(images.dtype)

    def uniform(self, *shape: int) -> Tensor:
        """Return numbers in [0, 1), [N, *shape]."""
        return torch.rand(len(self.images), *shape, dtype=self.images.dtype, device=self.images.device)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers, [N, *shape]."""
        return torch.randn(len(self.images), *shape, dtype=self.images.dtype, device=self.images.device)

    def gate(self, values: Tensor, neutral: float = 0.0, p: Tensor | None = None) -> Tensor:
        """Return `values`, [N] or [N, 2], where one more draw for each image is below p, else `neutral`."""
        open_ = self.uniform(*[1] * (values.dim() - 1)) < (self.p if p is None else p)
        return torch.where(open_, values, neutral)


def draw_geometry(draws: Draws, names: Sequence[str]) -> Tensor:
    """Draw the changes `names` of GEOMETRY; return the map from changed to given points, [N, 3, 3] in pixels."""
    return draw_blits(draws, names) @ draw_warps(draws, names)


def draw_blits(draws: Draws, names: Sequence[str]) -> Tensor:
    """Draw what moves pixels onto pixels; see `draw_geometry`."""
    height, width = draws.images.shape[2:]
    inverse = torch.eye(3, dtype=draws.images.dtype, device=draws.images.device).expand(len(draws.images), 3, 3)
    if "xflip" in names:
        sign = 1 - 2 * draws.gate((2 * draws.uniform()).floor())
        inverse = inverse @ scaling(sign, torch.ones_like(sign))
    if "rotate90" in names:
        inverse = inverse @ rotation(draws.gate((4 * draws.uniform()).floor()) * (pi / 2))
    if "xint" in names:
        x, y = draws.gate((2 * draws.uniform(2) - 1) * 0.125).unbind(1)
        inverse = inverse @ translation(-(x * width).round(), -(y * height).round())
    return inverse


def draw_warps(draws: Draws, names: Sequence[str]) -> Tensor:
    """Draw what needs pixels in between; see `draw_geometry`."""
    height, width = draws.images.shape[2:]
    inverse = torch.eye(3, dtype=draws.images.dtype, device=draws.images.device).expand(len(draws.images), 3, 3)
    rotate = 1 - (1 - draws.p).clamp(0, 1).sqrt()  # twice: once at least with probability p
    if "scale" in names:
        size = draws.gate(2 ** (0.2 * draws.normal()), 1.0)
        inverse = inverse @ scaling(1 / size, 1 / size)
    if "rotate" in names:
        inverse = inverse @ rotation(draws.gate((2 * draws.uniform() - 1) * pi, p=rotate))
    if "aniso" in names:
        size = draws.gate(2 ** (0.2 * draws.normal()), 1.0)
        inverse = inverse @ scaling(1 / size, size)
    if "rotate" in names:
        inverse = inverse @ rotation(draws.gate((2 * draws.uniform() - 1) * pi, p=rotate))
    if "xfrac" in names:
        x, y = draws.gate(0.125 * draws.normal(2)).unbind(1)
        inverse = inverse @ translation(-x * width, -y * height)
    return inverse


def draw_color(draws: Draws, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Draw the changes `names` of COLOR; return the matrix [N, 3, 3] and the offset [N, 3, 1] of (red, green, blue).

    The last two need colour: on images of one channel they are not drawn.
    """
    n, channels = draws.images.shape[:2]
    eye = torch.eye(3, dtype=draws.images.dtype, device=draws.images.device)
    luma = torch.full_like(eye, 1 / 3)  # projects on the grey axis (1, 1, 1) / sqrt 3
    matrix, offset = eye.expand(n, 3, 3), torch.zeros_like(eye[:, :1]).expand(n, 3, 1)
    if "brightness" in names:
        offset = offset + draws.gate(0.2 * draws.normal())[:, None, None]
    if "contrast" in names:
        factor = draws.gate(2 ** (0.5 * draws.normal()), 1.0)[:, None, None]
        matrix, offset = factor * matrix, factor * offset
    if "lumaflip" in names:
        flip = eye - 2 * luma * draws.gate((2 * draws.uniform(1, 1)).floor())
        matrix, offset = flip @ matrix, flip @ offset
    if "hue" in names and channels > 1:
        angle = draws.gate((2 * draws.uniform() - 1) * pi)[:, None, None]
        cross = (eye.roll(1, 0) - eye.roll(-1, 0)) / 3**0.5  # the product with the grey axis
        turn = luma + angle.cos() * (eye - luma) + angle.sin() * cross
        matrix, offset = turn @ matrix, turn @ offset
    if "saturation" in names and channels > 1:
        factor = draws.gate(2 ** draws.normal(1, 1), 1.0)
        change = luma + factor * (eye - luma)
        matrix, offset = change @ matrix, change @ offset
    return matrix, offset


def recolor(images: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Return matrix @ colour + offset for each pixel; grey images take the mean of the three rows."""
    n, channels = images.shape[:2]
    if channels == 3:
        return (matrix @ images.flatten(2) + offset).view(images.shape)
    factor, offset = matrix.mean(1).sum(1), offset.mean(1)
    return images * factor.view(n, 1, 1, 1) + offset.view(n, 1, 1, 1)

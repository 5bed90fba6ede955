"""Geometry for ADA: bilinear sampling that can be differentiated twice, and affine maps through a wavelet's filter."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, pad

# sym6's low-pass filter, which adds to 1: its even shifts are orthogonal, so that twice up and down is the identity
SYM6 = (
    *(0.0154041093270274, 0.0034907120842174, -0.1179901111484105, -0.0483117425859981, 0.4910559419276396),
    *(0.7876411410287941, 0.3379294217282401, -0.0726375227866000, -0.0210602925126954, 0.0447249017707482),
    *(0.0017677118643983, -0.0078007083247650),
)


class _Sample(torch.autograd.Function):
    """grid_sample, bilinear, zeros outside. Linear in the images, so its derivative is the same map transposed."""

    @staticmethod
    def forward(images: Tensor, grid: Tensor) -> Tensor:
        return grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        images, grid = inputs
        ctx.save_for_backward(grid)
        ctx.size = images.shape[2:]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Scatter.apply(gradients[0], grid, ctx.size), None


class _Scatter(torch.autograd.Function):
    """The transposed map: each value is added to the pixels that it was read from. Its derivative is `_Sample`."""

    @staticmethod
    def forward(values: Tensor, grid: Tensor, size: torch.Size) -> Tensor:
        empty = values.new_empty(1).expand(*values.shape[:2], *size)  # only its shape is looked at
        images: Tensor
        images, _ = torch.ops.aten.grid_sampler_2d_backward(values, empty, grid, 0, 0, False, [True, False])
        return images

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, torch.Size], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(gradients[0], grid), None, None


def sample_bilinear(images: Tensor, grid: Tensor) -> Tensor:
    """Return grid_sample(images, grid), zeros outside, align_corners=False, differentiable any number of times.

    torch's own has no second derivative. No gradient flows into `grid`, [N, H', W', 2] in [-1, 1].
    """
    sampled: Tensor = _Sample.apply(images, grid)
    return sampled


def double(images: Tensor, taps: Tensor) -> Tensor:
    """Return images of twice the sides, smoothed by `taps` [12]: pixel k has 2 taps[k + 5 - 2 i] of pixel i."""
    rows, columns = (filter_matrix(2 * taps, 2 * side, side, 5) for side in images.shape[2:])
    return rows @ images @ columns.T


def halve(images: Tensor, taps: Tensor) -> Tensor:
    """Return every second pixel of the images smoothed by the filter turned round; 5 of them go at each border."""
    rows, columns = (filter_matrix(taps, side, side // 2 - 5, 0) for side in images.shape[2:])
    return rows.T @ images @ columns


def filter_matrix(taps: Tensor, large: int, small: int, shift: int) -> Tensor:
    """Return [large, small] with taps[k + shift - 2 i] at (k, i). Its product is a tenth of a convolution's time."""
    k, i = torch.arange(large, device=taps.device)[:, None], torch.arange(small, device=taps.device)
    tap = k + shift - 2 * i
    return torch.where((tap >= 0) & (tap < len(taps)), taps[tap.clamp(0, len(taps) - 1)], 0)


def translation(x: Tensor, y: Tensor) -> Tensor:
    """Return matrices [N, 3, 3] that move points (x, y, 1) by (x, y), each [N]."""
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return _matrix([one, zero, x, zero, one, y, zero, zero, one])


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Return matrices [N, 3, 3] that multiply points by (x, y), each [N]."""
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return _matrix([x, zero, zero, zero, y, zero, zero, zero, one])


def rotation(angle: Tensor) -> Tensor:
    """Return matrices [N, 3, 3] that turn points by `angle` [N], from x to y."""
    cos, sin, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    return _matrix([cos, -sin, zero, sin, cos, zero, zero, zero, one])


def _matrix(entries: list[Tensor]) -> Tensor:
    return torch.stack(entries, -1).view(-1, 3, 3)


def warp(images: Tensor, inverse: Tensor) -> Tensor:
    """Return images whose pixel at p is the image's at inverse @ p, without aliasing. arXiv:2006.06676, Appendix B.1.

    Beyond the border the image is reflected once; zeros are beyond that.

    Args:
        images: [N, C, H, W].
        inverse: [N, 3, 3], in pixels from the image's centre, x before y.
    """
    height, width = images.shape[2:]
    taps = images.new_tensor(SYM6)
    taps = taps / taps.sum()
    left, right, top, bottom = margins(inverse, height, width, room=len(SYM6) // 2)
    images = double(pad(images, (left, right, top, bottom), "reflect"), taps)

    def move(x: float, y: float) -> Tensor:
        return translation(*(inverse.new_tensor([value]) for value in (x, y)))

    def scale(x: float, y: float) -> Tensor:
        return scaling(*(inverse.new_tensor([value]) for value in (x, y)))

    inverse = move((left - right) / 2, (top - bottom) / 2) @ inverse  # from the centre of the padded image
    inverse = scale(2, 2) @ inverse @ scale(0.5, 0.5)
    inverse = move(-0.5, -0.5) @ inverse @ move(0.5, 0.5)  # doubling moved the image by half a pixel
    rows, columns = 2 * (height + 6), 2 * (width + 6)
    relative = scale(2 / images.shape[3], 2 / images.shape[2]) @ inverse @ scale(columns / 2, rows / 2)
    grid = affine_grid(relative[:, :2], [len(images), images.shape[1], rows, columns], align_corners=False)
    sampled = sample_bilinear(images, grid.to(images.dtype))
    return halve(sampled[:, :, 1:-1, 1:-1], taps)


def margins(inverse: Tensor, height: int, width: int, *, room: int) -> list[int]:
    """Return how many pixels left, right, top and bottom are needed, for all images of the batch alike.

    The corners' overshoot and `room` for the filter, at most the side less 1, which is all that reflection can give.
    """
    x, y = (width - 1) / 2, (height - 1) / 2
    corners = inverse.new_tensor([[-x, -y, 1], [x, -y, 1], [x, y, 1], [-x, y, 1]]).T
    reached = (inverse @ corners)[:, :2].transpose(0, 1).flatten(1)  # [2, 4 N]
    over = torch.stack([-reached.amin(1), reached.amax(1)], 1) + room - inverse.new_tensor([[x], [y]])
    most = inverse.new_tensor([[width - 1], [height - 1]])
    return [int(each) for each in over.clamp(min=0).minimum(most).ceil().flatten().tolist()]

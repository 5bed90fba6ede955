"""Doubling and halving by the filter [1, 3, 3, 1], whose images have no pattern of the grid (arXiv:1912.04958)."""

import torch
from torch import Tensor, nn

from zoo.networks.twice import conv2d_twice, filter_transposed


def blur_kernel() -> Tensor:
    """Return the outer product of [1, 3, 3, 1] / 8 with itself, [1, 1, 4, 4]; its sum is 1."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    return torch.outer(taps, taps)[None, None]


def blurred(features: Tensor, kernel: Tensor, *, stride: int = 1, padding: int = 1, gain: float = 1.0) -> Tensor:
    """Filter each channel of features [N, C, H, W] by `gain` times the kernel [1, 1, 4, 4], with zeros around."""
    per_channel = (gain * kernel).expand(features.shape[1], -1, -1, -1)
    return conv2d_twice(features, per_channel, stride=stride, padding=padding)


def doubled(features: Tensor, kernel: Tensor) -> Tensor:
    """Put a zero behind each pixel and row, filter, and multiply by 4: [N, C, H, W] to [N, C, 2 H, 2 W]."""
    per_channel = (4 * kernel).expand(features.shape[1], -1, -1, -1)
    return filter_transposed(features, per_channel, stride=2, padding=1)


class Filter(nn.Module):
    """Base of layers with the filter, which is a buffer, but no part of the state dict."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel(), persistent=False)


class Upsample(Filter):
    """Double the sides."""

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C, 2 H, 2 W]."""
        return doubled(features, self.kernel)


class Downsample(Filter):
    """Halve the sides: filter, and keep every second pixel and row."""

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C, H / 2, W / 2], for even H and W."""
        return blurred(features, self.kernel, stride=2)

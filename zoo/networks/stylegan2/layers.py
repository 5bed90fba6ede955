"""StyleGAN2's layers (arXiv:1912.04958): weights of unit variance that are scaled as they are used, and modulated ones.

Shapes: features [N, C, H, W]; w and styles [N, D].
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu, linear

from zoo.networks.resampling import Filter, blurred
from zoo.networks.twice import conv2d_twice

SLOPE, GAIN = 0.2, sqrt(2)


def activate(features: Tensor, gain: float = GAIN) -> Tensor:
    """Return gain times the leaky ReLU. The authors' code clamps it at 256, for float16, which is not used here."""
    return gain * leaky_relu(features, SLOPE)


class ScaledLinear(nn.Module):
    """A linear layer whose weights are N(0, 1) / lr_mult, times lr_mult / sqrt(inputs): all learn at one rate.

    Args:
        inputs: D.
        outputs: their number.
        lr_mult: of the layer's learning rate.
        bias: where the bias starts.
        active: whether the leaky ReLU times sqrt 2 follows.
    """

    def __init__(
        self, inputs: int, outputs: int, *, lr_mult: float = 1.0, bias: float = 0.0, active: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_mult)
        self.bias = nn.Parameter(torch.full((outputs,), bias))
        self.scale, self.lr_mult, self.active = lr_mult / sqrt(inputs), lr_mult, active

    def forward(self, values: Tensor) -> Tensor:
        """Map [N, inputs] to [N, outputs]."""
        outputs = linear(values, self.weight * self.scale, self.bias * self.lr_mult)
        return GAIN * leaky_relu(outputs, SLOPE) if self.active else outputs


class ScaledConv2d(Filter):
    """A convolution that keeps the sides or halves them, with weights N(0, 1) / sqrt(fan-in); then the activation.

    Halving begins with the filter [1, 3, 3, 1]; a 1x1 then sees every second pixel, a 3x3 has stride 2.

    Args:
        inputs: channels.
        outputs: channels.
        kernel_size: 1 or 3.
        down: whether it halves the sides.
        gain: of the output, beside the activation's sqrt 2.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int, *, down: bool = False, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.scale, self.down, self.gain = 1 / sqrt(inputs * kernel_size**2), down, gain

    def convolve(self, features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, H, W], or half of the sides."""
        is_3x3 = weight.shape[-1] == 3
        if not self.down:
            return conv2d_twice(features, weight, bias, padding=1 if is_3x3 else 0)
        if is_3x3:
            return conv2d_twice(blurred(features, self.kernel, padding=2), weight, bias, stride=2)
        return conv2d_twice(blurred(features, self.kernel, stride=2), weight, bias)

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, H, W], or half of the sides."""
        outputs = self.convolve(features, self.weight * self.scale, self.bias)
        return activate(outputs, GAIN * self.gain)


class Shortcut(ScaledConv2d):
    """A 1x1 without bias and activation, on half of the sides."""

    def __init__(self, inputs: int, outputs: int, *, gain: float = 1.0) -> None:
        super().__init__(inputs, outputs, 1, down=True, gain=gain)
        del self.bias

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, H / 2, W / 2]."""
        return self.convolve(features, self.weight * (self.scale * self.gain), None)


def modulated_conv(features: Tensor, weight: Tensor, styles: Tensor, kernel: Tensor | None = None) -> Tensor:
    """Convolve each sample with weights of its own: `weight` times its styles.

    The styles scale the inputs, so that all samples share one convolution. Doubling is a transposed convolution of
    stride 2, then the filter: the other order differs at the border.

    Args:
        features: [N, C, H, W].
        weight: [O, C, k, k], k 1 or 3.
        styles: [N, C].
        kernel: the filter [1, 1, 4, 4], which doubles the sides; None keeps them.

    Returns:
        [N, O, H, W], or [N, O, 2 H, 2 W].
    """
    hidden = features * styles[:, :, None, None]
    if kernel is None:
        return conv2d(hidden, weight, padding=weight.shape[-1] // 2)
    return blurred(conv_transpose2d(hidden, weight.transpose(0, 1), stride=2), kernel, gain=4)


def demodulation(weight: Tensor, styles: Tensor) -> Tensor:
    """Return what makes each sample's weights of unit norm again, for each output: [N, O].

    With `modulated_conv`, it equals the convolution with weights of each sample's own (Equations 1 and 3).
    """
    return (styles.square() @ weight.square().sum((2, 3)).T + 1e-8).rsqrt()

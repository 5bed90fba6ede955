"""Convolutions that are differentiated twice, as penalties on gradients do, at the cost of a few convolutions.

torch's own second derivative makes one convolution for each group, hundreds for a filter of each channel, and turns
batches and channels round. Here the gradient is itself written as a convolution, of which torch needs the first
derivative alone. Values and first gradients are torch's.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d
from torch.nn.grad import conv2d_weight

from zoo.engine.images_alone import images_alone


class Conv2d(nn.Conv2d):
    """torch's, for square kernels, strides and padding with zeros."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map [N, C, H, W] to [N, O, ...]."""
        return conv2d_twice(input, self.weight, self.bias, stride=self.stride[0], padding=int(self.padding[0]))


def conv2d_twice(
    images: Tensor, weight: Tensor, bias: Tensor | None = None, *, stride: int = 1, padding: int = 0
) -> Tensor:
    """Compute torch's conv2d; as many groups as the channels of the images divided by those of the weight.

    Args:
        images: [N, C, H, W].
        weight: [O, C / groups, k, k].
        bias: [O].
        stride: of rows and columns.
        padding: zeros on each side.
    """
    groups = images.shape[1] // weight.shape[1]
    if torch.compiler.is_compiling():  # the compiler has derivatives of its own
        return conv2d(images, weight, bias, stride, padding, groups=groups)
    images, weight, bias = (
        in_autocast_dtype(images),
        in_autocast_dtype(weight),
        None if bias is None else in_autocast_dtype(bias),
    )
    outputs: Tensor = _Conv2d.apply(images, weight, bias, stride, padding, groups)
    return outputs


def filter_transposed(images: Tensor, weight: Tensor, *, stride: int, padding: int) -> Tensor:
    """Compute torch's conv_transpose2d with a filter for each channel, [C, 1, k, k], that is not trained."""
    groups = images.shape[1]
    if torch.compiler.is_compiling():
        return conv_transpose2d(images, weight, None, stride, padding, 0, groups)
    images, weight = in_autocast_dtype(images), in_autocast_dtype(weight)
    outputs: Tensor = _FilterTransposed.apply(images, weight, stride, padding)
    return outputs


def in_autocast_dtype(values: Tensor) -> Tensor:
    """Return values in the dtype in which torch convolves under autocast; as they are without it."""
    kind = values.device.type
    return values.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else values


class _Conv2d(torch.autograd.Function):
    """The function of `conv2d_twice`."""

    @staticmethod
    def forward(images: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, groups: int) -> Tensor:
        """Convolve."""
        return conv2d(images, weight, bias, stride, padding, groups=groups)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the gradient needs."""
        images, weight, _, *ctx.geometry = inputs
        ctx.save_for_backward(images, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of images and weight, as functions that torch differentiates."""
        (images, weight), (stride, padding, groups) = ctx.saved_tensors, ctx.geometry
        of_images = of_weight = of_bias = None
        if ctx.needs_input_grad[0]:
            shapes = zip(images.shape[2:], gradient.shape[2:], weight.shape[2:], strict=True)
            left_out = [size - ((out - 1) * stride - 2 * padding + kernel) for size, out, kernel in shapes]
            of_images = conv_transpose2d(gradient, weight, None, stride, padding, left_out, groups)
        if images_alone.is_so:
            return of_images, None, None, None, None, None
        if ctx.needs_input_grad[1]:
            of_weight = conv2d_weight(images, weight.shape, gradient, stride, padding, groups=groups)
        if ctx.needs_input_grad[2]:
            of_bias = gradient.sum((0, 2, 3))
        return of_images, of_weight, of_bias, None, None, None


class _FilterTransposed(torch.autograd.Function):
    """The function of `filter_transposed`."""

    @staticmethod
    def forward(images: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        """Convolve."""
        return conv_transpose2d(images, weight, None, stride, padding, 0, images.shape[1])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keep what the gradient needs."""
        _, weight, *ctx.geometry = inputs
        ctx.save_for_backward(weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of the images, as a function that torch differentiates."""
        (weight,), (stride, padding) = ctx.saved_tensors, ctx.geometry
        return conv2d(gradient, weight, None, stride, padding, groups=gradient.shape[1]), None, None, None

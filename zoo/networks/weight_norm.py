"""Weight norm with data-dependent initial values (arXiv:1602.07868), as in Salimans' and DeLiGAN's code (nn.py).

Why not torch.nn.utils.parametrizations.weight_norm: there g starts at the weight's norm, has no initial value from data
and is always trained; here it is fixed unless the source trains it, and 1e-6 is under the root.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, linear

from zoo.engine.first_batch import Mean, SeesFirstBatch

STD = 0.05  # of the weights' initial values


class WeightNorm(SeesFirstBatch, nn.Module):
    """Mixin of a layer with `weight` and `bias`: the layer computes with weight * g / ||weight||, a norm each output.

    In its first batch the layer sets g and the bias so that each output has mean 0 and standard deviation `init_std`.

    Attributes:
        g: [out]; a buffer where it is not trained.
        output_axis: of the weight.
    """

    weight: Tensor
    bias: Any  # of a layer that has one
    g: Tensor
    output_axis = 0

    def normalise(self, train_g: bool, init_std: float) -> None:
        """Draw the initial weight, N(0, 0.05^2), and make g."""
        nn.init.normal_(self.weight, std=STD)
        nn.init.zeros_(self.bias)
        g = torch.ones(self.weight.shape[self.output_axis])
        if train_g:
            self.register_parameter("g", nn.Parameter(g))
        else:
            self.register_buffer("g", g)
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))
        self.init_std = init_std

    def normalised(self) -> Tensor:
        """Return weight * g / sqrt(1e-6 + ||weight||^2)."""
        weight, axis = self.weight, self.output_axis
        others = [each for each in range(weight.dim()) if each != axis]
        scale = self.g / (1e-6 + weight.square().sum(others)).sqrt()
        return weight * scale.view([-1 if each == axis else 1 for each in range(weight.dim())])

    def begin_with(self, inputs: Tensor, outputs: Tensor, mean: Mean) -> Tensor:
        """Set g and the bias; an output that is the same everywhere keeps its g."""
        shape = [1, -1, *[1] * (outputs.dim() - 2)]
        raw: Tensor = outputs.to(self.bias.dtype) - self.bias.view(shape)
        others = [axis for axis in range(raw.dim()) if axis != 1]
        centre = mean(raw.mean(others))
        raw = raw - centre.view(shape)
        variance = mean(raw.square().mean(others))
        scale = torch.where(variance > 0, self.init_std / variance.sqrt(), torch.ones_like(variance))
        self.bias.copy_(-centre * scale)
        self.g.mul_(scale)
        return raw * scale.view(shape)


class WeightNormLinear(WeightNorm, nn.Linear):
    """A linear layer."""

    def __init__(self, in_features: int, out_features: int, *, train_g: bool = False, init_std: float = 1.0) -> None:
        super().__init__(in_features, out_features)
        self.normalise(train_g, init_std)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map [N, in_features] to [N, out_features]."""
        return linear(input, self.normalised(), self.bias)


class WeightNormConv2d(WeightNorm, nn.Conv2d):
    """A convolution."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding)
        self.normalise(train_g=False, init_std=1.0)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map [N, in_channels, H, W] to [N, out_channels, (H + 2 padding - kernel) / stride + 1, ...]."""
        return conv2d(input, self.normalised(), self.bias, self.stride, self.padding)


class WeightNormConvTranspose2d(WeightNorm, nn.ConvTranspose2d):
    """A transposed 5x5 convolution at stride 2, cropped as Theano's 'half': two pixels before, one after."""

    output_axis = 1

    def __init__(self, in_channels: int, out_channels: int, *, train_g: bool = False, init_std: float = 1.0) -> None:
        super().__init__(in_channels, out_channels, 5, stride=2, padding=2, output_padding=1)
        self.normalise(train_g, init_std)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002
        """Map [N, in_channels, H, W] to [N, out_channels, 2 H, 2 W]."""
        return conv_transpose2d(input, self.normalised(), self.bias, 2, padding=2, output_padding=1)

"""Layers that Keras, TensorFlow and MATLAB have and torch has not, with their alignment and their initial values."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's padding='same': output ceil(n / stride), an odd pixel of padding goes last.

    torch's `padding=k // 2` aligns the kernel differently wherever the total padding is odd: every even kernel, and odd
    kernels at stride 2 on even sizes.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map [N, in_channels, H, W] to [N, out_channels, ceil(H / stride), ceil(W / stride)]."""
        (top, bottom), (left, right) = (
            same_padding(size, self.kernel_size[0], self.stride[0]) for size in input.shape[-2:]
        )
        if (top, left) == (bottom, right):  # no copy of the input
            return F.conv2d(input, self.weight, self.bias, self.stride, (top, left))
        return super().forward(F.pad(input, (left, right, top, bottom)))


class DoubledConv2d(SameConv2d):
    """nn.Upsample(scale_factor=2), then a 4x4 SameConv2d, in 9/16 of the multiplications and without the large image.

    An output pixel's 4x4 window of the doubled image holds at most 3x3 different pixels, in a pattern that depends on
    whether its row and its column are even: so each of the four kinds of output is a 3x3 convolution of the input,
    whose kernel adds up the weights that meet the same pixel.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 4)
        # Output row 2i + odd sees the doubled rows 2i + odd - 1 + tap: the input's rows i - 1, i, i + 1.
        meets = torch.zeros(2, 3, 4)
        for odd in (0, 1):
            for tap in range(4):
                meets[odd, (odd - 1 + tap) // 2 + 1, tap] = 1
        self.register_buffer("meets", meets, persistent=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Map [N, in_channels, H, W] to [N, out_channels, 2 H, 2 W]."""
        kernels = torch.einsum("pak,qbl,oikl->opqiab", self.meets, self.meets, self.weight).flatten(0, 2)
        bias = None if self.bias is None else self.bias.repeat_interleave(4)
        return F.pixel_shuffle(F.conv2d(input, kernels, bias, padding=1), 2)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return how many zeros TensorFlow's 'same' puts before and after `size` pixels."""
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution with TensorFlow's padding='SAME' and MATLAB's Cropping 'same': SameConv2d's gradient.

    The full output, (n - 1) * stride + kernel, is cropped to n * stride; an odd pixel is cropped at the end. torch's
    own `padding` with `output_padding` crops it at the beginning.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        kernel_size: at least stride.
        stride: how many output pixels come from one input pixel.
        output_size: (height, width) of the output where it is not n * stride; `stride` divides it, rounded up, to n.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        output_size: tuple[int, int] | None = None,
    ) -> None:
        if kernel_size < stride:
            raise ValueError(f"kernel_size must be at least stride={stride}, got {kernel_size}")
        super().__init__(in_channels, out_channels, kernel_size, stride)
        self.output_size = output_size

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002
        """Map [N, in_channels, H, W] to [N, out_channels, H * stride, W * stride], or to the given output size."""
        stride, kernel = self.stride[0], self.kernel_size[0]
        height, width = output_size or self.output_size or [size * stride for size in input.shape[-2:]]
        if [-(-height // stride), -(-width // stride)] != list(input.shape[-2:]):
            raise ValueError(f"no {height}x{width} from {tuple(input.shape[-2:])} at stride {stride}")
        before = same_padding(height, kernel, stride)[0], same_padding(width, kernel, stride)[0]
        full = F.conv_transpose2d(input, self.weight, self.bias, self.stride, before)  # crops `before` at both ends
        return full[..., :height, :width]


class LeakyReLU(nn.LeakyReLU):
    """torch's, to the last bit in float32, for critics of linear layers whose gradient is differentiated again.

    Of its second derivative torch makes a tensor of zeros and sends it all the way back, to the weights and the images;
    of a product with slopes that carry no graph it makes nothing. Behind norms that way is needed anyhow.

    Args:
        negative_slope: in [0, 1].
    """

    def __init__(self, negative_slope: float) -> None:
        if not 0 <= negative_slope <= 1:
            raise ValueError(f"negative_slope must be in [0, 1], got {negative_slope}")
        super().__init__(negative_slope)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """Return x where positive, negative_slope * x elsewhere; any shape."""
        return input * input.detach().sign().clamp_(min=self.negative_slope)


def layer_norm(channels: int) -> nn.Module:
    """Build MATLAB's layerNormalizationLayer: over C, H and W of each sample; scale and offset a channel; eps 1e-5."""
    return nn.GroupNorm(1, channels, eps=1e-5)


def tf_batch_norm(channels: int, dim: int = 2, eps: float = 1e-5, gamma_std: float = 0.02) -> nn.Module:
    """Build DeLiGAN's batch norms: decay 0.9, gamma ~ N(1, gamma_std^2).

    TensorFlow averages the biased variance, torch the unbiased: at batch 50 the first layer's differs by 2%, and the
    convolutions' by less than 0.1%.
    """
    norm = (nn.BatchNorm2d if dim == 2 else nn.BatchNorm1d)(channels, eps=eps, momentum=0.1)
    nn.init.normal_(norm.weight, 1.0, gamma_std)
    return norm


class KerasBatchNorm1d(nn.BatchNorm1d):
    """BatchNormalization(momentum=0.8), eps 1e-3: Keras' momentum is the share of the old value, torch's of the new."""

    counts_statistics = True  # as Keras' summaries do

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.2)


class KerasBatchNorm2d(nn.BatchNorm2d):
    """Keras' batch norm for images [N, C, H, W]."""

    counts_statistics = True

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.2)


def glorot_(network: nn.Module) -> None:
    """Draw Keras' and MATLAB's initial values: Glorot uniform weights, zero biases, linear and convolution layers."""
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def unit_scaling_(network: nn.Module) -> None:
    """Draw TensorFlow's default before 1.0, in every linear layer: weights U(+-sqrt(3 / inputs)), zero biases."""
    for part in network.modules():
        if isinstance(part, nn.Linear):
            nn.init.kaiming_uniform_(part.weight, nonlinearity="linear")
            nn.init.zeros_(part.bias)


def truncated_normal_(network: nn.Module, std: float = 0.02) -> None:
    """Draw TensorFlow's truncated normal, redrawn beyond two std, zero biases, in every convolution layer."""
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.trunc_normal_(part.weight, std=std, a=-2 * std, b=2 * std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def normal_(network: nn.Module, std: float = 0.02) -> None:
    """Draw DCGAN's initial values: weights N(0, std^2), zero biases, in all linear and convolution layers."""
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(part.weight, std=std)
            if part.bias is not None:
                nn.init.zeros_(part.bias)

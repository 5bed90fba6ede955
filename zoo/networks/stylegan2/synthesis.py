"""The layers of StyleGAN2's synthesis: convolutions by w, with noise, and images of them at each size."""

from collections.abc import Sequence
from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from zoo.networks.resampling import Filter, doubled
from zoo.networks.stylegan2.layers import GAIN, ScaledLinear, activate, demodulation, modulated_conv

Architecture = Literal["skip", "resnet", "orig"]
Noise = Literal["random", "const", "none"]
Source = torch.Generator | Sequence[torch.Generator] | None


class StyledConv(Filter):
    """A modulated 3x3 convolution, noise, bias and activation.

    Args:
        inputs: channels.
        outputs: channels.
        w_dim: of w.
        sides: height and width of the output.
        up: whether it doubles the sides.
        gain: of the output, beside the activation's sqrt 2.
    """

    noise: Tensor

    def __init__(
        self, inputs: int, outputs: int, w_dim: int, sides: tuple[int, int], *, up: bool = False, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.affine = ScaledLinear(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("noise", torch.randn(sides))
        self.up, self.gain = up, gain

    def forward(self, features: Tensor, w: Tensor, source: Source, noise: Noise) -> Tensor:
        """Map [N, inputs, H, W] and w [N, w_dim] to [N, outputs, *sides]."""
        styles = self.affine(w)
        outputs = modulated_conv(features, self.weight, styles, self.kernel if self.up else None)
        outputs = outputs * demodulation(self.weight, styles)[:, :, None, None]
        offset = self.bias[:, None, None]
        if noise != "none":
            plane = self.noise if noise == "const" else drawn(w.shape[0], self.noise, source)
            offset = offset + plane * self.noise_strength
        return activate(outputs + offset, GAIN * self.gain)


def drawn(n: int, like: Tensor, source: Source) -> Tensor:
    """Draw a plane of noise for each of n samples, [n, 1, H, W]: from one source, or from each sample's own."""
    if not isinstance(source, Sequence):
        place = like.device if source is None else source.device
        return torch.randn(n, 1, *like.shape, generator=source, device=place, dtype=like.dtype).to(like.device)
    planes = [torch.randn(1, *like.shape, generator=each, dtype=like.dtype) for each in source]
    return torch.stack(planes).to(like.device)


class ToImage(nn.Module):
    """A modulated 1x1 without division by the norm, and a bias."""

    def __init__(self, inputs: int, image_channels: int, w_dim: int) -> None:
        super().__init__()
        self.affine = ScaledLinear(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(image_channels, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(image_channels))

    def forward(self, features: Tensor, w: Tensor) -> Tensor:
        """Map [N, inputs, H, W] and w [N, w_dim] to [N, image_channels, H, W]."""
        styles = self.affine(w) / sqrt(self.weight.shape[1])
        return modulated_conv(features, self.weight, styles) + self.bias[:, None, None]


class StyledBlock(Filter):
    """Two convolutions, the first of which doubles the sides; one in the first block, on the learned constant.

    `skip` adds an image at every size, `resnet` the doubled input, `orig` neither: the last block makes the image.

    Args:
        inputs: channels; None has the constant.
        outputs: channels.
        image_channels: C.
        w_dim: of w.
        sides: height and width of the output.
        architecture: one of the three.
        is_last: whether an image is made whatever the architecture.
    """

    def __init__(
        self,
        inputs: int | None,
        outputs: int,
        image_channels: int,
        w_dim: int,
        sides: tuple[int, int],
        architecture: Architecture,
        is_last: bool,
    ) -> None:
        super().__init__()
        convs, gain = [StyledConv(outputs, outputs, w_dim, sides)], sqrt(0.5)
        self.constant, self.shortcut = None, None
        if inputs is None:
            self.constant = nn.Parameter(torch.randn(outputs, *sides))
        else:
            convs.insert(0, StyledConv(inputs, outputs, w_dim, sides, up=True))
        if inputs is not None and architecture == "resnet":
            self.shortcut = nn.Parameter(torch.randn(outputs, inputs, 1, 1))
            convs[1].gain = gain
        self.convs = nn.ModuleList(convs)
        has_image = architecture == "skip" or is_last
        self.to_image = ToImage(outputs, image_channels, w_dim) if has_image else None

    def forward(
        self, features: Tensor | None, image: Tensor | None, ws: Sequence[Tensor], source: Source, noise: Noise
    ) -> tuple[Tensor, Tensor | None]:
        """Map features and the image so far to larger ones; `ws` begins with each convolution's w and the image's."""
        hidden = self.constant.expand(ws[0].shape[0], -1, -1, -1) if self.constant is not None else features
        shortcut = None
        if self.shortcut is not None and features is not None:
            weight = self.shortcut * sqrt(0.5 / self.shortcut.shape[1])
            shortcut = doubled(conv2d(features, weight), self.kernel)
        for conv, w in zip(self.convs, ws[: len(self.convs)], strict=True):
            hidden = conv(hidden, w, source, noise)
        assert hidden is not None
        hidden = hidden if shortcut is None else shortcut + hidden
        if image is not None:
            image = doubled(image, self.kernel)
        if self.to_image is not None:
            new = self.to_image(hidden, ws[len(self.convs)])
            image = new if image is None else image + new
        return hidden, image

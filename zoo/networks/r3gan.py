"""The networks of R3GAN (arXiv:2501.05441, Section 4): ResNeXt blocks, no norm, no tanh; weights start scaled.

The sides of the image are doubled between stages: from 4x4 in the paper.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from zoo.networks.critic import Critic
from zoo.networks.labels import require_labels
from zoo.networks.pair import Pair, Tiny
from zoo.networks.resampling import Downsample, Upsample
from zoo.networks.sides import halved
from zoo.networks.twice import Conv2d

SLOPE = 0.2
GAIN = sqrt(2 / (1 + SLOPE**2))  # keeps the variance through a leaky ReLU


Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def scaled(layer: Layer, gain: float = 1.0) -> Layer:
    """Draw the weights from N(0, gain^2 / fan-in); return the layer."""
    nn.init.normal_(layer.weight, std=gain / sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Block(nn.Module):
    """Adds a bottleneck turned inside out: 1x1 to twice the channels, a 3x3 in groups, 1x1 back, which starts at 0.

    Args:
        width: channels; `group_width` divides twice as many.
        group_width: channels that see each other in the 3x3.
        depth: how many blocks the network has: the first values of each are divided by its fourth root.
    """

    def __init__(self, width: int, group_width: int, depth: int) -> None:
        super().__init__()
        hidden, gain = 2 * width, GAIN * depth**-0.25
        self.expand = scaled(Conv2d(width, hidden, 1), gain)
        self.mix = scaled(Conv2d(hidden, hidden, 3, padding=1, groups=hidden // group_width), gain)
        self.reduce = scaled(Conv2d(hidden, width, 1, bias=False), 0.0)

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, width, H, W] to the same shape."""
        hidden = leaky_relu(self.mix(leaky_relu(self.expand(features), SLOPE)), SLOPE)
        output: Tensor = features + self.reduce(hidden)
        return output


class R3GANGenerator(nn.Module):
    """Learned values at 4x4, times what a linear layer makes of the latents; stages of blocks; a 1x1 to the image.

    Images are not bounded: samples are clamped.

    Args:
        latent_dim: D of the latents [N, D]; the paper's is 64.
        image_shape: (C, H, W).
        widths: channels of each stage, from the smallest image on; by default those of the paper, see `paper_widths`.
        blocks: in each stage.
        group_width: see Block; the paper's is 16.
        num_classes: of the labels, whose embedding joins the latents; None has no labels.
        label_dim: of that embedding.
    """

    is_unbounded = True

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        *,
        widths: Sequence[int] | None = None,
        blocks: int = 2,
        group_width: int = 16,
        num_classes: int | None = None,
        label_dim: int = 64,
    ) -> None:
        super().__init__()
        widths = paper_widths(image_shape) if widths is None else widths
        bottom = bottom_of(image_shape, widths, blocks, group_width)
        self.num_labels = num_classes
        self.embedding = None if num_classes is None else scaled_embedding(num_classes, label_dim)
        self.basis = nn.Parameter(torch.randn(widths[0], *bottom))
        self.dense = scaled(nn.Linear(latent_dim + (label_dim if self.embedding else 0), widths[0], bias=False))
        layers: list[nn.Module] = []
        for narrower, width in pairwise((widths[0], *widths)):
            if layers:
                layers += transition(narrower, width, Upsample())
            layers += [Block(width, group_width, blocks * len(widths)) for _ in range(blocks)]
        self.body = nn.Sequential(*layers)
        self.image = scaled(Conv2d(widths[-1], image_shape[0], 1, bias=False))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W]; without classes labels are not looked at."""
        if self.embedding is not None:
            embedded = self.embedding(require_labels(labels, self.embedding.num_embeddings))
            latents = torch.cat([latents, embedded], 1)
        images: Tensor = self.image(self.body(self.basis * self.dense(latents)[:, :, None, None]))
        return images


class R3GANCritic(Critic):
    """The generator turned round: a 1x1, stages of blocks, a filter over all of the last 4x4 for each channel, linear.

    Args:
        image_shape: (C, H, W).
        widths: channels of each stage, from the smallest image on, as the generator's.
        blocks: in each stage.
        group_width: see Block.
        num_classes: of the labels, onto whose embedding the features are projected; None has no labels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        widths: Sequence[int] | None = None,
        blocks: int = 2,
        group_width: int = 16,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        widths = paper_widths(image_shape) if widths is None else widths
        bottom = bottom_of(image_shape, widths, blocks, group_width)
        self.num_labels, self.num_features = num_classes, widths[0]
        layers: list[nn.Module] = [scaled(Conv2d(image_shape[0], widths[-1], 1, bias=False))]
        for width, wider in pairwise((*reversed(widths), widths[0])):
            layers += [Block(width, group_width, blocks * len(widths)) for _ in range(blocks)]
            layers += transition(width, wider, Downsample())
        layers.pop()  # after the last stage there is nothing to halve
        self.body = nn.Sequential(*layers)
        self.gather = scaled(Conv2d(widths[0], widths[0], bottom, groups=widths[0], bias=False))
        outputs = 1 if num_classes is None else widths[0]
        self.output = scaled(nn.Linear(widths[0], outputs, bias=False))
        self.embedding = None if num_classes is None else scaled_embedding(num_classes, outputs, outputs**-0.5)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        features: Tensor = self.gather(self.body(images)).flatten(1)
        return features

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] and labels [N] to outputs [N]; without classes labels are ignored."""
        outputs: Tensor = self.output(features)
        if self.embedding is not None:
            outputs = outputs * self.embedding(require_labels(labels, self.embedding.num_embeddings))
        return outputs.sum(1)


def paper_widths(image_shape: tuple[int, int, int]) -> list[int]:
    """Return 768 channels for every stage, 384 for one of 64 rows or more, as for the paper's CIFAR-10 and 64x64."""
    rows, _, doublings = halved(image_shape, above=4)
    return [768 if rows * 2**stage < 64 else 384 for stage in range(doublings + 1)]


def bottom_of(
    image_shape: tuple[int, int, int], widths: Sequence[int], blocks: int, group_width: int
) -> tuple[int, int]:
    """Return the sides of the smallest image. Raise ValueError for widths that cannot make the image."""
    factor = 2 ** (len(widths) - 1)
    if not widths or any(height % factor for height in image_shape[1:]):
        raise ValueError(
            f"r3gan doubles an image {len(widths) - 1} times, for {len(widths)} widths: no {image_shape[1]}x"
            f"{image_shape[2]} comes of that; give other widths"
        )
    if blocks < 1 or group_width < 1 or any(width < 1 or 2 * width % group_width for width in widths):
        raise ValueError(
            f"r3gan: blocks and group_width are at least 1, and group_width divides twice each of the widths: got "
            f"{blocks}, {group_width}, {list(widths)}"
        )
    return image_shape[1] // factor, image_shape[2] // factor


def transition(width: int, next_width: int, resample: nn.Module) -> list[nn.Module]:
    """Return what stands between two stages: the filter, and a 1x1 where the width changes, on the smaller image."""
    if width == next_width:
        return [resample]
    convolution = scaled(Conv2d(width, next_width, 1, bias=False))
    return [convolution, resample] if isinstance(resample, Upsample) else [resample, convolution]


def scaled_embedding(num_classes: int, dim: int, gain: float = 1.0) -> nn.Embedding:
    """Build an embedding as a linear layer of one-hot labels starts: N(0, gain^2 / num_classes)."""
    embedding = nn.Embedding(num_classes, dim)
    nn.init.normal_(embedding.weight, std=gain / sqrt(num_classes))
    return embedding


SMALL = {"widths": [6, 4], "blocks": 1, "group_width": 4}
PAIR = Pair(R3GANGenerator, R3GANCritic, Tiny(3, (1, 8, 8), SMALL, SMALL))

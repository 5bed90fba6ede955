"""The residual networks of SNGAN (arXiv:1802.05957) and of cGANs with projection (arXiv:1802.05637), for 32x32.

Other sizes start from the image's sides halved as often as they are even and above 4: 28 is 7 x 4, 8 is 4 x 2.
"""

from functools import partial
from math import sqrt
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from zoo.networks.conditional_norm import ConditionalBatchNorm2d
from zoo.networks.labels import require_labels
from zoo.networks.pair import Pair, Tiny
from zoo.networks.projection import ProjectionCritic
from zoo.networks.sides import halved
from zoo.networks.spectral_norm import SpectralConv2d, SpectralEmbedding, SpectralLinear

EPS = 2e-5  # of Chainer's batch norm


class Norm(nn.Module):
    """Batch norm, by class where there are classes.

    Args:
        features: channels.
        num_classes: of the labels; None has one gain and bias for all.
        eps: added to the variance.
    """

    def __init__(self, features: int, num_classes: int | None, eps: float = EPS) -> None:
        super().__init__()
        self.conditional = num_classes is not None
        self.norm = (
            nn.BatchNorm2d(features, eps=eps)
            if num_classes is None
            else ConditionalBatchNorm2d(num_classes, features, eps=eps)
        )

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """Normalise features [N, C, H, W], with labels [N] where there are classes."""
        output: Tensor = self.norm(features, labels) if self.conditional else self.norm(features)
        return output


class UpBlock(nn.Module):
    """Batch norm, ReLU, doubled, convolution, batch norm, ReLU, convolution; plus a 1x1 of the doubled input."""

    def __init__(self, width: int, num_classes: int | None) -> None:
        super().__init__()
        self.norm1, self.norm2 = Norm(width, num_classes), Norm(width, num_classes)
        self.conv1, self.conv2 = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.shortcut = nn.Conv2d(width, width, 1)

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        """Map [N, C, H, W] to [N, C, 2 H, 2 W]."""
        double = partial(interpolate, scale_factor=2)  # the nearest pixel
        hidden = self.conv1(double(relu(self.norm1(features, labels))))
        hidden = self.conv2(relu(self.norm2(hidden, labels)))
        output: Tensor = hidden + self.shortcut(double(features))
        return output


class ResNetGenerator(nn.Module):
    """A linear layer, blocks that double the sides, batch norm, ReLU, a 3x3 convolution, tanh.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 128.
        image_shape: (C, H, W) with even sides.
        width: channels of every layer.
        num_classes: of the labels, for conditional batch norm in the blocks; None has no labels.
    """

    def __init__(
        self, latent_dim: int, image_shape: tuple[int, int, int], *, width: int = 256, num_classes: int | None = None
    ) -> None:
        super().__init__()
        rows, columns, blocks = halved(image_shape, above=4)
        if not blocks:
            raise ValueError(
                f"sngan_resnet makes images whose sides are even and above 4, not {image_shape[1]}x{image_shape[2]}"
            )
        self.num_labels = num_classes
        self.bottom = (width, rows, columns)
        self.dense = nn.Linear(latent_dim, width * rows * columns)
        self.blocks = nn.ModuleList(UpBlock(width, num_classes) for _ in range(blocks))
        self.norm = nn.BatchNorm2d(width, eps=EPS)
        self.image = nn.Conv2d(width, image_shape[0], 3, padding=1)
        initialise_(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]; labels are ignored without classes."""
        if self.num_labels is not None:
            labels = require_labels(labels, self.num_labels)
        hidden = self.dense(latents).unflatten(1, self.bottom)
        for block in self.blocks:
            hidden = block(hidden, labels)
        images: Tensor = self.image(relu(self.norm(hidden))).tanh()
        return images


class DownBlock(nn.Module):
    """ReLU, convolution, ReLU, convolution, and half the sides if `down`; plus the input.

    The input goes through a 1x1 where the sides or the channels change. The first block of a critic sees the image
    itself: no ReLU before it, and its shortcut halves before the 1x1.

    Args:
        inputs: channels.
        width: channels of the output.
        down: whether it halves the sides.
        first: whether it is the first.
        conv: makes a convolution that keeps the sides from (inputs, outputs, kernel size).
    """

    def __init__(
        self, inputs: int, width: int, *, down: bool, first: bool = False, conv: type[nn.Conv2d] = SpectralConv2d
    ) -> None:
        super().__init__()
        self.down, self.first = down, first
        self.conv1, self.conv2 = conv(inputs, width, 3), conv(width, width, 3)
        self.shortcut = conv(inputs, width, 1) if down or inputs != width else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, width, H, W], or half of the sides."""
        hidden = self.conv1(features if self.first else relu(features))
        hidden = self.conv2(relu(hidden))
        if not self.down:
            output: Tensor = hidden + self.shortcut(features)
        elif self.first:
            output = avg_pool2d(hidden, 2) + self.shortcut(avg_pool2d(features, 2))
        else:
            output = avg_pool2d(hidden + self.shortcut(features), 2)
        return output


class ResNetCritic(ProjectionCritic):
    """Four blocks, two of which halve the sides, ReLU, the sum over pixels, linear; spectral norm in every layer.

    Args:
        image_shape: (C, H, W) with sides of 4 or more.
        width: channels of every layer.
        num_classes: of the labels, for a projection onto their embedding; None has no labels.
    """

    conv: ClassVar[type[nn.Conv2d]] = SpectralConv2d
    linear: ClassVar[type[nn.Linear]] = SpectralLinear
    embed: ClassVar[type[nn.Embedding]] = SpectralEmbedding

    def __init__(self, image_shape: tuple[int, int, int], *, width: int = 128, num_classes: int | None = None) -> None:
        super().__init__()
        if min(image_shape[1:]) < 4:
            raise ValueError(
                f"sngan_resnet looks at images with sides of 4 or more, not {image_shape[1]}x{image_shape[2]}"
            )
        self.num_labels, self.num_features = num_classes, width
        self.blocks = nn.Sequential(
            DownBlock(image_shape[0], width, down=True, first=True, conv=self.conv),
            DownBlock(width, width, down=True, conv=self.conv),
            DownBlock(width, width, down=False, conv=self.conv),
            DownBlock(width, width, down=False, conv=self.conv),
        )
        self.output = self.linear(width, 1)
        self.embedding = None if num_classes is None else self.embed(num_classes, width)
        initialise_(self)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        return relu(self.blocks(images)).sum((2, 3))


def initialise_(network: nn.Module) -> None:
    """Draw Glorot's uniform weights, sqrt(2) times as large for the 3x3 convolutions of blocks; biases are 0."""
    for name, part in network.named_modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            in_block = name.endswith(("conv1", "conv2"))
            nn.init.xavier_uniform_(part.weight, sqrt(2) if in_block else 1.0)
            nn.init.zeros_(part.bias)  # type: ignore[arg-type]
        elif isinstance(part, nn.Embedding) and name == "embedding":  # those of norms start at 0
            nn.init.xavier_uniform_(part.weight)


TINY = Tiny(4, (1, 8, 8), {"width": 4}, {"width": 4})
PAIR = Pair(ResNetGenerator, ResNetCritic, TINY)

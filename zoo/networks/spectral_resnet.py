"""Parts of the residual networks of SAGAN and BigGAN: their widths by image size, and spectral norm in every layer.

Images begin from their sides halved as often as they are even and above 4. Up to three doublings, as for 32x32, all
layers have one width; four are the layers for 64x64, five for 128x128, six for 256x256.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from zoo.networks.attention import SelfAttention
from zoo.networks.projection import ProjectionCritic
from zoo.networks.resnet import DownBlock
from zoo.networks.sides import halved
from zoo.networks.spectral_norm import SpectralConv2d, SpectralEmbedding, SpectralLinear

#: By doublings: multiples of the base width at the generator's bottom and after each of its blocks.
UP = {4: (16, 16, 8, 4, 2), 5: (16, 16, 8, 4, 2, 1), 6: (16, 16, 8, 8, 4, 2, 1)}
#: The same after each of the critic's blocks, of which the last keeps the sides.
DOWN = {4: (1, 2, 4, 8, 16), 5: (1, 2, 4, 8, 16, 16), 6: (1, 2, 4, 8, 8, 16, 16)}
EPS = 1e-5  # of batch norm


class SpectralUpBlock(nn.Module):
    """Norm, ReLU, doubled, 3x3, norm, ReLU, 3x3; plus a 1x1 of the doubled input.

    Args:
        inputs: channels.
        width: channels of the output.
        norm: makes a norm of a number of channels, which is called with features and a condition.
        upsampling: `nearest` or `bilinear`.
    """

    def __init__(self, inputs: int, width: int, norm: Callable[[int], nn.Module], upsampling: str = "nearest") -> None:
        super().__init__()
        self.upsampling = upsampling
        self.norm1, self.norm2 = norm(inputs), norm(width)
        self.conv1, self.conv2 = SpectralConv2d(inputs, width, 3), SpectralConv2d(width, width, 3)
        self.shortcut = SpectralConv2d(inputs, width, 1)

    def forward(self, features: Tensor, condition: Tensor | None) -> Tensor:
        """Map features [N, inputs, H, W] to [N, width, 2 H, 2 W]; the norms see the condition."""
        hidden = self.conv1(self.doubled(relu(self.norm1(features, condition))))
        hidden = self.conv2(relu(self.norm2(hidden, condition)))
        # a 1x1 of the doubled input is the doubled 1x1, at a quarter of the products
        output: Tensor = hidden + self.doubled(self.shortcut(features))
        return output

    def doubled(self, features: Tensor) -> Tensor:
        """Return features of twice the sides."""
        return interpolate(features, scale_factor=2, mode=self.upsampling)


class SpectralGenerator(nn.Module):
    """A linear layer, blocks that double the sides, batch norm, ReLU, a 3x3 convolution, tanh.

    Args:
        inputs: how many latents the linear layer takes.
        image_shape: (C, H, W) with even sides.
        ch: the base width: 4 times that is the width of all layers for 32x32.
        norm: see SpectralUpBlock.
        attention: heights of features after which attention stands.
        upsampling: see SpectralUpBlock.
    """

    def __init__(
        self,
        inputs: int,
        image_shape: tuple[int, int, int],
        ch: int,
        norm: Callable[[int], nn.Module],
        attention: Sequence[int],
        upsampling: str = "nearest",
    ) -> None:
        super().__init__()
        rows, columns, blocks = sides_of(image_shape)
        widths = [ch * each for each in UP.get(blocks, (4,) * (blocks + 1))]
        self.bottom = (widths[0], rows, columns)
        self.dense = SpectralLinear(inputs, widths[0] * rows * columns)
        self.blocks = nn.ModuleList(SpectralUpBlock(*pair, norm, upsampling) for pair in pairwise(widths))
        heights = [rows << doublings for doublings in range(1, blocks + 1)]
        self.attention = attention_after(heights, widths[1:], attention)
        self.norm = nn.BatchNorm2d(widths[-1], eps=EPS)
        self.image = SpectralConv2d(widths[-1], image_shape[0], 3)

    def images(self, inputs: Tensor, conditions: Sequence[Tensor | None]) -> Tensor:
        """Map what the linear layer takes, [N, inputs], and each block's condition to images [N, C, H, W]."""
        hidden = self.dense(inputs).unflatten(1, self.bottom)
        for block, attend, condition in zip(self.blocks, self.attention, conditions, strict=True):
            hidden = attend(block(hidden, condition))
        images: Tensor = self.image(relu(self.norm(hidden))).tanh()
        return images


class SpectralCritic(ProjectionCritic):
    """Blocks that halve the sides, ReLU, the sum over pixels, linear, and a projection onto the labels' embedding.

    Args:
        image_shape: (C, H, W) with sides of 4 or more.
        ch: the base width: 4 times that is the width of all layers for 32x32.
        attention: see SpectralGenerator; it stands once, after the first block of that height.
        num_classes: of the labels; None has no labels.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], ch: int, attention: Sequence[int], num_classes: int | None
    ) -> None:
        super().__init__()
        channels, height, _ = image_shape
        _, _, doublings = sides_of(image_shape)
        widths = [ch * each for each in DOWN.get(doublings, (4,) * 4)]
        halvings = doublings if doublings in DOWN else 2
        self.num_labels, self.num_features = num_classes, widths[-1]
        blocks = [
            DownBlock(*pair, down=index < halvings, first=not index)
            for index, pair in enumerate(zip([channels, *widths[:-1]], widths, strict=True))
        ]
        heights = [height >> min(index + 1, halvings) for index in range(len(blocks))]
        attended = zip(blocks, attention_after(heights, widths, attention), strict=True)
        self.blocks = nn.Sequential(*(part for pair in attended for part in pair if not isinstance(part, nn.Identity)))
        self.output = SpectralLinear(widths[-1], 1)
        self.embedding = None if num_classes is None else SpectralEmbedding(num_classes, widths[-1])

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        return relu(self.blocks(images)).sum((2, 3))


def sides_of(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the bottom's height and width, and how often they double. Raise ValueError for other shapes."""
    rows, columns, doublings = halved(image_shape, above=4)
    if not 0 < doublings <= max(UP):
        raise ValueError(
            f"sagan and biggan make images whose sides are even, above 4 and at most 256, "
            f"not {image_shape[1]}x{image_shape[2]}"
        )
    return rows, columns, doublings


def attention_after(heights: Sequence[int], widths: Sequence[int], wanted: Sequence[int]) -> nn.ModuleList:
    """Return self-attention after the first block whose features have each of the wanted heights, else the identity.

    Args:
        heights: of the blocks' outputs, as they are. (BigGAN's code has 16 for all four blocks of its critic for
            32x32, and so attention after each of them.)
        widths: their channels.
        wanted: some of the heights. Raises ValueError for others.
    """
    if missing := [height for height in wanted if height not in heights]:
        raise ValueError(f"attention: features have heights {', '.join(map(str, heights))}, none {missing[0]}")
    places = {heights.index(height) for height in wanted}
    return nn.ModuleList(
        SelfAttention(width, SpectralConv2d) if index in places else nn.Identity() for index, width in enumerate(widths)
    )


def initialise_(parts: Sequence[nn.Module], draw: Callable[[Tensor], object]) -> None:
    """Draw the weights of layers; their biases become 0."""
    for part in parts:
        draw(part.weight)  # type: ignore[arg-type]
        if isinstance(bias := getattr(part, "bias", None), nn.Parameter):
            nn.init.zeros_(bias)

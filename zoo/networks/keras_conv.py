"""The convolutional pair of Keras-GAN's wgan_gp.py, for 28x28 and any other size that is a multiple of 4."""

from typing import Literal

from torch import Tensor, nn

from zoo.networks.critic import SequentialCritic
from zoo.networks.layers import DoubledConv2d, KerasBatchNorm2d, SameConv2d, glorot_
from zoo.networks.pair import Pair, Tiny


class KerasConvGenerator(nn.Module):
    """Dense to size/4, then twice: double by nearest neighbour, 4x4 convolution, batch norm, ReLU; 4x4 to a tanh image.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W), H and W multiples of 4.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = image_shape
        if height % 4 or width % 4:
            raise ValueError(f"keras_conv makes images whose sides are multiples of 4, not {height}x{width}")
        self.body = nn.Sequential(
            nn.Linear(latent_dim, 128 * (height // 4) * (width // 4)),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (128, height // 4, width // 4)),
            DoubledConv2d(128, 128),
            KerasBatchNorm2d(128),
            nn.ReLU(inplace=True),
            DoubledConv2d(128, 64),
            KerasBatchNorm2d(64),
            nn.ReLU(inplace=True),
            SameConv2d(64, channels, 4),
            nn.Tanh(),
        )
        glorot_(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images


Norm = Literal["layer", "instance", "batch", "none"]


def normalise(norm: Norm, channels: int) -> nn.Module:
    """Build the named normalisation of [N, channels, H, W]; `layer` is over C, H and W of each sample."""
    return {
        "layer": lambda: nn.GroupNorm(1, channels),
        "instance": lambda: nn.InstanceNorm2d(channels, affine=True),
        "batch": lambda: KerasBatchNorm2d(channels),
        "none": nn.Identity,
    }[norm]()


class KerasConvCritic(SequentialCritic):
    """Four 3x3 convolutions 16, 32, 64, 128, the first three at stride 2, leaky ReLU 0.2; linear output.

    The source has batch norm and dropout 0.25 in this critic, under a gradient penalty that neither of them fits;
    here they are there only if asked for.

    Args:
        image_shape: (C, H, W).
        norm: between convolution and activation, from the second convolution on.
        dropout: probability after each activation.
    """

    def __init__(self, image_shape: tuple[int, int, int], norm: Norm = "layer", dropout: float = 0.0) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.num_features = 128 * last_side(height) * last_side(width)

        def end() -> list[nn.Module]:
            return [nn.LeakyReLU(0.2, inplace=True), *([nn.Dropout(dropout)] if dropout else [])]

        self.body = nn.Sequential(
            SameConv2d(channels, 16, 3, stride=2),
            *end(),
            SameConv2d(16, 32, 3, stride=2),
            nn.ZeroPad2d((0, 1, 0, 1)),  # 7x7 to 8x8, before the norm, whose statistics include the zeros
            normalise(norm, 32),
            *end(),
            SameConv2d(32, 64, 3, stride=2),
            normalise(norm, 64),
            *end(),
            SameConv2d(64, 128, 3),
            normalise(norm, 128),
            *end(),
            nn.Flatten(),
            nn.Linear(self.num_features, 1),
        )
        glorot_(self)


def last_side(side: int) -> int:
    """Return the pixels left of `side` after stride 2, stride 2, one row of zeros, stride 2."""
    return -(-(-(-side // 4) + 1) // 2)


PAIR = Pair(KerasConvGenerator, KerasConvCritic, Tiny(image_shape=(1, 8, 8)))

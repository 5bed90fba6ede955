"""DCGAN's networks (arXiv:1511.06434) as in pytorch/examples, for 64x64, with fewer or more levels for other sizes.

Sides are halved while they are even and above 4: 64 to 4 in four levels, 32 in three, 28 to 7 in two. There are no
biases but batch norm's; weights start from N(0, 0.02^2), batch norm's gains from N(1, 0.02^2). The layers next to the
image and next to the critic's output have no batch norm.
"""

from itertools import pairwise

from torch import Tensor, nn

from zoo.networks.critic import SequentialCritic
from zoo.networks.layers import normal_, tf_batch_norm
from zoo.networks.pair import Pair, Tiny
from zoo.networks.sides import halved


def widths_of(image_shape: tuple[int, int, int], width: int) -> tuple[int, int, list[int]]:
    """Return the least height and width, and the channels from there on. Raises ValueError for sides too odd."""
    height, columns, levels = halved(image_shape, above=4)
    if not levels:
        raise ValueError(f"dcgan makes images whose sides are even and above 4, not {height}x{columns}")
    return height, columns, [width << level for level in reversed(range(levels))]


class DCGANGenerator(nn.Module):
    """Linear to the bottom, transposed 4x4 convolutions that double; batch norm and ReLU between; tanh.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 100.
        image_shape: (C, H, W) with even sides above 4.
        width: channels at half of the sides, twice as many at each level below.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int], *, width: int = 64) -> None:
        super().__init__()
        height, columns, widths = widths_of(image_shape, width)
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, widths[0] * height * columns, bias=False),
            nn.Unflatten(1, (widths[0], height, columns)),
        ]
        for inputs, outputs in pairwise((*widths, image_shape[0])):
            layers += [tf_batch_norm(inputs), nn.ReLU(inplace=True)]
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)]
        self.body = nn.Sequential(*layers, nn.Tanh())
        normal_(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images


class DCGANCritic(SequentialCritic):
    """4x4 convolutions that halve, batch norm from the second on, leaky ReLU 0.2; linear.

    Args:
        image_shape: (C, H, W) with even sides above 4.
        width: channels at half of the sides, twice as many at each level below.
    """

    def __init__(self, image_shape: tuple[int, int, int], *, width: int = 64) -> None:
        super().__init__()
        height, columns, widths = widths_of(image_shape, width)
        self.num_features = widths[0] * height * columns
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((image_shape[0], *reversed(widths))):
            layers += [nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False)]
            layers += [tf_batch_norm(outputs)] if len(layers) > 1 else []
            layers += [nn.LeakyReLU(0.2, inplace=True)]
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(self.num_features, 1, bias=False))
        normal_(self)


PAIR = Pair(DCGANGenerator, DCGANCritic, Tiny(4, (1, 16, 16), {"width": 3}, {"width": 3}))

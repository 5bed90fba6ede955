"""BEGAN's networks (arXiv:1703.10717, Section 3.5): a decoder as generator, an auto-encoder as critic; ELU, no norm.

64x64 starts from 8x8, as every size does from its sides halved while they are even and above 8: 28x28 from 7x7. As in
the usual code, carpedm20/BEGAN-tensorflow, convolutions of stride 2 halve, where the paper leaves out pixels; there are
no skip connections, and weights start from Glorot's uniform.
"""

from itertools import pairwise

from torch import Tensor, nn

from zoo.networks.critic import Critic
from zoo.networks.layers import SameConv2d, glorot_
from zoo.networks.pair import Pair, Tiny
from zoo.networks.sides import halved
from zoo.reconstruction import reconstruction_errors


def bottom_of(image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return the least height and width, and how often they were halved. Raises ValueError for sides too odd."""
    height, width, levels = halved(image_shape, above=8)
    if not levels:
        raise ValueError(f"began makes images whose sides are even and above 8, not {height}x{width}")
    return height, width, levels


def convolutions(widths: list[int]) -> list[nn.Module]:
    """Return 3x3 convolutions of these widths, each followed by an ELU."""
    pairs = [(nn.Conv2d(inputs, outputs, 3, padding=1), nn.ELU(inplace=True)) for inputs, outputs in pairwise(widths)]
    return [layer for pair in pairs for layer in pair]


class BEGANGenerator(nn.Module):
    """Linear to the bottom, then two convolutions at each size, doubled between by the nearest pixel; no activation.

    The source has no tanh: in training images can leave [-1, 1]; in evaluation they are cut off there.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 64.
        image_shape: (C, H, W) with even sides above 8.
        width: channels of every layer; the source's is 128.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int], *, width: int = 128) -> None:
        super().__init__()
        height, columns, levels = bottom_of(image_shape)
        layers: list[nn.Module] = [
            nn.Linear(latent_dim, width * height * columns),
            nn.Unflatten(1, (width, height, columns)),
        ]
        for level in range(levels + 1):
            layers += convolutions([width] * 3)
            layers += [nn.Upsample(scale_factor=2)] if level < levels else []
        self.body = nn.Sequential(*layers, nn.Conv2d(width, image_shape[0], 3, padding=1))
        glorot_(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W]."""
        images: Tensor = self.body(latents)
        return images if self.training else images.clamp(-1, 1)


class BEGANCritic(Critic):
    """An encoder whose widths grow by `width` at each halving, a code, and a decoder like the generator.

    The output on an image is its mean absolute error of reconstruction, which takes more than the features.

    Args:
        image_shape: (C, H, W) with even sides above 8.
        width: n; the source's is 128.
        code: numbers of the code, which are the features; the source's is 64.
    """

    scores_features = False

    def __init__(self, image_shape: tuple[int, int, int], *, width: int = 128, code: int = 64) -> None:
        super().__init__()
        height, columns, levels = bottom_of(image_shape)
        self.num_features = code
        layers = convolutions([image_shape[0], width])
        for level in range(levels + 1):
            top = (level + 1) * width
            layers += convolutions([max(level, 1) * width, top, top])
            layers += [SameConv2d(top, top, 3, stride=2), nn.ELU(inplace=True)] if level < levels else []
        layers += [nn.Flatten(), nn.Linear(top * height * columns, code)]
        self.encoder = nn.Sequential(*layers)
        self.decoder = BEGANGenerator(code, image_shape, width=width)
        glorot_(self.encoder)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to codes [N, code]."""
        codes: Tensor = self.encoder(images)
        return codes

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Raise TypeError: an error of reconstruction is not a function of the code alone."""
        raise TypeError("an auto-encoder's output needs the image, not its code alone: call the critic on images")

    def decode(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to what is made of their codes, of the same shape."""
        decoded: Tensor = self.decoder.body(self.features(images))
        return decoded

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images [N, C, H, W] to mean absolute errors [N]; labels are ignored."""
        return reconstruction_errors(images, self.decode(images))


PAIR = Pair(BEGANGenerator, BEGANCritic, Tiny(4, (1, 10, 10), {"width": 3}, {"width": 3, "code": 4}))

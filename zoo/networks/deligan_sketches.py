"""The pair of DeLiGAN's dg_sketches.py (arXiv:1706.02071), for 32x32 and other multiples of 8 from 24 on."""

from torch import nn

from zoo.networks.critic import SequentialCritic
from zoo.networks.deligan_cifar import DeLiGANCIFARGenerator, GaussianNoise, convolution, sizes
from zoo.networks.minibatch import OthersDiscrimination
from zoo.networks.pair import Pair, Tiny
from zoo.networks.weight_norm import WeightNormLinear


class DeLiGANSketchesGenerator(DeLiGANCIFARGenerator):
    """The generator for CIFAR-10 at less than a third of its width.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 100.
        image_shape: (C, H, W), H and W multiples of 8.
        width: channels at half of the sides; twice and four times as many before.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int], width: int = 40) -> None:
        super().__init__(latent_dim, image_shape, width)


class DeLiGANSketchesCritic(SequentialCritic):
    """Noise; convolutions 5x5, three of them and a 3x3 one at stride 2, a 1x1 one, a mean; minibatch discrimination.

    Weight norm is in every layer, and leaky ReLU 0.2, dropout of a half after the second and the third convolution.

    Args:
        image_shape: (C, H, W), sides of at least 17.
        width: channels of the first two convolutions; then twice and four times as many.
        kernels: of the minibatch discrimination.
    """

    def __init__(self, image_shape: tuple[int, int, int], width: int = 20, kernels: int = 50) -> None:
        super().__init__()
        channels, *sides = image_shape
        if min(sides) < 17:
            raise ValueError(f"{type(self).__name__} takes images whose sides are at least 17, not {sizes(sides)}")
        self.num_features = 4 * width + kernels
        self.body = nn.Sequential(
            GaussianNoise(0.2),
            *convolution(channels, width, 5, padding=1),
            *convolution(width, width, 5, padding=1, stride=2),
            nn.Dropout(0.5),
            *convolution(width, 2 * width, 5, padding=1, stride=2),
            nn.Dropout(0.5),
            *convolution(2 * width, 4 * width, 3, stride=2),
            *convolution(4 * width, 4 * width, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            OthersDiscrimination(4 * width, kernels),
            WeightNormLinear(self.num_features, 1, train_g=True, init_std=0.1),
        )


PAIR = Pair(
    DeLiGANSketchesGenerator,
    DeLiGANSketchesCritic,
    Tiny(image_shape=(1, 24, 24), generator={"width": 2}, critic={"width": 2, "kernels": 2}),
)

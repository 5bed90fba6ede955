"""The pair of DeLiGAN's dg_cifar.py (arXiv:1706.02071), for 32x32 and other multiples of 8.

The authors took it from Salimans et al. (arXiv:1606.03498), the mixture apart.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zoo.networks.critic import Critic
from zoo.networks.minibatch import OthersDiscrimination
from zoo.networks.pair import Pair, Tiny
from zoo.networks.shift_norm import ShiftNorm1d, ShiftNorm2d
from zoo.networks.weight_norm import STD, WeightNormConv2d, WeightNormConvTranspose2d, WeightNormLinear


class DeLiGANCIFARGenerator(nn.Module):
    """Dense to an eighth of the sides, two transposed 5x5 convolutions with batch norm, a third with weight norm; tanh.

    The authors sample with batch norm's statistics of the samples; here, as everywhere in the zoo, an image is a
    function of its latents alone: of running ones, or of standing ones with the option `sampling` of the model.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 100.
        image_shape: (C, H, W), H and W multiples of 8.
        width: channels at half of the sides; twice and four times as many before.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int], width: int = 128) -> None:
        super().__init__()
        channels, *sides = image_shape
        if any(side % 8 for side in sides):
            raise ValueError(f"{type(self).__name__} makes images whose sides are multiples of 8, not {sizes(sides)}")
        rows, columns = (side // 8 for side in sides)
        self.body = nn.Sequential(
            nn.Linear(latent_dim, 4 * width * rows * columns, bias=False),
            ShiftNorm1d(4 * width * rows * columns),
            nn.ReLU(inplace=True),
            nn.Unflatten(1, (4 * width, rows, columns)),
            nn.ConvTranspose2d(4 * width, 2 * width, 5, stride=2, padding=2, output_padding=1, bias=False),
            ShiftNorm2d(2 * width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * width, width, 5, stride=2, padding=2, output_padding=1, bias=False),
            ShiftNorm2d(width),
            nn.ReLU(inplace=True),
            WeightNormConvTranspose2d(width, channels, train_g=True, init_std=0.1),
            nn.Tanh(),
        )
        for part in self.body:
            if isinstance(part, nn.Linear | nn.ConvTranspose2d):
                nn.init.normal_(part.weight, std=STD)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images


class GaussianNoise(nn.Module):
    """Add noise N(0, std^2) in training, another for each number.

    Args:
        std: of the noise.
    """

    is_random = True

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, images: Tensor) -> Tensor:
        """Map images to noisy ones, of any shape; in evaluation, to themselves."""
        return images + self.std * torch.randn_like(images) if self.training else images


class DeLiGANCIFARCritic(Critic):
    """Noise; 3x3 convolutions to an eighth of the sides, 1x1 ones, a mean; minibatch discrimination; class logits.

    Weight norm is in every layer, and leaky ReLU 0.2, dropout of a half after the third and the sixth convolution. The
    output is log sum_k exp(l_k) of the class logits l: sigmoid of it is the share of the classes beside one more, of
    logit 0, for fakes (arXiv:1606.03498, Section 5).

    Args:
        image_shape: (C, H, W), sides of at least 9.
        width: channels of the first three convolutions; the later ones have twice as many.
        kernels: of the minibatch discrimination.
        num_classes: K.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], width: int = 96, kernels: int = 100, num_classes: int = 10
    ) -> None:
        super().__init__()
        channels, *sides = image_shape
        if min(sides) < 9:
            raise ValueError(f"{type(self).__name__} takes images whose sides are at least 9, not {sizes(sides)}")
        wide = 2 * width
        self.num_features = wide + kernels
        self.body = nn.Sequential(
            GaussianNoise(0.2),
            *convolution(channels, width, 3, padding=1),
            *convolution(width, width, 3, padding=1),
            *convolution(width, width, 3, padding=1, stride=2),
            nn.Dropout(0.5),
            *convolution(width, wide, 3, padding=1),
            *convolution(wide, wide, 3, padding=1),
            *convolution(wide, wide, 3, padding=1, stride=2),
            nn.Dropout(0.5),
            *convolution(wide, wide, 3),
            *convolution(wide, wide, 1),
            *convolution(wide, wide, 1),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            OthersDiscrimination(wide, kernels),
        )
        self.output = WeightNormLinear(self.num_features, num_classes, train_g=True, init_std=0.1)

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        features: Tensor = self.body(images)
        return features

    def classify(self, features: Tensor) -> Tensor:
        """Map features [N, num_features] to class logits [N, K]."""
        logits: Tensor = self.output(features)
        return logits

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] to outputs [N]; labels are ignored."""
        return self.classify(features).logsumexp(1)


def convolution(inputs: int, outputs: int, kernel: int, padding: int = 0, stride: int = 1) -> tuple[nn.Module, ...]:
    """Return a convolution with weight norm and leaky ReLU 0.2."""
    return WeightNormConv2d(inputs, outputs, kernel, stride=stride, padding=padding), nn.LeakyReLU(0.2, inplace=True)


def sizes(sides: Sequence[int]) -> str:
    """Return height and width in words."""
    return "x".join(map(str, sides))


PAIR = Pair(
    DeLiGANCIFARGenerator,
    DeLiGANCIFARCritic,
    Tiny(image_shape=(1, 16, 16), generator={"width": 2}, critic={"width": 3, "kernels": 2}),
)

"""Fully connected networks for EBGAN on MNIST (arXiv:1609.03126): a generator, and an auto-encoder as critic.

As there, the decoder is one layer, batch norm and ReLU stand between the generator's layers, and no norm next to the
image. Widths, depths and initial values are arguments: the paper searches a grid.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

from zoo.networks.critic import Critic
from zoo.networks.pair import Pair, Tiny
from zoo.reconstruction import reconstruction_errors


class EBGANGenerator(nn.Module):
    """Hidden layers, each linear, batch norm, ReLU; then linear and tanh.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W).
        hidden: widths of the hidden layers.
    """

    def __init__(
        self, latent_dim: int, image_shape: tuple[int, int, int], *, hidden: Sequence[int] = (800, 800, 800, 800)
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((latent_dim, *hidden)):
            layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers, nn.Linear(hidden[-1], prod(image_shape)), nn.Tanh())

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images.view(-1, *self.image_shape)


class EBGANCritic(Critic):
    """An encoder of linear layers with ReLU, and a decoder of one linear layer.

    The output on an image is its energy, the mean squared error of reconstruction, which takes more than the features.

    Args:
        image_shape: (C, H, W).
        hidden: widths of the encoder's layers; the last one's outputs are the code, and the features.
    """

    scores_features = False

    def __init__(self, image_shape: tuple[int, int, int], *, hidden: Sequence[int] = (1024,)) -> None:
        super().__init__()
        self.num_features = hidden[-1]
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in pairwise((prod(image_shape), *hidden)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
        self.encoder = nn.Sequential(*layers)
        self.decoder = nn.Sequential(nn.Linear(self.num_features, prod(image_shape)), nn.Unflatten(1, image_shape))

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to codes [N, num_features]."""
        codes: Tensor = self.encoder(images)
        return codes

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Raise TypeError: an error of reconstruction is not a function of the code alone."""
        raise TypeError("an auto-encoder's output needs the image, not its code alone: call the critic on images")

    def decode(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to what is made of their codes, of the same shape."""
        decoded: Tensor = self.decoder(self.features(images))
        return decoded

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images [N, C, H, W] to mean squared errors [N]; labels are ignored."""
        return reconstruction_errors(images, self.decode(images), "l2")


PAIR = Pair(EBGANGenerator, EBGANCritic, Tiny(generator={"hidden": [8]}, critic={"hidden": [8]}))

"""The networks of the first conditional GAN, on MNIST (arXiv:1411.1784, Section 4.1): images and labels meet late.

The paper's generator ends in a sigmoid; here images are in [-1, 1], and it is a tanh. Weights start as in torch: the
paper does not say how. It has dropout 0.5 in both networks, which is off here unless asked for.
"""

from math import prod

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from zoo.networks.critic import Critic
from zoo.networks.labels import require_labels
from zoo.networks.pair import Pair, Tiny


class Maxout(nn.Module):
    """Linear layers of which each output takes the largest (arXiv:1302.4389).

    Args:
        inputs: of each sample.
        units: outputs of each sample.
        pieces: how many linear functions of its own each unit has.
    """

    def __init__(self, inputs: int, units: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, units * pieces)
        self.pieces = pieces

    def forward(self, values: Tensor) -> Tensor:
        """Map [N, inputs] to [N, units]."""
        return self.linear(values).unflatten(1, (-1, self.pieces)).amax(2)  # type: ignore[no-any-return]


def joined(hidden: Tensor, labels: Tensor | None, layer: nn.Module | None, num_labels: int | None) -> Tensor:
    """Return hidden values [N, H] with what a layer makes of one-hot labels, int64 [N], behind them.

    Without labels, the values as they are. Raises ValueError for missing labels.
    """
    if layer is None or num_labels is None:
        return hidden
    hot = one_hot(require_labels(labels, num_labels), num_labels).to(hidden.dtype)
    return torch.cat([hidden, layer(hot)], 1)


class CGANGenerator(nn.Module):
    """Latents to 200, one-hot labels to 1000, both to 1200, to the pixels; ReLU between, tanh at the end.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 100.
        image_shape: (C, H, W).
        hidden: widths of the layer of latents, of labels, and of both.
        dropout: share of each hidden layer that is left out in training; the source's is 0.5.
        num_classes: of the labels; None has none, nor their layer.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        *,
        hidden: tuple[int, int, int] = (200, 1000, 1200),
        dropout: float = 0.0,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.num_labels, self.image_shape = num_classes, tuple(image_shape)
        of_latents, of_labels, of_both = hidden

        def layer(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(dropout))

        self.latents = layer(latent_dim, of_latents)
        self.labels = layer(num_classes, of_labels) if num_classes else None
        self.body = nn.Sequential(
            layer(of_latents + (of_labels if num_classes else 0), of_both),
            nn.Linear(of_both, prod(image_shape)),
            nn.Tanh(),
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]; labels are ignored without classes."""
        hidden = joined(self.latents(latents), labels, self.labels, self.num_labels)
        images: Tensor = self.body(hidden)
        return images.view(-1, *self.image_shape)


class CGANCritic(Critic):
    """Maxout: images to 240 units of 5 pieces, one-hot labels to 50 of 5, both to 240 of 4, to one number.

    Features are of the image alone; the label joins them on the way to the output.

    Args:
        image_shape: (C, H, W).
        units: of images, of labels, and of both.
        pieces: linear functions of each unit, of the three layers.
        dropout: share of each hidden layer that is left out in training; the source's is 0.5.
        num_classes: of the labels; None has none, nor their layer.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        units: tuple[int, int, int] = (240, 50, 240),
        pieces: tuple[int, int, int] = (5, 5, 4),
        dropout: float = 0.0,
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.num_labels, self.num_features = num_classes, units[0]

        def layer(inputs: int, place: int) -> nn.Sequential:
            return nn.Sequential(Maxout(inputs, units[place], pieces[place]), nn.Dropout(dropout))

        self.images = nn.Sequential(nn.Flatten(), layer(prod(image_shape), 0))
        self.labels = layer(num_classes, 1) if num_classes else None
        self.body = nn.Sequential(layer(units[0] + (units[1] if num_classes else 0), 2), nn.Linear(units[2], 1))

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        features: Tensor = self.images(images)
        return features

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] and labels int64 [N] to outputs [N]; labels are ignored without classes."""
        outputs: Tensor = self.body(joined(features, labels, self.labels, self.num_labels))
        return outputs.squeeze(1)


PAIR = Pair(
    CGANGenerator,
    CGANCritic,
    Tiny(generator={"hidden": [8, 5, 16]}, critic={"units": [4, 3, 4], "pieces": [2, 3, 2]}),
)

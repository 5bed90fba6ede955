"""Fully connected networks: the generator and discriminator of the Keras MLP GAN, and what their widths allow."""

from collections.abc import Sequence
from math import prod
from typing import Literal

from torch import Tensor, nn

from zoo.networks.critic import SequentialCritic
from zoo.networks.labels import join_labels
from zoo.networks.layers import KerasBatchNorm1d, LeakyReLU, glorot_
from zoo.networks.pair import Pair, Tiny
from zoo.networks.projection import label_embedding, projection


class MLPGenerator(nn.Module):
    """latents -> hidden layers, each linear, leaky ReLU 0.2, then batch norm (in this order) -> tanh image.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W).
        hidden: widths of the hidden layers.
        norm: `batch` after each activation, with Keras' constants, or `none`.
        num_classes: of labels that join the latents one-hot; None has none.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        hidden: Sequence[int] = (256, 512, 1024),
        norm: Literal["batch", "none"] = "batch",
        num_classes: int | None = None,
    ) -> None:
        super().__init__()
        self.num_labels = num_classes
        blocks: list[nn.Module] = []
        for inputs, width in zip((latent_dim + (num_classes or 0), *hidden), hidden, strict=False):
            blocks += [nn.Linear(inputs, width), nn.LeakyReLU(0.2, inplace=True)]
            blocks += [KerasBatchNorm1d(width)] if norm == "batch" else []
        self.body = nn.Sequential(*blocks, nn.Linear(hidden[-1], prod(image_shape)), nn.Tanh())
        self.image_shape = tuple(image_shape)
        glorot_(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]; labels are ignored without classes."""
        images: Tensor = self.body(join_labels(latents, labels, self.num_labels))
        return images.view(-1, *self.image_shape)


class MLPCritic(SequentialCritic):
    """image -> hidden layers, each linear and leaky ReLU 0.2 -> one number, no sigmoid.

    Args:
        image_shape: (C, H, W).
        hidden: widths of the hidden layers.
        num_classes: of labels, for a projection onto their embedding (arXiv:1802.05637); None has none.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], hidden: Sequence[int] = (512, 256), num_classes: int | None = None
    ) -> None:
        super().__init__()
        self.num_labels = num_classes
        blocks: list[nn.Module] = []
        for inputs, width in zip((prod(image_shape), *hidden), hidden, strict=False):
            blocks += [nn.Linear(inputs, width), LeakyReLU(0.2)]
        self.num_features = hidden[-1]
        self.body = nn.Sequential(nn.Flatten(), *blocks, nn.Linear(self.num_features, 1))
        glorot_(self)
        self.embedding = label_embedding(num_classes, self.num_features)

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] and labels int64 [N] to outputs [N]; labels are ignored without classes."""
        outputs = super().score(features)
        return outputs if self.embedding is None else outputs + projection(features, labels, self.embedding)


PAIR = Pair(MLPGenerator, MLPCritic, Tiny(generator={"hidden": [8]}, critic={"hidden": [8]}))

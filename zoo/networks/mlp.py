"""Fully connected networks: the generator and discriminator of the Keras MLP GAN, and what their widths allow."""

from collections.abc import Sequence
from math import prod
from typing import Literal

from torch import Tensor, nn

from zoo.networks.layers import KerasBatchNorm1d, LeakyReLU, glorot_


class MLPGenerator(nn.Module):
    """latents -> hidden layers, each linear, leaky ReLU 0.2, then batch norm (in this order) -> tanh image.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W).
        hidden: widths of the hidden layers.
        norm: `batch` after each activation, with Keras' constants, or `none`.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        hidden: Sequence[int] = (256, 512, 1024),
        norm: Literal["batch", "none"] = "batch",
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, width in zip((latent_dim, *hidden), hidden, strict=False):
            blocks += [nn.Linear(inputs, width), nn.LeakyReLU(0.2, inplace=True)]
            blocks += [KerasBatchNorm1d(width)] if norm == "batch" else []
        self.body = nn.Sequential(*blocks, nn.Linear(hidden[-1], prod(image_shape)), nn.Tanh())
        self.image_shape = tuple(image_shape)
        glorot_(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images.view(-1, *self.image_shape)


class MLPCritic(nn.Module):
    """image -> hidden layers, each linear and leaky ReLU 0.2 -> one number, no sigmoid.

    Args:
        image_shape: (C, H, W).
        hidden: widths of the hidden layers.
    """

    def __init__(self, image_shape: tuple[int, int, int], hidden: Sequence[int] = (512, 256)) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, width in zip((prod(image_shape), *hidden), hidden, strict=False):
            blocks += [nn.Linear(inputs, width), LeakyReLU(0.2)]
        self.body = nn.Sequential(nn.Flatten(), *blocks, nn.Linear(hidden[-1], 1))
        glorot_(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] to outputs [N]."""
        outputs: Tensor = self.body(images)
        return outputs.squeeze(1)

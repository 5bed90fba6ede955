"""The networks of BigGAN (arXiv:1809.11096), for 32x32 to 256x256, as the authors' PyTorch code has them.

What that code does and the paper doesn't say, or the other way round: attention is placed by the true height of
features; for 32x32, the code's table has another one. Biases start at 0, in the code as torch draws them.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.networks.conditional_norm import VectorBatchNorm2d
from zoo.networks.labels import require_labels
from zoo.networks.pair import Pair, Tiny
from zoo.networks.resnet import Norm
from zoo.networks.spectral_norm import SpectralNorm
from zoo.networks.spectral_resnet import EPS, SpectralCritic, SpectralGenerator, initialise_, sides_of

Initial = Literal["normal", "orthogonal", "glorot"]
DRAWS: dict[str, Callable[[Tensor], object]] = {
    "normal": partial(nn.init.normal_, std=0.02),
    "orthogonal": nn.init.orthogonal_,
    "glorot": nn.init.xavier_uniform_,
}


class BigGANGenerator(SpectralGenerator):
    """A linear layer, blocks that double the sides, batch norm, ReLU, a 3x3 convolution, tanh.

    The blocks' norms have a gain and a bias for each class; or, with `shared_dim`, linear maps from the class's vector.
    With `hierarchical`, latents are cut into equal chunks: the first goes to the linear layer, the others to the
    blocks, each behind the class's vector. What remains of the latents is not used.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W) with even sides.
        ch: the base width: all layers have 4 times that for 32x32; for 128x128 it is the last block's.
        shared_dim: how many numbers all blocks are told of a class; None has norms by class.
        hierarchical: whether each block sees latents of its own.
        attention: heights of features after which attention stands.
        init: how weights are drawn: N(0, 0.02), orthogonal, or Glorot's uniform.
        num_classes: of the labels; None has no labels.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        *,
        ch: int = 64,
        shared_dim: int | None = None,
        hierarchical: bool = False,
        attention: Sequence[int] = (),
        init: Initial = "normal",
        num_classes: int | None = None,
    ) -> None:
        if hierarchical and num_classes is not None and shared_dim is None:
            raise ValueError("biggan: hierarchical latents join the class's vector: give shared_dim, such as 128")
        chunks = sides_of(image_shape)[2] + 1
        chunk = latent_dim // chunks if hierarchical else latent_dim
        if chunk < 1:
            raise ValueError(
                f"biggan: hierarchical latents are {chunks} chunks, of {latent_dim} there is none for each"
            )
        told = (0 if num_classes is None else shared_dim or 0) + (chunk if hierarchical else 0)
        norm: Callable[[int], nn.Module] = (
            partial(VectorBatchNorm2d, told, eps=EPS) if told else partial(Norm, num_classes=num_classes, eps=EPS)
        )
        super().__init__(chunk, image_shape, ch, norm, attention)
        self.num_labels, self.chunk, self.hierarchical = num_classes, chunk, hierarchical
        self.shared = nn.Embedding(num_classes, shared_dim) if shared_dim and num_classes is not None else None
        with_weights(self, init)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]; labels are ignored without classes."""
        told = None if self.num_labels is None else require_labels(labels, self.num_labels)
        if self.shared is not None:
            told = self.shared(told)
        blocks = len(self.blocks)
        if not self.hierarchical:
            return self.images(latents, [told] * blocks)
        first, *others = latents[:, : self.chunk * (blocks + 1)].split(self.chunk, 1)
        return self.images(first, [each if told is None else torch.cat([told, each], 1) for each in others])


class BigGANCritic(SpectralCritic):
    """Blocks that halve the sides, ReLU, the sum over pixels, linear, and a projection onto the labels' embedding.

    Args:
        image_shape: (C, H, W) with even sides above 4.
        ch: the base width: all layers have 4 times that for 32x32; for 128x128 it is the first block's.
        attention: heights of features after which attention stands, once each.
        init: how weights are drawn: N(0, 0.02), orthogonal, or Glorot's uniform.
        num_classes: of the labels; None has no labels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        ch: int = 64,
        attention: Sequence[int] = (),
        init: Initial = "normal",
        num_classes: int | None = None,
    ) -> None:
        super().__init__(image_shape, ch, attention, num_classes)
        with_weights(self, init)


def with_weights(network: nn.Module, init: str) -> None:
    """Draw the weights of convolutions, linear layers and embeddings, those of norms too; biases are 0."""
    kinds = SpectralNorm | nn.Embedding
    initialise_([part for part in network.modules() if isinstance(part, kinds)], DRAWS[init])


PAIR = Pair(
    BigGANGenerator,
    BigGANCritic,
    Tiny(
        6,
        (1, 16, 16),
        {"ch": 2, "shared_dim": 3, "hierarchical": True, "attention": [8]},
        {"ch": 2, "attention": [8]},
    ),
)

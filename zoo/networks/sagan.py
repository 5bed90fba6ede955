"""The networks of SAGAN (arXiv:1805.08318): residual, with spectral norm and self-attention in both.

For 32x32 they are those of SNGAN with projection, with attention at 16x16 in the generator and at 8x8 in the critic, as
the reproduction mimicry has them; from 64x64 on those of the authors' code, with attention at 32x32.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

from torch import Tensor, nn

from zoo.networks.labels import require_labels
from zoo.networks.pair import Pair, Tiny
from zoo.networks.resnet import Norm
from zoo.networks.spectral_norm import SpectralNorm
from zoo.networks.spectral_resnet import DOWN, EPS, SpectralCritic, SpectralGenerator, initialise_, sides_of


class SAGANGenerator(SpectralGenerator):
    """A linear layer, blocks that double the sides, attention, batch norm, ReLU, a 3x3 convolution, tanh.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 128.
        image_shape: (C, H, W) with sides of 16 or more, even more than once.
        ch: the base width: all layers have 4 times that for 32x32; for 128x128 it is the last block's.
        attention: heights of features after which attention stands; by default 32, or half of the image's if less.
        upsampling: mimicry's is bilinear.
        num_classes: of the labels, for conditional batch norm in the blocks; None has no labels.
    """

    def __init__(
        self,
        latent_dim: int,
        image_shape: tuple[int, int, int],
        *,
        ch: int = 64,
        attention: Sequence[int] | None = None,
        upsampling: Literal["nearest", "bilinear"] = "nearest",
        num_classes: int | None = None,
    ) -> None:
        if sides_of(image_shape)[2] < 2 and attention is None:
            raise ValueError(
                f"sagan makes images whose sides halve twice and stay at 4 or more, "
                f"not {image_shape[1]}x{image_shape[2]}; for others give attention"
            )
        places = [min(32, image_shape[1] // 2)] if attention is None else attention
        norm = partial(Norm, num_classes=num_classes, eps=EPS)
        super().__init__(latent_dim, image_shape, ch, norm, places, upsampling)
        self.num_labels = num_classes
        glorot_(self)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]; labels are ignored without classes."""
        if self.num_labels is not None:
            labels = require_labels(labels, self.num_labels)
        return self.images(latents, [labels] * len(self.blocks))


class SAGANCritic(SpectralCritic):
    """Blocks that halve the sides, attention, ReLU, the sum over pixels, linear, a projection on the labels.

    Args:
        image_shape: (C, H, W) with even sides above 4.
        ch: the base width: all layers have 4 times that for 32x32; for larger images it is the first block's. By
            default 32 for up to 32x32, else 64.
        attention: heights of features after which attention stands; by default a quarter of the image's.
        num_classes: of the labels, for a projection onto their embedding; None has no labels.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        *,
        ch: int | None = None,
        attention: Sequence[int] | None = None,
        num_classes: int | None = None,
    ) -> None:
        if ch is None:
            ch = 64 if sides_of(image_shape)[2] in DOWN else 32
        places = [image_shape[1] // 4] if attention is None else attention
        super().__init__(image_shape, ch, places, num_classes)
        glorot_(self)


def glorot_(network: nn.Module) -> None:
    """Draw Glorot's uniform weights for the layers with spectral norm; biases are 0, gains of batch norm 1."""
    initialise_([part for part in network.modules() if isinstance(part, SpectralNorm)], nn.init.xavier_uniform_)


PAIR = Pair(SAGANGenerator, SAGANCritic, Tiny(4, (1, 16, 16), {"ch": 2}, {"ch": 2}))

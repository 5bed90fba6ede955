"""The scorer that the scores look through: a frozen network that gives features and logits."""

from collections.abc import Sequence
from typing import Self

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from zoo.scores.classifier import Scored

#: The luminance of red, green and blue (ITU-R 601-2), as PIL turns colours into grey.
LUMINANCE = 0.299, 0.587, 0.114


class ScorerError(ValueError):
    """A scorer that cannot be had. The message is one line: what is wrong, what to do."""


class Scorer(nn.Module):
    """A network that only looks: no gradients, no training mode, float32 under any precision.

    Args:
        name: what the scores are to be read beside.
        network: images [N, C, H, W] to (features [N, F], logits [N, K]).
        image_shape: the (C, H, W) that it expects.
        num_features: F.
        num_classes: K.
    """

    def __init__(
        self, name: str, network: nn.Module, image_shape: Sequence[int], num_features: int, num_classes: int
    ) -> None:
        super().__init__()
        self.name, self.image_shape = name, tuple(image_shape)
        self.num_features, self.num_classes = num_features, num_classes
        self.network = network
        self.float().requires_grad_(False).train(False)

    def train(self, mode: bool = True) -> Self:
        """Stay in inference mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Scored:
        """Map images [N, any channels it can use, any H, any W] in [-1, 1] to (features [N, F], logits [N, K])."""
        with torch.autocast(images.device.type, enabled=False):
            return Scored(*(part.float() for part in self.network(self.prepare(images.float()))))

    def prepare(self, images: Tensor) -> Tensor:
        """Return the images in the network's own channels and size, resized bilinearly with antialiasing."""
        images = recoloured(images, self.image_shape[0])
        if images.shape[2:] == self.image_shape[1:] or not len(images):
            return images
        return F.interpolate(images, size=self.image_shape[1:], mode="bilinear", antialias=True)


def recoloured(images: Tensor, channels: int) -> Tensor:
    """Convert images [N, 1 or 3, H, W] to [N, channels, H, W]. Raise a ValueError for any other pair of channels."""
    if images.shape[1] == channels:
        return images
    if images.shape[1] == 1:
        return images.expand(-1, channels, -1, -1)
    if images.shape[1] == 3 and channels == 1:
        return (images * images.new_tensor(LUMINANCE).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    raise ScorerError(f"a scorer of images with {channels} channels cannot look at images with {images.shape[1]}")

"""Latents, and batches of images."""

from collections.abc import Sequence
from typing import NamedTuple, Self

from torch import Tensor


class Latents(NamedTuple):
    """Latents and labels that images are made of.

    Attributes:
        z: [N, D].
        labels: int64 [N]: the class, mixture component, code or expert of each; None without labels.
    """

    z: Tensor
    labels: Tensor | None = None

    def rows(self, index: Tensor | slice) -> Self:
        """Return those at an index."""
        return type(self)(self.z[index], None if self.labels is None else self.labels[index])

    def cut(self, parts: int) -> Sequence[Self]:
        """Return equal parts of them, in their order."""
        if self.labels is None:
            return [type(self)(z) for z in self.z.chunk(parts)]
        return [type(self)(*part) for part in zip(self.z.chunk(parts), self.labels.chunk(parts), strict=True)]


class Batch(NamedTuple):
    """Images as the players meet them.

    Attributes:
        images: [N, C, H, W] in [-1, 1].
        labels: int64 [N]: classes of real images, those that generated ones were asked for; None without.
        latents: of generated images.
    """

    images: Tensor
    labels: Tensor | None = None
    latents: Latents | None = None

    def cut(self, parts: int) -> Sequence[Self]:
        """Return equal parts of it, in their order."""
        images = self.images.chunk(parts)
        labels = [None] * len(images) if self.labels is None else self.labels.chunk(parts)
        latents = [None] * len(images) if self.latents is None else self.latents.cut(parts)
        return [type(self)(*part) for part in zip(images, labels, latents, strict=True)]

    @property
    def classes(self) -> Tensor:
        """Return the labels of a batch that must have them. Raise ValueError without."""
        if self.labels is None:
            raise ValueError("this batch has no labels: the model is conditional, give it (images, labels)")
        return self.labels

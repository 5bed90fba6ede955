"""Calls of the players: labels, augmentation and joint passes come with every call that goes through here.

Shapes: images [N, C, H, W] in [-1, 1]; latents z [N, D]; labels [N]; critic outputs [N].
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zoo.engine.augmentation import Augmentation
from zoo.engine.batch import Batch, Latents
from zoo.engine.observations import Observations
from zoo.engine.regulariser import CRITIC


class Players(ABC):
    """A generator, a critic, and what stands between all images and the critic.

    Attributes:
        augment: of what the critic sees in training; None without.
        observations: whose `player` says whose loss is being computed.
        critic_mixes_samples: whether a sample's output depends on its batch.
        critic_takes_labels: whether the critic takes labels.
        generator_takes_labels: whether the generator is.
    """

    generator: nn.Module
    critic: Any  # an nn.Module with features, num_features and score: see zoo.networks
    augment: Augmentation | None
    observations: Observations
    training: bool
    critic_mixes_samples: bool
    critic_takes_labels: bool
    generator_takes_labels: bool

    @abstractmethod
    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute the generator's loss, []."""

    def generate(self, latents: Latents) -> Batch:
        """Make an image of each latent, as the generator is trained. Nobody else calls the generator in training."""
        z, labels = latents
        images = self.generator(z, labels) if self.generator_takes_labels else self.generator(z)
        return Batch(images, labels, latents)

    def seen(self, images: Tensor) -> Tensor:
        """Return what the critic sees of images: augmented ones, in training."""
        augmented: Tensor = self.augment(images) if self.augment is not None and self.training else images
        return augmented

    def critic_on(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the critic's outputs on images."""
        return self.critic_as_seen(self.seen(images), labels)

    def critic_as_seen(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the critic's outputs on images that are augmented already. Nobody else calls the critic."""
        outputs: Tensor = self.critic(images, labels) if self.critic_takes_labels else self.critic(images)
        return outputs

    def critic_given(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        """Return the critic as a function of images alone, with a batch's labels: for penalties on its gradient."""
        return lambda images: self.critic_on(images, batch.labels)

    def critic_outputs(self, *batches: Batch) -> tuple[Tensor, ...]:
        """Return the critic's outputs on each batch; in one pass where its samples don't see each other.

        The first of several batches holds real images.
        """
        outputs: tuple[Tensor, ...]
        if len(batches) == 1 or self.critic_mixes_samples:
            outputs = tuple(self.critic_on(batch.images, batch.labels) for batch in batches)
        else:
            outputs = self.critic_on(*joined(batches, self.critic_takes_labels)).split([len(b.images) for b in batches])
        if len(batches) > 1:
            self.tell_augmentation(outputs[0])
        return outputs

    def critic_features(self, *batches: Batch) -> tuple[Tensor, ...]:
        """Return the critic's features of each batch, [N, F]: what its `score` and other heads start from."""
        if self.critic_mixes_samples:
            parts = tuple(self.critic.features(self.seen(batch.images)) for batch in batches)
        else:
            features: Tensor = self.critic.features(self.seen(joined(batches, False)[0]))
            parts = features.split([len(batch.images) for batch in batches])
        if len(batches) > 1:
            self.tell_augmentation(parts[0])
        return parts

    def tell_augmentation(self, on_real: Tensor) -> None:
        """Let an augmentation know the critic's outputs, or features, of real images, in the critic's updates."""
        if self.augment is not None and self.training and self.observations.player == CRITIC:
            self.augment.observe(on_real if on_real.dim() == 1 else self.critic.score(on_real.detach()))

    def images_of(self, latents: Latents) -> Tensor:
        """Make an image of each latent, for the critic."""
        return self.generate(latents).images

    def adversarial(self, real: Batch, latents: Latents) -> Tensor:
        """Compute the generator's loss on its images of these latents."""
        return self.generator_loss(real, self.generate(latents))


def joined(batches: Sequence[Batch], with_labels: bool) -> tuple[Tensor, Tensor | None]:
    """Return the images of batches as one, in the first one's dtype, and their labels."""
    first = batches[0].images
    images = torch.cat([first, *(batch.images.to(first.dtype) for batch in batches[1:])])
    labels = torch.cat([batch.labels for batch in batches]) if with_labels else None  # type: ignore[misc]
    return images, labels

"""Models whose critic reads its outputs off the image, so that a paper's losses are computed on numbers by hand."""

import torch

from helpers.models import build
from zoo.engine.batch import Batch
from zoo.networks.critic import Critic


class Pixels(Critic):
    """Features are an image's pixels, the output is the first of them."""

    def features(self, images):
        """Map [N, C, H, W] to [N, C H W]."""
        return images.flatten(1)

    def score(self, features, labels=None):
        """Return the first pixel; labels are ignored."""
        return features[:, 0]


def reading(cls, **options):
    """Build a model of the zoo with that critic: heads beside it are still those for its own critic's features."""
    model = build(cls, **options)
    model.critic = Pixels()
    return model


def images_of(rows, labels=None, latents=None):
    """Return a batch of images whose pixels are these: a number, or a list of them, for each image."""
    pixels = torch.tensor(rows, dtype=torch.float64)
    labels = None if labels is None else torch.tensor(labels)
    return Batch(pixels.view(len(rows), 1, 1, -1).requires_grad_(), labels, latents)


def slopes(loss, *batches):
    """Return the gradient of a loss for each image's pixels, a list of numbers a batch; 0 where there is none."""
    gradients = torch.autograd.grad(loss, [batch.images for batch in batches], retain_graph=True, allow_unused=True)
    return [0.0 if each is None else each.flatten().tolist() for each in gradients]

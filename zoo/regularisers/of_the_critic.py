"""Regularisers of the critic: penalties on its gradients, outputs held near averages, consistency."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from zoo.augmentations.diffaugment import random_translation
from zoo.engine.batch import Batch
from zoo.losses import mean
from zoo.penalties import consistency_penalty, lecam_penalty, moving_average, zero_centred_penalty
from zoo.regularisers.extra import Extra, fakes

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule


class R1(Extra):
    """gamma / 2 E ||grad f(x)||^2 on real images (arXiv:1801.04406, Equation 9).

    Args:
        gamma: the weight, twice.
        every: see Extra; StyleGAN2 has 16.
    """

    name = "r1"

    def __init__(self, gamma: float = 10.0, every: int = 1) -> None:
        super().__init__(gamma / 2, every)

    def forward(self, model: "AdversarialModule", real: Batch) -> Tensor:
        """Compute the penalty of real images."""
        return self.weight * zero_centred_penalty(model.critic_given(real), real.images)


class R2(R1):
    """gamma / 2 E ||grad f(G(z))||^2 on fakes (arXiv:1801.04406, Equation 10)."""

    name = "r2"

    def forward(self, model: "AdversarialModule", real: Batch) -> Tensor:
        """Compute the penalty of fakes."""
        fake = fakes(model, real)
        return self.weight * zero_centred_penalty(model.critic_given(fake), fake.images)


class LeCam(Extra):
    """Outputs are held near the moving average of those on the other kind of images (arXiv:2104.03310).

    The averages are those before a training step, and move after it by the outputs of its last critic update: so
    processes and microbatches agree. The authors' move before each use.

    Args:
        weight: lambda; 0.3 on all of CIFAR-10.
        decay: of the averages.
        start: the step with which the penalty begins; until then the averages are the last outputs.
        every: see Extra.
    """

    name = "lecam"
    on_real: Tensor
    on_fake: Tensor

    def __init__(self, weight: float = 0.3, decay: float = 0.99, start: int = 1000, every: int = 1) -> None:
        super().__init__(weight, every)
        if not 0 <= decay < 1 or start < 1:
            raise ValueError(f"lecam: decay must be in [0, 1), start at least 1: got {decay} and {start}")
        self.decay, self.start = decay, start
        self.register_buffer("on_real", torch.zeros(()))
        self.register_buffer("on_fake", torch.zeros(()))

    def forward(self, model: "AdversarialModule", real: Batch) -> Tensor:
        """Compute the penalty; 0 times it before the start."""
        on_real, on_fake = model.critic_outputs(real, fakes(model, real))
        model.observe(lecam_real=mean(on_real), lecam_fake=mean(on_fake))
        weight = self.weight if model.global_step >= self.start else 0.0
        return weight * lecam_penalty(on_real, on_fake, self.on_real, self.on_fake)

    def adapt(self, model: "AdversarialModule") -> None:
        """Move the averages."""
        seen = model.observations.of_this_step()
        decay = self.decay if model.global_step > self.start else 0.0  # it counts this step already
        for average, name in ((self.on_real, "lecam_real"), (self.on_fake, "lecam_fake")):
            if name in seen:
                average.copy_(moving_average(average, model.mean_over_ranks(seen[name]), decay))


class Consistency(Extra):
    """The critic says the same of an image and of a changed one: E (f(T(x)) - f(x))^2 (arXiv:1910.12027, Equation 3).

    Under an augmentation of what the critic sees, T changes the augmented image.

    Args:
        weight: lambda.
        changes: T, some of flip (left and right, of half of the images) and translation (by up to an eighth).
        every: see Extra.
    """

    name = "consistency"

    def __init__(self, weight: float = 10.0, changes: Sequence[str] = ("flip", "translation"), every: int = 1) -> None:
        super().__init__(weight, every)
        if isinstance(changes, str) or not changes or any(each not in CHANGES for each in changes):
            raise ValueError(f"consistency: changes is a list of some of {', '.join(CHANGES)}, not {changes!r}")
        self.changes = tuple(changes)

    def forward(self, model: "AdversarialModule", real: Batch) -> Tensor:
        """Compute the penalty of real images; both outputs carry gradients."""
        images = model.seen(real.images)
        changed = images
        for name in self.changes:
            changed = CHANGES[name](changed)
        outputs = [model.critic_as_seen(each, real.labels) for each in (images, changed)]
        return self.weight * consistency_penalty(*outputs)


def flipped(images: Tensor) -> Tensor:
    """Turn half of the images, drawn one by one, left and right."""
    turned = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(turned, images.flip(3), images)


CHANGES: dict[str, Callable[[Tensor], Tensor]] = {"flip": flipped, "translation": random_translation}

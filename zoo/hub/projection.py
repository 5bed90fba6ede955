"""The latent of a picture: noise, of a label, from which a generator makes an image that is as near as it can be.

Shapes: images [N, C, H, W] in [-1, 1]; noise [N, D]; losses [N].
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.engine.batch import Latents
from zoo.engine.evaluation import of_each
from zoo.engine.prior import Prior
from zoo.engine.randomness import seeded
from zoo.engine.sampler import evaluating
from zoo.hub.pictures import to_bytes
from zoo.hub.seeds import SeedSampler

#: Images that are made at once to find where to begin.
BATCH = 64
#: Normal noise is kept within the root of D and this much more: nearly all of a prior's draws are.
BEYOND = 2.0

Look = Callable[[Tensor], Tensor]


def pixels(images: Tensor) -> Tensor:
    """Look at images [N, C, H, W] pixel by pixel, [N, C H W]."""
    return images.flatten(1)


class Projection:
    """Adam on the noise, from the seeds whose images are nearest.

    Args:
        sampler: whose latents.
        target: the picture, [C, H, W] in [-1, 1].
        look: images to what is compared, [N, F].
        seeds: where to begin is chosen among them.
        starts: how many are followed.
        label: what the image is to be; what each seed draws without one.

    Attributes:
        seeds: that are followed, the nearest first.
        noise: float32 [starts, D], as it is now.
        labels: int64 [starts], None without.
        best: the least loss so far, its start and its noise [1, D].
    """

    def __init__(
        self,
        sampler: SeedSampler,
        target: Tensor,
        look: Look = pixels,
        seeds: Sequence[int] = range(256),
        starts: int = 8,
        label: int | None = None,
    ) -> None:
        self.sampler, self.look = sampler.sampler, look
        self.how: dict[str, Any] = of_each(sampler.sampling)
        if "noise" in self.sampler.of_generator:
            self.how["noise"] = "const"
        self.target = look(target[None].float())
        self.scale = 1.0 if look is pixels else float(self.target.square().mean().clamp(min=1e-12))
        drawn = [sampler.draw(seeded("image", seed), label) for seed in seeds]
        noise = torch.cat([each for each, _ in drawn])
        labels = None if drawn[0][1] is None else torch.cat([each for _, each in drawn if each is not None])
        with torch.no_grad():
            parts = range(0, len(noise), BATCH)
            cut = [(noise[i : i + BATCH], None if labels is None else labels[i : i + BATCH]) for i in parts]
            losses = torch.cat([self.loss(self.images(*part)) for part in cut])
        nearest = losses.argsort(stable=True)[:starts]
        self.seeds = [seeds[number] for number in nearest.tolist()]
        self.noise, self.labels = noise[nearest].clone(), None if labels is None else labels[nearest]
        self.best = (math.inf, 0, self.noise[:1])

    def images(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """Make images of noise; gradients flow. A generator's own noise is the same each time."""
        made = self.sampler
        with evaluating(made):
            latents = Latents(made.prior.place(noise, labels), labels)
            return made.generate(latents, seeded("projection", 0), **self.how).float()

    def loss(self, images: Tensor) -> Tensor:
        """Compute the mean squared difference of what is seen; of features, relative to their mean square."""
        return (self.look(images) - self.target).square().mean(1) / self.scale

    def run(self, steps: int, rate: float = 0.1) -> Iterator[tuple[Tensor, Tensor]]:
        """Give losses [starts] and images, uint8 [starts, C, H, W], before each of the steps and after the last.

        Args:
            steps: of Adam, which see each start by itself.
            rate: the first learning rate; it falls to 0 along a cosine.
        """
        noise = self.noise.requires_grad_(True)
        first, second = torch.zeros_like(noise), torch.zeros_like(noise)
        for step in range(steps + 1):
            images = self.images(noise, self.labels)
            losses = self.loss(images)
            self.keep(losses.detach())
            if step < steps:
                (gradient,) = torch.autograd.grad(losses.sum(), noise)
                falling = rate * (1 + math.cos(math.pi * step / steps)) / 2
                with torch.no_grad():
                    noise -= falling * adam(gradient, first, second, step + 1)
                    noise.copy_(within(noise, self.sampler.prior))
            yield losses.detach(), to_bytes(images.detach())

    def keep(self, losses: Tensor) -> None:
        """Keep the noise of the least loss so far."""
        least, start = losses.min(0)
        if float(least) < self.best[0]:
            number = int(start)
            self.best = float(least), number, self.noise[number : number + 1].detach().clone()

    def label_of(self, start: int) -> int | None:
        """Return the label of a start; None without labels."""
        return None if self.labels is None else int(self.labels[start])

    @torch.no_grad()
    def image(self) -> Tensor:
        """Make the image [C, H, W] of the best noise, by itself."""
        _, start, noise = self.best
        return self.images(noise, None if self.labels is None else self.labels[start : start + 1])[0]


def adam(gradient: Tensor, first: Tensor, second: Tensor, step: int) -> Tensor:
    """Return the direction of Adam's step, and move its moments; torch's own imports its compiler, which takes seconds.

    Args:
        gradient: of each number.
        first: the first moment, with decay 0.9.
        second: the second moment, with decay 0.999.
        step: 1 for the first one.
    """
    first.lerp_(gradient, 0.1)
    second.lerp_(gradient.square(), 0.001)
    direction: Tensor = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
    return direction


def within(noise: Tensor, prior: Prior) -> Tensor:
    """Return noise [N, D] moved to where the prior draws it: uniform noise into [-1, 1], normal noise into a ball."""
    if prior.distribution == "uniform":
        return noise.clamp(-1, 1)
    if prior.distribution == "normal":
        most = math.sqrt(noise.shape[1]) + BEYOND
        moved: Tensor = noise * (most / noise.norm(dim=1, keepdim=True).clamp(min=most))
        return moved
    return noise

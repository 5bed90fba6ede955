"""Images on the way from one seed to the next: through the prior's noise, its components and codes, and labels.

Shapes: noise [1, D]; labels [1]; images [C, H, W] in [-1, 1].
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from zoo.engine.batch import Latents
from zoo.engine.evaluation import of_each
from zoo.engine.sampler import evaluating
from zoo.hub.between import Between
from zoo.hub.seeds import SeedSampler


class SeedPath:
    """A path through seeds; at a seed is the image that `SeedSampler.make` makes of it.

    Noise goes along a sphere where it is normal, straight elsewhere. Between two labels each of them places the noise,
    and the latent goes straight from one place to the other: between mixture components means and deviations do so.
    A network that is told labels is told those between (`Between`). A generator that maps latents to w, as StyleGAN2's,
    goes straight from one w to the other instead. A generator's own noise is that of the first seed.

    Args:
        sampler: whose images.
        keys: seeds and their labels; None is what the seed draws. At least two.
        truncation: in the place of the model's own.
    """

    def __init__(
        self, sampler: SeedSampler, keys: Sequence[tuple[int, int | None]], truncation: float | None = None
    ) -> None:
        self.sampler, self.keys = sampler, list(keys)
        self.how = of_each(sampler.sampling | ({} if truncation is None else {"truncation": truncation}))
        of_prior = sampler.sampler.of_prior(self.how)
        self.drawn = [sampler.start(seed, label, **of_prior)[:2] for seed, label in keys]

    @torch.no_grad()
    def at(self, number: int, share: float) -> Tensor:
        """Make the image [C, H, W] at `share` in [0, 1] of the way from a key to the next (or the first)."""
        here, there = self.drawn[number], self.drawn[(number + 1) % len(self.drawn)]
        made, source = self.sampler.sampler, self.noise()
        between = spherical if made.prior.distribution == "normal" else straight
        with evaluating(made):
            if hasattr(made.generator, "mapping"):
                first, second = (self.to_w(*each) for each in (here, there))
                return self.of_w(straight(first, second, share), source)
            (noise, labels), (other, others) = here, there
            noise = between(noise, other, share)
            z = straight(made.prior.place(noise, labels), made.prior.place(noise, others), share)
            if labels is not None and others is not None:
                labels = Between.of(labels, others, share)
            return made.generate(Latents(z, labels), source, **self.how)[0].float()

    def to_w(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """Return w [1, w_dim] of noise and a label."""
        made: Any = self.sampler.sampler
        w: Tensor = made.generator.mapping(made.prior.place(noise, labels), labels)
        return w

    def of_w(self, w: Tensor, source: torch.Generator) -> Tensor:
        """Make the image [C, H, W] of w [1, w_dim], the same for all layers; truncation moves it to the mean w."""
        generator: Any = self.sampler.sampler.generator
        truncation, noise = self.how.get("truncation"), self.how.get("noise", "random")
        if truncation is not None:
            w = torch.lerp(generator.w_average, w, truncation)
        images: Tensor = generator.synthesis(w[:, None].expand(-1, generator.num_ws, -1), source, noise)
        return images[0].float().clamp(-1, 1)

    def noise(self) -> torch.Generator:
        """Return what a generator's own noise is drawn from: that of the first seed, after its latent."""
        return self.sampler.start(*self.keys[0])[2]


def straight(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Return the point at `share` of the straight way; exactly the ends at 0 and 1."""
    return torch.lerp(first, second, share)


def spherical(first: Tensor, second: Tensor, share: float) -> Tensor:
    """Return [N, D] at `share` of the way along the great circle, by equal angles; lengths change evenly.

    Exactly the ends at 0 and 1. Straight where two directions are equal or opposite: there is no one circle.
    """
    if share in (0, 1):
        return second if share else first
    lengths = first.norm(dim=1, keepdim=True), second.norm(dim=1, keepdim=True)
    a, b = first / lengths[0], second / lengths[1]
    angle = (a * b).sum(1, keepdim=True).clamp(-1, 1).acos()
    direction = (((1 - share) * angle).sin() * a + (share * angle).sin() * b) / angle.sin()
    on_circle = direction * torch.lerp(*lengths, share)
    return torch.where(angle.sin() > 1e-4, on_circle, straight(first, second, share))


def positions(keys: int, steps: int, loop: bool) -> list[tuple[int, float]]:
    """Return where the frames of a moving picture are: `steps` from each key to the next, and the last key.

    With `loop` the way goes on to the first key, which is not shown twice.
    """
    ways = range(keys if loop else keys - 1)
    found = [(way, step / steps) for way in ways for step in range(steps)]
    return found if loop else [*found, (keys - 2, 1.0)]


def rows(keys: int, columns: int, loop: bool) -> list[tuple[int, float]]:
    """Return where the images of a still picture are: a row for each way, both its ends included."""
    return [(way, step / (columns - 1)) for way in range(keys if loop else keys - 1) for step in range(columns)]


def keys_of(seeds: Sequence[int], labels: Sequence[int] | None) -> list[tuple[int, Any]]:
    """Return seeds with their labels: one for each seed, one for all, or one seed that goes through all labels.

    Raises ValueError for fewer than two keys, or counts that do not go together.
    """
    if labels is None:
        made: list[tuple[int, Any]] = [(seed, None) for seed in seeds]
    elif len(labels) in (1, len(seeds)) or len(seeds) == 1:
        count = max(len(seeds), len(labels))
        made = list(zip([*seeds] * (count // len(seeds)), [*labels] * (count // len(labels)), strict=True))
    else:
        raise ValueError(f"--labels: give one for each of the {len(seeds)} seeds, or one, or one seed: {len(labels)}")
    if len(made) < 2:
        raise ValueError("--seeds: a way needs two ends: give two seeds or more, or one seed and two labels")
    return made

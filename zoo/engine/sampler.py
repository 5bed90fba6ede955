"""Sampling: a prior and a generator.

Shapes: images [N, C, H, W] in [-1, 1]; latents [N, D]; labels [N].
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from zoo.engine.batch import Latents
from zoo.engine.prior import Prior
from zoo.engine.randomness import seeded


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Put networks into inference mode; at the end every part is back in its own mode, frozen ones too."""
    training = [part for network in networks for part in network.modules() if part.training]
    try:
        for part in training:
            object.__setattr__(part, "training", False)  # torch's own takes a microsecond for each, in every step
        yield
    finally:
        for part in training:
            object.__setattr__(part, "training", True)


class Sampler(nn.Module):
    """A prior and a generator: n images [n, C, H, W]."""

    def __init__(self, prior: Prior, generator: nn.Module) -> None:
        super().__init__()
        self.prior, self.generator = prior, generator

    def forward(
        self, n: int, source: torch.Generator | None = None, labels: Tensor | None = None, **how: Any
    ) -> Tensor:
        """Make n images; what is random is drawn from `source`, or from torch's own generator without one.

        Args:
            n: how many.
            source: of random numbers.
            labels: int64 [n], what each image is to be; drawn by the prior without them.
            **how: `truncation` of the latents, and what else the generator takes.
        """
        return self.generate(self.prior(n, source, labels, **self.of_prior(how)), source, **how)

    def generate(
        self, latents: Latents, source: torch.Generator | Sequence[torch.Generator] | None = None, **how: Any
    ) -> Tensor:
        """Make an image of each latent, in [-1, 1] also where the generator has no such bounds (`is_unbounded`).

        Args:
            latents: [N, D], and labels where the generator takes them.
            source: of the generator's own noise, where it has any (`draws_noise`); one for each image, or for all.
            **how: of it, what the generator says in `sampling_options` that it takes.
        """
        known = {name: value for name, value in how.items() if name in self.of_generator}
        if getattr(self.generator, "draws_noise", False):
            known["source"] = source
        if getattr(self.generator, "num_labels", None) is None:
            images: Tensor = self.generator(latents.z, **known)
        else:
            images = self.generator(latents.z, latents.labels, **known)
        return images.clamp(-1, 1) if getattr(self.generator, "is_unbounded", False) else images

    @property
    def of_generator(self) -> tuple[str, ...]:
        """Return those of sampling's options that the generator takes by itself."""
        return tuple(getattr(self.generator, "sampling_options", ()))

    def of_prior(self, how: dict[str, Any]) -> dict[str, Any]:
        """Return what of sampling's options is the prior's: truncation, where the generator has none of its own."""
        return {} if "truncation" in self.of_generator else {k: how[k] for k in ("truncation",) if k in how}

    def numbered(self, numbers: Tensor, seed: int, labels: Tensor | None = None, **how: Any) -> Tensor:
        """Make images [N, C, H, W], each a function of (seed, its number, its label), whatever else is in the batch.

        Noise and labels are drawn in blocks, each from (seed, its number); only the wanted ones go further.

        Args:
            numbers: int64 [N], at least 0.
            seed: of the run.
            labels: see `forward`.
            **how: see `forward`.
        """
        latents = self.numbered_latents(numbers.cpu(), seed, labels, **self.of_prior(how))
        if not getattr(self.generator, "draws_noise", False):
            return self.generate(latents, **how)
        return self.generate(latents, [seeded("noise", seed, number) for number in numbers.tolist()], **how)

    def numbered_latents(
        self, numbers: Tensor, seed: int, labels: Tensor | None = None, truncation: float | None = None
    ) -> Latents:
        """Return the latents of `numbered`."""
        prior, size = self.prior, self.prior.block
        blocks, which = (numbers // size).unique(return_inverse=True)
        sources = [seeded("sample", seed, block) for block in blocks.tolist()]
        drawn = [(prior.noise(size, source), prior.choose(size, source)) for source in sources]
        if not drawn:
            return prior(0, None, labels)  # type: ignore[no-any-return]
        rows = (which * size + numbers % size).to(drawn[0][0].device)
        noise = torch.cat([noise for noise, _ in drawn])[rows]
        if labels is None and drawn[0][1] is not None:
            labels = torch.cat([chosen for _, chosen in drawn if chosen is not None])[rows]
        return Latents(prior.place(noise if truncation is None else prior.truncate(noise, truncation), labels), labels)

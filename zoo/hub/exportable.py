"""A sampler as a function of latents and labels, and what a file of it says.

Shapes: latents [N, D]; labels [N]; images [N, C, H, W] in [-1, 1].
"""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from zoo.engine.batch import Latents
from zoo.engine.evaluation import of_each
from zoo.engine.randomness import seeded
from zoo.engine.sampler import Sampler
from zoo.hub.config import own_version
from zoo.hub.seeds import SeedSampler

Inputs = dict[str, Tensor]


class ExportError(ValueError):
    """A generator that cannot be exported as was asked. The message is one line."""


class Exportable(nn.Module):
    """A sampler as a function of latents and labels.

    Args:
        sampler: a prior and a generator; a copy is made.
        how: options of the generator, as `Sampler.generate` takes them.
        image_shape: (C, H, W).
    """

    def __init__(self, sampler: Sampler, how: dict[str, Any], image_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.sampler = deepcopy(sampler).to(memory_format=torch.contiguous_format).requires_grad_(False).eval()
        self.how, self.image_shape = how, image_shape

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to images [N, C, H, W] in [-1, 1]."""
        return self.sampler.generate(Latents(self.sampler.prior.place(latent, label), label), **self.how)

    def inputs(self, n: int) -> Inputs:
        """Draw n latents, and labels where there are any; a function of n."""
        prior, source = self.sampler.prior, seeded("export", n)
        drawn = {"latent": prior.noise(n, source)}
        if prior.num_labels is not None:
            drawn["label"] = torch.randint(prior.num_labels, (n,), generator=source)
        return drawn

    def about(self) -> dict[str, str]:
        """Return what a file says of itself."""
        prior, truncation = self.sampler.prior, self.how.get("truncation")
        kind = {"normal": "standard normal", "uniform": "uniform in [-1, 1)"}.get(prior.distribution or "", "own noise")
        if truncation is not None and "truncation" not in self.sampler.of_generator:
            kind += f", truncated to [-{truncation}, {truncation}]"
        shapes = {"latent": f"float32 [N, {prior.dim}], {kind}"}
        if prior.num_labels is not None:
            shapes["label"] = f"int64 [N], 0 .. {prior.num_labels - 1}"
        sides = ", ".join(map(str, self.image_shape))
        return shapes | {"image": f"float32 [N, {sides}] in [-1, 1]", "made_by": f"ganzoo {own_version()}"}


def exportable(sampler: SeedSampler) -> Exportable:
    """Return what can be exported of a sampler; noise of the generator's own is the same in every image.

    Raises ExportError for a generator that draws noise and has no constant one.
    """
    made, how = sampler.sampler, of_each(sampler.sampling)
    if getattr(made.generator, "draws_noise", False):
        if "noise" not in made.of_generator:
            raise ExportError(f"{type(made.generator).__name__} draws noise for each image: a file cannot")
        how["noise"] = how["noise"] if how.get("noise") in ("const", "none") else "const"
    return Exportable(made, how, sampler.image_shape)

"""Priors, which draw latents: modules with `forward(n, source, labels) -> Latents` and `penalty() -> scalar`.

A prior is a module because it may own parameters (DeLiGAN's mixture does): the generator's optimizer trains them and
`penalty()` is added to the generator's loss. It owns the labels too: classes, mixture components, codes and experts are
one concept, a whole number that decides, beside the noise, what an image is.
"""

import torch
from torch import Tensor

from zoo.engine.prior import Prior, truncated_normal
from zoo.priors.codes import Codes
from zoo.priors.mixture import GaussianMixture


class Normal(Prior):
    """z ~ N(0, I)."""

    distribution = "normal"

    def noise(self, n: int, source: torch.Generator | None) -> Tensor:
        """Draw standard normal noise, [n, D]."""
        return self.normal(n, source)

    def truncate(self, noise: Tensor, most: float) -> Tensor:
        """Map the noise to a normal truncated to [-most, most]."""
        return truncated_normal(noise, most)


class Uniform(Prior):
    """z ~ U(-1, 1), each number by itself."""

    distribution = "uniform"

    def noise(self, n: int, source: torch.Generator | None) -> Tensor:
        """Draw uniform noise in [-1, 1), [n, D]."""
        return self.uniform(n, source)


PRIORS: dict[str, type[Prior]] = {
    "normal": Normal,
    "uniform": Uniform,
    "gaussian_mixture": GaussianMixture,
    "codes": Codes,
}

__all__ = ["PRIORS", "Codes", "GaussianMixture", "Normal", "Prior", "Uniform"]

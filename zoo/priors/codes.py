"""InfoGAN's prior."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from zoo.engine.prior import Prior


class Codes(Prior):
    """InfoGAN's latents: noise, a categorical code one-hot, continuous codes (arXiv:1606.03657, Section 7.1).

    A label is the categorical code. z = [noise, one_hot(label), codes], noise and codes in U(-1, 1).

    Args:
        dim: D of all of it.
        categories: of the categorical code.
        continuous: how many continuous codes.
    """

    distribution = "uniform"

    def __init__(self, dim: int, categories: int = 10, continuous: int = 2) -> None:
        super().__init__(dim)
        if categories < 2 or continuous < 0 or categories + continuous >= dim:
            raise ValueError(f"codes: {categories} categories and {continuous} codes leave no noise of {dim} latents")
        self.num_labels = self.categories = categories
        self.continuous = continuous

    def noise(self, n: int, source: torch.Generator | None) -> Tensor:
        """Draw noise and codes; the place of the categorical code is drawn too, and not used."""
        return self.uniform(n, source)

    def place(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """Return z [n, dim]: part of the noise, the label one-hot, the codes."""
        free = self.dim - self.categories - self.continuous
        code = one_hot(labels, self.categories).to(noise)  # type: ignore[arg-type]
        return torch.cat([noise[:, :free], code, noise[:, free + self.categories :]], 1)

    def codes(self, z: Tensor) -> Tensor:
        """Return the continuous codes [N, K] of latents z [N, dim]."""
        return z[:, self.dim - self.continuous :]

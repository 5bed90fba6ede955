"""The base of all priors: noise and labels to latents."""

from abc import abstractmethod
from math import lcm
from typing import Literal

import torch
from torch import Tensor, nn

from zoo.engine.batch import Latents

BLOCK = 64  # latents that are drawn at once where each is to be a function of its number


class Prior(nn.Module):
    """Base of all priors over latents of `dim` numbers.

    Attributes:
        distribution: of each number of the noise, in evaluation; None for another.
        num_labels: how many labels there are; None without.
        in_turns: sample n has label n modulo num_labels, rather than any.
        block: how many latents are drawn at once where each is to be a function of its number.
    """

    distribution: Literal["normal", "uniform"] | None = None
    device_tracker: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim, self.block = dim, BLOCK
        self.num_labels: int | None = None
        self.in_turns = False
        # knows the device and dtype to draw in
        self.register_buffer("device_tracker", torch.empty(0), persistent=False)

    def take_labels(self, num_labels: int, in_turns: bool) -> None:
        """Give labels to a prior that has none of its own. Raises ValueError for one that has."""
        if self.num_labels is not None:
            raise ValueError(f"prior {type(self).__name__} has {self.num_labels} labels of its own: take another prior")
        self.num_labels, self.in_turns = num_labels, in_turns
        self.block = lcm(BLOCK, num_labels) if in_turns else BLOCK

    def forward(
        self,
        n: int,
        source: torch.Generator | None = None,
        labels: Tensor | None = None,
        truncation: float | None = None,
    ) -> Latents:
        """Draw n latents from `source`, or from torch's own generator without one.

        Args:
            n: how many.
            source: of random numbers; one on another device is drawn from there.
            labels: int64 [n]; drawn without them, where the prior has labels.
            truncation: see `truncate`.
        """
        noise = self.noise(n, source)
        chosen = self.choose(n, source) if labels is None else labels
        return Latents(self.place(noise if truncation is None else self.truncate(noise, truncation), chosen), chosen)

    @abstractmethod
    def noise(self, n: int, source: torch.Generator | None) -> Tensor:
        """Draw what does not depend on labels, [n, D]."""

    def choose(self, n: int, source: torch.Generator | None = None) -> Tensor | None:
        """Draw labels, int64 [n]; None without labels."""
        if self.num_labels is None:
            return None
        if self.in_turns:
            return turns(n, self.num_labels, self.device_tracker.device, spread=not self.training)
        device = source.device if source else self.device_tracker.device
        return torch.randint(self.num_labels, (n,), generator=source, device=device).to(self.device_tracker.device)

    def place(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """Return z [n, dim] of noise and labels."""
        return noise

    def truncate(self, noise: Tensor, most: float) -> Tensor:
        """Map normal noise to a normal truncated to [-most, most], draw by draw (arXiv:1809.11096, Section 3.1).

        Raises ValueError for a prior whose noise is not normal, or a `most` that is not above 0.
        """
        raise ValueError(f"truncation is for normal latents: the prior {type(self).__name__} has none")

    def penalty(self) -> Tensor:
        """Compute what the prior adds to the generator's loss; 0 where it has nothing to learn."""
        return self.device_tracker.new_zeros(())

    def describe(self) -> dict[str, Tensor]:
        """Return scalars worth a plot; none where there is nothing to learn."""
        return {}

    def normal(self, n: int, source: torch.Generator | None) -> Tensor:
        """Draw standard normal noise [n, dim]."""
        like = self.device_tracker
        device = source.device if source else like.device
        return torch.randn(n, self.dim, generator=source, device=device, dtype=like.dtype).to(like)

    def uniform(self, n: int, source: torch.Generator | None) -> Tensor:
        """Draw uniform noise in [-1, 1), [n, dim]."""
        like = self.device_tracker
        device = source.device if source else like.device
        noise = torch.rand(n, self.dim, generator=source, device=device, dtype=like.dtype)
        return noise.to(like) * 2 - 1


def turns(n: int, labels: int, device: torch.device, spread: bool) -> Tensor:
    """Return n labels in turn, int64 [n]; those of a last, part turn are evenly spread over all if wished."""
    rest = n % labels
    if not (spread and rest):
        return torch.arange(n, device=device) % labels
    last = torch.arange(rest, device=device) * labels // rest
    return torch.cat([torch.arange(n - rest, device=device) % labels, last])


def truncated_normal(noise: Tensor, most: float) -> Tensor:
    """Map standard normal noise to a normal truncated to [-most, most]: a growing function of each draw."""
    if not 0 < most < float("inf"):
        raise ValueError(f"truncation must be finite and above 0, got {most}")
    low = torch.special.ndtr(torch.tensor(-most, dtype=torch.float64, device=noise.device))
    share = torch.special.ndtr(noise.double())
    truncated: Tensor = torch.special.ndtri(low + (1 - 2 * low) * share).clamp(-most, most).to(noise.dtype)
    return truncated

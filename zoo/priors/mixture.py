"""DeLiGAN's prior."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from zoo.engine.errors import BatchError
from zoo.engine.prior import BLOCK, Prior, truncated_normal

Sampling = Literal["random", "stratified", "fixed"]


class GaussianMixture(Prior):
    """DeLiGAN's mixture of learnt Gaussians with equal weights (arXiv:1706.02071): z = mu_i + sigma_i * noise.

    A label is a component.

    Args:
        dim: D of the latents.
        components: how many Gaussians.
        sigma_init: where every sigma starts, or two numbers between which each is drawn uniformly, as [-0.2, 0.2] in
            the authors' code for CIFAR-10; mu starts at U(-1, 1).
        sigma_weight: of the penalty that is to keep sigma from vanishing, by pulling every sigma to 1; as a mean over
            all of them it pulls each very little.
        sampling: which component makes a sample. `random`: any, as in the paper. `stratified`: in random order, each
            equally often; in training n must be a multiple of `components`, in evaluation counts may differ by one.
            `fixed`: sample n has component n modulo `components`, as in the authors' code.
        noise: `normal`, or the authors' toy's: `uniform` in [-1, 1) in training, normal in evaluation.
    """

    distribution = "normal"

    def __init__(
        self,
        dim: int,
        components: int = 50,
        sigma_init: float | list[float] = 0.2,
        sigma_weight: float = 0.1,
        sampling: Sampling = "random",
        noise: Literal["normal", "uniform"] = "normal",
    ) -> None:
        super().__init__(dim)
        if sampling not in get_args(Sampling) or noise not in ("normal", "uniform"):
            raise ValueError(f"sampling must be {get_args(Sampling)}, noise normal or uniform: {sampling!r}, {noise!r}")
        if components < 1 or not 0 <= sigma_weight < float("inf"):
            raise ValueError(f"components must be at least 1, sigma_weight at least 0: {components}, {sigma_weight}")
        self.block = components * -(-BLOCK // components)  # as often each component
        self.num_labels = self.components = components
        self.sigma_weight, self.sampling, self.noise_kind = sigma_weight, sampling, noise
        self.mu = nn.Parameter(torch.empty(components, dim).uniform_(-1, 1))
        low, high = between(sigma_init)
        # a draw where nothing is random would change every later one: the networks' first weights
        sigma = torch.full((components, dim), low) if low == high else torch.empty(components, dim).uniform_(low, high)
        self.sigma = nn.Parameter(sigma)

    def noise(self, n: int, source: torch.Generator | None) -> Tensor:
        """Draw normal noise, [n, D]; uniform noise in training where that was asked for."""
        return (self.uniform if self.noise_kind == "uniform" and self.training else self.normal)(n, source)

    def choose(self, n: int, source: torch.Generator | None = None) -> Tensor:
        """Draw which component makes each of n samples, [n], in 0 .. components - 1."""
        device = source.device if source else self.mu.device
        slot = torch.arange(n, device=self.mu.device) % self.components
        if self.sampling == "fixed":
            return slot
        if self.sampling == "random":
            return torch.randint(self.components, (n,), generator=source, device=device).to(self.mu.device)
        if self.training and n % self.components:
            raise BatchError(f"stratified sampling takes a multiple of components={self.components} latents, got {n}")
        label, order = (torch.randperm(k, generator=source, device=device) for k in (self.components, n))
        return label.to(slot)[slot[order.to(slot)]]

    def place(self, noise: Tensor, labels: Tensor | None) -> Tensor:
        """Return mu[labels] + sigma[labels] * noise [n, dim]. arXiv:1706.02071, Section 4."""
        return self.reparameterize(labels, noise)  # type: ignore[arg-type]

    def reparameterize(self, index: Tensor, noise: Tensor) -> Tensor:
        """Return mu[index] + sigma[index] * noise, for index [n] and noise [n, dim]."""
        return self.mu[index] + self.sigma[index] * noise

    def truncate(self, noise: Tensor, most: float) -> Tensor:
        """Map the noise to a normal truncated to [-most, most]."""
        return truncated_normal(noise, most)

    def penalty(self) -> Tensor:
        """Compute sigma_weight * mean((1 - sigma)^2), over all components and dimensions."""
        return self.sigma_weight * (1 - self.sigma).square().mean()

    def describe(self) -> dict[str, Tensor]:
        """Return sigma's range: it must not vanish, as it does in the authors' run on MNIST (docs/deligan.md)."""
        sigma = self.sigma
        return {"sigma_min": sigma.min(), "sigma_mean": sigma.mean(), "sigma_max": sigma.max()}


def between(value: float | list[float]) -> tuple[float, float]:
    """Return the ends of the range that a number, or two, stand for. Raise ValueError."""
    ends = tuple(map(float, value)) if isinstance(value, list | tuple) else (float(value), float(value))
    if len(ends) != 2 or not -float("inf") < ends[0] <= ends[1] < float("inf"):
        raise ValueError(f"sigma_init must be a finite number, or two, the lower one first: got {value!r}")
    return ends[0], ends[1]

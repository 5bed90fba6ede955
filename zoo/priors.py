"""Where latents come from: modules with `forward(n, generator) -> [n, dim]` and `penalty() -> scalar`.

A prior is a module because it may own parameters (DeLiGAN's mixture does): the generator's optimizer trains them and
`penalty()` is added to the generator's loss.
"""

from abc import abstractmethod
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from zoo.engine.errors import BatchError


class Prior(nn.Module):
    """Base of all priors over latents of `dim` numbers."""

    anchor: Tensor
    block = 64
    """How many latents are drawn at once where each is to be a function of its number."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("anchor", torch.empty(0), persistent=False)  # knows the device and dtype to draw in

    @abstractmethod
    def forward(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draws n latents, [n, dim], from `generator`, or from torch's own without one."""

    def penalty(self) -> Tensor:
        """What the prior adds to the generator's loss; 0 where it has nothing to learn."""
        return self.anchor.new_zeros(())

    def describe(self) -> dict[str, Tensor]:
        """Scalars worth a plot; none where there is nothing to learn."""
        return {}

    def normal(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Standard normal noise [n, dim]; a generator on another device is drawn from there, then moved."""
        device = generator.device if generator else self.anchor.device
        return torch.randn(n, self.dim, generator=generator, device=device, dtype=self.anchor.dtype).to(self.anchor)

    def uniform(self, n: int, generator: torch.Generator | None) -> Tensor:
        """Uniform noise in [-1, 1), [n, dim]; a generator on another device is drawn from there, then moved."""
        device = generator.device if generator else self.anchor.device
        noise = torch.rand(n, self.dim, generator=generator, device=device, dtype=self.anchor.dtype)
        return noise.to(self.anchor) * 2 - 1


class Normal(Prior):
    """z ~ N(0, I)."""

    def forward(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """See Prior."""
        return self.normal(n, generator)


class Uniform(Prior):
    """z ~ U(-1, 1), each number by itself."""

    def forward(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """See Prior."""
        return self.uniform(n, generator)


Sampling = Literal["random", "stratified", "fixed"]


class GaussianMixture(Prior):
    """DeLiGAN's mixture of learnt Gaussians with equal weights (arXiv:1706.02071): z = mu_i + sigma_i * noise.

    Args:
        dim: D of the latents.
        components: how many Gaussians.
        sigma_init: where every sigma starts; mu starts at U(-1, 1).
        sigma_weight: of the penalty that is to keep sigma from vanishing, by pulling every sigma to 1; as a mean over
            all of them it pulls each very little.
        sampling: which component makes a sample. `random`: any, as in the paper. `stratified`: in random order, each
            equally often; in training n must be a multiple of `components`, in evaluation counts may differ by one.
            `fixed`: sample n has component n modulo `components`, as in the authors' code.
        noise: `normal`, or the authors' toy's: `uniform` in [-1, 1) in training, normal in evaluation.
    """

    def __init__(
        self,
        dim: int,
        components: int = 50,
        sigma_init: float = 0.2,
        sigma_weight: float = 0.1,
        sampling: Sampling = "random",
        noise: Literal["normal", "uniform"] = "normal",
    ) -> None:
        super().__init__(dim)
        if sampling not in get_args(Sampling) or noise not in ("normal", "uniform"):
            raise ValueError(f"sampling must be {get_args(Sampling)}, noise normal or uniform: {sampling!r}, {noise!r}")
        if components < 1 or not 0 <= sigma_weight < float("inf"):
            raise ValueError(f"components must be at least 1, sigma_weight at least 0: {components}, {sigma_weight}")
        self.block = components * -(-Prior.block // components)  # as often each component
        self.components, self.sigma_weight, self.sampling, self.noise = components, sigma_weight, sampling, noise
        self.mu = nn.Parameter(torch.empty(components, dim).uniform_(-1, 1))
        self.sigma = nn.Parameter(torch.full((components, dim), float(sigma_init)))

    def forward(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """See Prior."""
        draw = self.uniform if self.noise == "uniform" and self.training else self.normal
        noise = draw(n, generator)
        return self.reparameterize(self.choose(n, generator), noise)

    def choose(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Which component makes each of n samples, [n], in 0 .. components - 1."""
        device = generator.device if generator else self.mu.device
        slot = torch.arange(n, device=self.mu.device) % self.components
        if self.sampling == "fixed":
            return slot
        if self.sampling == "random":
            return torch.randint(self.components, (n,), generator=generator, device=device).to(self.mu.device)
        if self.training and n % self.components:
            raise BatchError(f"stratified sampling takes a multiple of components={self.components} latents, got {n}")
        label, order = (torch.randperm(k, generator=generator, device=device) for k in (self.components, n))
        return label.to(slot)[slot[order.to(slot)]]

    def reparameterize(self, index: Tensor, noise: Tensor) -> Tensor:
        """mu[index] + sigma[index] * noise, for index [n] and noise [n, dim]. arXiv:1706.02071, Section 4."""
        return self.mu[index] + self.sigma[index] * noise

    def penalty(self) -> Tensor:
        """sigma_weight * mean((1 - sigma)^2), over all components and dimensions."""
        return self.sigma_weight * (1 - self.sigma).square().mean()

    def describe(self) -> dict[str, Tensor]:
        """Sigma must not vanish, as it does in the authors' run on MNIST (docs/deligan.md)."""
        sigma = self.sigma
        return {"sigma_min": sigma.min(), "sigma_mean": sigma.mean(), "sigma_max": sigma.max()}


PRIORS: dict[str, type[Prior]] = {"normal": Normal, "uniform": Uniform, "gaussian_mixture": GaussianMixture}

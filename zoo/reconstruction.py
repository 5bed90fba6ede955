"""Losses of GANs whose critic is an auto-encoder: BEGAN and EBGAN. Pure functions on reconstruction errors [N]."""

from typing import Literal

from torch import Tensor
from torch.nn.functional import relu

from zoo.losses import mean


def reconstruction_errors(images: Tensor, decoded: Tensor, norm: Literal["l1", "l2"] = "l1") -> Tensor:
    """Return each sample's mean of |x - D(x)| (BEGAN) or of its square (EBGAN), [N]."""
    differences = (images - decoded).flatten(1)
    return (differences.abs() if norm == "l1" else differences.square()).mean(1)


def began_critic(on_real: Tensor, on_fake: Tensor, k: Tensor | float) -> Tensor:
    """Compute L(x) - k L(G(z)). arXiv:1703.10717, Section 3.4."""
    return mean(on_real) - k * mean(on_fake)


def began_generator(on_fake: Tensor) -> Tensor:
    """Compute L(G(z)). arXiv:1703.10717, Section 3.4."""
    return mean(on_fake)


def began_next_k(k: Tensor, on_real: Tensor, on_fake: Tensor, *, gamma: float = 0.5, rate: float = 0.001) -> Tensor:
    """Return k + rate (gamma L(x) - L(G(z))) in [0, 1], without a graph. arXiv:1703.10717, Section 3.4."""
    balance = gamma * mean(on_real.detach()) - mean(on_fake.detach())
    return (k + rate * balance).clamp(0, 1)


def began_convergence(on_real: Tensor, on_fake: Tensor, *, gamma: float = 0.5) -> Tensor:
    """Return the measure M = L(x) + |gamma L(x) - L(G(z))|: lower is better. arXiv:1703.10717, Section 3.4.1."""
    return mean(on_real) + (gamma * mean(on_real) - mean(on_fake)).abs()


def energy_critic(on_real: Tensor, on_fake: Tensor, *, margin: float) -> Tensor:
    """Compute E(x) + max(0, m - E(G(z))), the maximum for each sample. arXiv:1609.03126, Equation 1."""
    return mean(on_real) + mean(relu(margin - on_fake))


def energy_generator(on_fake: Tensor) -> Tensor:
    """Compute E(G(z)). arXiv:1609.03126, Equation 2."""
    return mean(on_fake)

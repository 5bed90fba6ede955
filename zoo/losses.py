"""Adversarial losses and penalties: pure functions on tensors.

`on_real`, `on_fake` are critic outputs [N], logits where the loss is logistic; `real`, `fake` are images [N, C, H, W].
Every function returns a scalar that the named player minimises; those of the gradient penalty are from
`zoo.gradient_penalty`. More penalties are in `zoo.penalties`, auto-encoders' losses in `zoo.reconstruction`.
"""

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from zoo.gradient_penalty import gradient_norms as gradient_norms
from zoo.gradient_penalty import gradient_penalty as gradient_penalty
from zoo.gradient_penalty import input_gradients as input_gradients
from zoo.gradient_penalty import norm_penalty as norm_penalty


def mean(outputs: Tensor) -> Tensor:
    """Compute the mean in float32 at least: bfloat16 has 8 bits, and a Wasserstein estimate is a small difference."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32)).mean()


def logistic_critic(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Compute binary cross entropy, real = 1, fake = 0, halved: a critic that knows nothing has ln 2.

    -(log D(x) + log(1 - D(G(z)))) / 2 with D = sigmoid(critic). arXiv:1406.2661, Equation 1.
    """
    return (mean(softplus(-on_real)) + mean(softplus(on_fake))) / 2


def logistic_generator(on_fake: Tensor) -> Tensor:
    """Compute the non-saturating loss: -log D(G(z)). arXiv:1406.2661, Section 3."""
    return mean(softplus(-on_fake))


def saturating_generator(on_fake: Tensor) -> Tensor:
    """Compute log(1 - D(G(z))): no gradient where the critic is sure. arXiv:1406.2661, Equation 1."""
    return -mean(softplus(on_fake))


def wasserstein_critic(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Compute f(G(z)) - f(x): minus the estimate of the Wasserstein distance. arXiv:1701.07875, Algorithm 1."""
    return mean(on_fake) - mean(on_real)


def wasserstein_generator(on_fake: Tensor) -> Tensor:
    """Compute -f(G(z)). arXiv:1701.07875, Algorithm 1."""
    return -mean(on_fake)


def least_squares_critic(on_real: Tensor, on_fake: Tensor, *, a: float = 0.0, b: float = 1.0) -> Tensor:
    """Compute half of (f(x) - b)^2 plus half of (f(G(z)) - a)^2. arXiv:1611.04076, Equation 2."""
    return (mean((on_real - b).square()) + mean((on_fake - a).square())) / 2


def least_squares_generator(on_fake: Tensor, *, c: float = 1.0) -> Tensor:
    """Compute half of (f(G(z)) - c)^2. arXiv:1611.04076, Equation 2; (a, b, c) = (-1, 1, 0) gives Pearson's chi^2."""
    return mean((on_fake - c).square()) / 2


def hinge_critic(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Compute max(0, 1 - f(x)) + max(0, 1 + f(G(z))). arXiv:1802.05957, Equation 16."""
    return mean(relu(1 - on_real)) + mean(relu(1 + on_fake))


def hinge_generator(on_fake: Tensor) -> Tensor:
    """Compute -f(G(z)). arXiv:1802.05957, Equation 17."""
    return wasserstein_generator(on_fake)


def relativistic_critic(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Compute softplus(-(f(x_i) - f(G(z_i)))): pairs i, i, as in RSGAN (arXiv:1807.00734), R3GAN (arXiv:2501.05441)."""
    return mean(softplus(on_fake - on_real))


def relativistic_generator(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Compute softplus(-(f(G(z_i)) - f(x_i))): the same pairs, turned round."""
    return mean(softplus(on_real - on_fake))


def relativistic_average_critic(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Compare each output with the other batch's mean, with its gradients. arXiv:1807.00734, RaSGAN, halved."""
    return (mean(softplus(mean(on_fake) - on_real)) + mean(softplus(on_fake - mean(on_real)))) / 2


def relativistic_average_generator(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Compute the critic's loss with real and fake exchanged. arXiv:1807.00734, RaSGAN, halved."""
    return relativistic_average_critic(on_fake, on_real)

"""Adversarial losses and penalties: pure functions on tensors.

`on_real`, `on_fake` are critic outputs [N], logits where the loss is logistic; `real`, `fake` are images [N, C, H, W].
Every function returns a scalar that the named player minimises, except `gradient_norms`, which returns [N].
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import softplus


def mean(outputs: Tensor) -> Tensor:
    """The mean in float32 at least: bfloat16 has 8 bits, and a Wasserstein estimate is a small difference of means."""
    return outputs.to(torch.promote_types(outputs.dtype, torch.float32)).mean()


def logistic_critic(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """Binary cross entropy with real = 1, fake = 0, halved so that a critic that knows nothing pays ln 2.

    -(log D(x) + log(1 - D(G(z)))) / 2 with D = sigmoid(critic). arXiv:1406.2661, Equation 1.
    """
    return (mean(softplus(-on_real)) + mean(softplus(on_fake))) / 2


def logistic_generator(on_fake: Tensor) -> Tensor:
    """The non-saturating generator: -log D(G(z)). arXiv:1406.2661, Section 3."""
    return mean(softplus(-on_fake))


def wasserstein_critic(on_real: Tensor, on_fake: Tensor) -> Tensor:
    """f(G(z)) - f(x): minus the estimate of the Wasserstein distance. arXiv:1701.07875, Algorithm 1."""
    return mean(on_fake) - mean(on_real)


def wasserstein_generator(on_fake: Tensor) -> Tensor:
    """-f(G(z)). arXiv:1701.07875, Algorithm 1."""
    return -mean(on_fake)


def gradient_norms(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, epsilon: Tensor | None = None, eps: float = 1e-12
) -> Tensor:
    """||grad f(x_hat)||_2 per sample, [N], where x_hat = epsilon * real + (1 - epsilon) * fake.

    The norm runs over all of a sample's pixels; `critic` must treat samples one by one (no batch norm), else the
    gradient of the sum is not the sample's own. Computed in full precision under autocast, and with a graph, so that
    it can be differentiated again. arXiv:1704.00028, Algorithm 1, lines 5 to 7.

    Args:
        critic: images to outputs [N].
        real: images [N, C, H, W].
        fake: images of the same shape; no gradient flows into either.
        epsilon: mixing weights [N, 1, ...] in [0, 1]; drawn uniformly, one for each sample, by default.
        eps: added under the root, whose derivative at 0 is infinite.
    """
    if epsilon is None:
        epsilon = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device, dtype=real.dtype)
    with torch.autocast(real.device.type, enabled=False):
        x_hat = torch.lerp(fake.detach().to(real.dtype), real.detach(), epsilon)
        if torch.compiler.is_compiling():  # a graph of torch.compile takes gradients inside only in this form
            gradient: Tensor = torch.func.grad(lambda x: critic(x).sum())(x_hat)
        else:
            x_hat.requires_grad_()
            (gradient,) = torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)
        return (gradient.flatten(1).square().sum(1) + eps).sqrt()


def norm_penalty(norms: Tensor, *, target: float = 1.0, one_sided: bool = False) -> Tensor:
    """Mean of (norm - target)^2, or of max(norm - target, 0)^2 if `one_sided`. arXiv:1704.00028, Section 4."""
    excess = norms - target
    return (excess.relu() if one_sided else excess).square().mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    *,
    epsilon: Tensor | None = None,
    target: float = 1.0,
    one_sided: bool = False,
    eps: float = 1e-12,
) -> Tensor:
    """Mean over samples of (||grad f(x_hat)||_2 - target)^2, not yet weighted. arXiv:1704.00028, Equation 3.

    See `gradient_norms` for the first arguments and `norm_penalty` for the others.
    """
    norms = gradient_norms(critic, real, fake, epsilon=epsilon, eps=eps)
    return norm_penalty(norms, target=target, one_sided=one_sided)

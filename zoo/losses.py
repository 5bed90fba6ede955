"""Adversarial losses and penalties: pure functions on tensors.

`on_real`, `on_fake` are critic outputs [N], logits where the loss is logistic; `real`, `fake` are images [N, C, H, W].
Every function returns a scalar that the named player minimises, except `input_gradients`, which returns [N, C, H, W],
and `gradient_norms`, which returns [N]. More penalties are in `zoo.penalties`, auto-encoders' losses in
`zoo.reconstruction`.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


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


def input_gradients(critic: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return grad f(x) for each sample, [N, C, H, W], with a graph, so that it can be differentiated again.

    Every penalty takes its gradients here: it works eagerly and under torch.compile, and in full precision under
    autocast. `critic` must treat samples one by one (no batch norm), else the gradient of the sum is not the sample's
    own. No gradient flows into `images`.
    """
    with torch.autocast(images.device.type, enabled=False):
        images = images.detach()
        if torch.compiler.is_compiling():  # a graph of torch.compile takes gradients inside only in this form
            gradient: Tensor = torch.func.grad(lambda x: critic(x).sum())(images)
        else:
            images.requires_grad_()
            (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
        return gradient


def gradient_norms(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, *, epsilon: Tensor | None = None, eps: float = 1e-12
) -> Tensor:
    """Compute ||grad f(x_hat)||_2 per sample, [N], where x_hat = epsilon * real + (1 - epsilon) * fake.

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
    return (input_gradients(critic, x_hat).flatten(1).square().sum(1) + eps).sqrt()


def norm_penalty(norms: Tensor, *, target: float = 1.0, one_sided: bool = False) -> Tensor:
    """Compute mean (norm - target)^2, or mean max(norm - target, 0)^2 if `one_sided`. arXiv:1704.00028, Section 4."""
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
    """Compute the mean over samples of (||grad f(x_hat)||_2 - target)^2, unweighted. arXiv:1704.00028, Equation 3.

    See `gradient_norms` for the first arguments and `norm_penalty` for the others.
    """
    norms = gradient_norms(critic, real, fake, epsilon=epsilon, eps=eps)
    return norm_penalty(norms, target=target, one_sided=one_sided)

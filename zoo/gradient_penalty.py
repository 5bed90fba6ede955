"""The gradient penalty and its parts: pure functions, also under their names in `zoo.losses`.

`critic` maps images [N, C, H, W] to outputs [N] and treats samples one by one.
`input_gradients` returns [N, C, H, W], `gradient_norms` [N], the others a scalar, not yet weighted.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from zoo.engine.images_alone import images_alone


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
            outputs = critic(images.requires_grad_()).sum()
            with images_alone.within():
                (gradient,) = torch.autograd.grad(outputs, images, create_graph=True)
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

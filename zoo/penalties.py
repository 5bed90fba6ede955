"""Penalties and regularisers beside that of `zoo.gradient_penalty`: pure functions, not yet weighted.

`critic` maps images [N, C, H, W] to outputs [N] and treats samples one by one; an augmentation belongs inside it.
`real` are images, `on_real` and `on_fake` outputs [N].
Every function returns a scalar unless its docstring gives a shape.
"""

from collections.abc import Callable, Iterable
from math import log, pi

import torch
from torch import Tensor
from torch.nn.functional import normalize, relu

from zoo.gradient_penalty import gradient_norms, input_gradients, norm_penalty
from zoo.losses import mean


def squared_gradient_norms(critic: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Return ||grad f(x)||^2 per sample, [N]: without a root, so with a derivative at 0."""
    return input_gradients(critic, images).flatten(1).square().sum(1)


def zero_centred_penalty(critic: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    """Compute the mean of ||grad f(x)||^2: R1 on real images, R2 on fakes; the paper weighs it by gamma / 2.

    arXiv:1801.04406, Equation 9; arXiv:2501.05441, Section 2.
    """
    return squared_gradient_norms(critic, images).mean()


def path_lengths(synthesis: Callable[[Tensor], Tensor], ws: Tensor) -> Tensor:
    """Return |J^T y| of each sample, [N], y an image of N(0, 1) / sqrt(height x width). arXiv:1912.04958, Equation 4.

    Args:
        synthesis: ws to images [N, C, H, W].
        ws: [N, L, D], of a graph: over L, the mean of the squared lengths is taken. In full precision under autocast.
    """
    with torch.autocast(ws.device.type, enabled=False):
        ws = ws.to(torch.promote_types(ws.dtype, torch.float32))
        images = synthesis(ws)
        noise = torch.randn_like(images) / (images.shape[2] * images.shape[3]) ** 0.5
        (gradient,) = torch.autograd.grad((images * noise).sum(), ws, create_graph=True)
        return gradient.square().sum(2).mean(1).sqrt()


def dragan_penalty(
    critic: Callable[[Tensor], Tensor],
    real: Tensor,
    *,
    noise: Tensor | None = None,
    alpha: Tensor | None = None,
    symmetric: bool = False,
    eps: float = 1e-12,
) -> Tensor:
    """Compute the mean of (||grad f(x_hat)|| - 1)^2 near real images, as DRAGAN's own notebook does (arXiv:1705.07215).

    x_hat = x + alpha (x' - x), x' = x + s U / 2, s one standard deviation over the whole batch. The distance to x' is
    scaled by one alpha for each sample.

    Args:
        critic: images to outputs [N].
        real: images [N, C, H, W].
        noise: U in [0, 1], of the images' shape; drawn uniformly by default.
        alpha: [N, 1, 1, 1] in [0, 1]; drawn uniformly by default, before the noise.
        symmetric: U - 1/2 instead of U, so that images are not only made brighter.
        eps: added under the root.
    """
    if alpha is None:
        alpha = torch.rand(len(real), *[1] * (real.dim() - 1), device=real.device, dtype=real.dtype)
    noise = torch.rand_like(real) if noise is None else noise
    perturbed = real + 0.5 * real.std() * (noise - 0.5 if symmetric else noise)
    return norm_penalty(gradient_norms(critic, perturbed, real, epsilon=alpha, eps=eps))


def lecam_penalty(on_real: Tensor, on_fake: Tensor, average_real: Tensor, average_fake: Tensor) -> Tensor:
    """Compute max(0, f(x) - a_fake)^2 + max(0, a_real - f(G(z)))^2, a the moving averages. arXiv:2104.03310, as coded.

    The authors' code takes the averages with this step's outputs in them: call `moving_average` first.
    """
    return mean(relu(on_real - average_fake).square()) + mean(relu(average_real - on_fake).square())


def moving_average(average: Tensor, outputs: Tensor, decay: float) -> Tensor:
    """Return decay * average + (1 - decay) * mean(outputs), without a graph; decay 0 starts it anew."""
    return torch.lerp(mean(outputs.detach()).to(average.dtype), average, decay)


def consistency_penalty(on_images: Tensor, on_changed: Tensor) -> Tensor:
    """Compute the mean of (f(T(x)) - f(x))^2; both carry gradients. arXiv:1910.12027, Equation 3."""
    return mean((on_changed - on_images).square())


def feature_matching(real: Tensor, fake: Tensor, *, power: int = 1) -> Tensor:
    """Compute the mean over features of |mean(real) - mean(fake)|^power, features [N, F]. arXiv:1606.03498.

    The authors' code has power 1 on CIFAR-10 and 2 on MNIST.
    """
    return (real.mean(0) - fake.mean(0)).abs().pow(power).mean()


def pull_away(features: Tensor) -> Tensor:
    """Compute the mean over pairs i != j of cos(s_i, s_j)^2, features [N, F], N > 1. arXiv:1609.03126, Equation 4.

    A popular port omits the square, another divides by the norm of the whole matrix.
    """
    if len(features) < 2:
        raise ValueError("the pull-away term compares samples: it needs a batch of 2 or more")
    directions = normalize(features.flatten(1), dim=1)
    cosines = directions @ directions.T
    n = len(features)
    return (cosines.square().sum() - cosines.diagonal().square().sum()) / (n * (n - 1))


def orthogonal_penalty(weights: Iterable[Tensor]) -> Tensor:
    """Compute the sum over weights [out, ...] of ||W W^T o (1 - I)||^2, W [out, rest]; arXiv:1809.11096, Equation 3.

    The rows of W, one for each output, are to be orthogonal, whatever their length. The paper writes W^T W; its code
    takes W W^T.
    """
    rows = [weight.flatten(1) for weight in weights]
    # each pair once above the diagonal: the norms on it are never subtracted
    return torch.stack([2 * (each @ each.T).triu(1).square().sum() for each in rows]).sum()


def gaussian_nll(codes: Tensor, means: Tensor, variances: Tensor | float = 1.0) -> Tensor:
    """Compute -log N(codes; means, variances), summed over the codes [N, K], mean over samples. arXiv:1606.03657."""
    variances = torch.as_tensor(variances, dtype=codes.dtype, device=codes.device)
    return (((codes - means).square() / variances + variances.log() + log(2 * pi)) / 2).sum(1).mean()

"""StyleGAN2's mapping: latents to w, the space of styles."""

import torch
from torch import Tensor, nn

from zoo.networks.labels import require_labels
from zoo.networks.stylegan2.layers import ScaledLinear


def unit_scaled(values: Tensor) -> Tensor:
    """Divide each row of [N, D] by the root of its mean square."""
    return values * (values.square().mean(1, keepdim=True) + 1e-8).rsqrt()


class LabelledMapping(nn.Module):
    """Latents and the label's embedding, each scaled to unit mean square, through linear layers, all with activation.

    Args:
        latent_dim: D of the latents; 0 has labels alone.
        w_dim: of w.
        depth: how many layers.
        num_classes: of the labels; None has none.
        lr_mult: of the layers' learning rate.
    """

    def __init__(
        self, latent_dim: int, w_dim: int, depth: int, num_classes: int | None = None, lr_mult: float = 0.01
    ) -> None:
        super().__init__()
        self.num_labels = num_classes
        self.embed = None if num_classes is None else ScaledLinear(num_classes, w_dim)
        inputs = latent_dim + (0 if num_classes is None else w_dim)
        sizes = [inputs] + [w_dim] * (depth - 1)
        self.body = nn.Sequential(*(ScaledLinear(size, w_dim, lr_mult=lr_mult, active=True) for size in sizes))

    def forward(self, latents: Tensor | None, labels: Tensor | None = None) -> Tensor:
        """Map latents [N, D] and labels [N] to w [N, w_dim]."""
        parts = [] if latents is None else [unit_scaled(latents)]
        if self.embed is not None and self.num_labels is not None:
            one_hot = nn.functional.one_hot(require_labels(labels, self.num_labels), self.num_labels)
            parts.append(unit_scaled(self.embed(one_hot.to(self.embed.weight.dtype))))
        w: Tensor = self.body(torch.cat(parts, 1))
        return w

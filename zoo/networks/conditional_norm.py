"""Conditional batch norm: one gain and one bias for each class (arXiv:1610.07629, arXiv:1802.05637)."""

from torch import Tensor, nn


class ConditionalBatchNorm2d(nn.Module):
    """Normalises over the batch, multiplies by 1 + gain[label], adds bias[label]; both start at 0.

    Args:
        num_classes: of the labels.
        num_features: channels.
        eps: added to the variance.
        momentum: of the running statistics.
    """

    mixes_samples = True

    def __init__(self, num_classes: int, num_features: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_features, eps, momentum, affine=False)
        self.gain = nn.Embedding(num_classes, num_features)
        self.bias = nn.Embedding(num_classes, num_features)
        nn.init.zeros_(self.gain.weight)
        nn.init.zeros_(self.bias.weight)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Map features [N, C, H, W] and labels [N] to [N, C, H, W]."""
        gain, bias = (each(labels)[:, :, None, None] for each in (self.gain, self.bias))
        output: Tensor = self.norm(features) * (1 + gain) + bias
        return output

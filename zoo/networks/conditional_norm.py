"""Conditional batch norm: a gain and a bias for each class (arXiv:1610.07629, arXiv:1802.05637), or of a vector."""

from torch import Tensor, nn

from zoo.networks.spectral_norm import SpectralLinear


class ConditionalBatchNorm2d(nn.Module):
    """Normalise over the batch, multiply by 1 + gain[label], add bias[label]; both start at 0.

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


class VectorBatchNorm2d(nn.Module):
    """Normalise over the batch, multiply by 1 + A v, add B v, of a vector v for each sample (arXiv:1809.11096).

    A and B have spectral norm and no biases.

    Args:
        size: of the vectors.
        num_features: channels.
        eps: added to the variance.
        momentum: of the running statistics.
    """

    mixes_samples = True

    def __init__(self, size: int, num_features: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_features, eps, momentum, affine=False)
        self.gain = SpectralLinear(size, num_features, bias=False)
        self.bias = SpectralLinear(size, num_features, bias=False)

    def forward(self, features: Tensor, vectors: Tensor) -> Tensor:
        """Map features [N, C, H, W] and vectors [N, size] to [N, C, H, W]."""
        gain, bias = (each(vectors)[:, :, None, None] for each in (self.gain, self.bias))
        output: Tensor = self.norm(features) * (1 + gain) + bias
        return output

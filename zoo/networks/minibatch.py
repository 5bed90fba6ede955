"""Minibatch discrimination: as Salimans et al. and DeLiGAN have it, and as DeLiGAN has it on MNIST."""

import torch
from torch import Tensor, nn

from zoo.engine.first_batch import Mean, SeesFirstBatch


class MinibatchDiscrimination(nn.Module):
    """Append to each sample how close it is to all of its batch, in `kernels` learnt projections.

    Two things differ from Salimans et al. (arXiv:1606.03498, Section 3.2), both as in DeLiGAN's MNIST code
    (arXiv:1706.02071): a sample's distance to itself is not left out but counts as 0, so that it adds exp(0) = 1, and
    all features are divided by the sum of exp(-distance) over the whole batch and all kernels, so that they add to 1.
    The projections have unit length over the inputs, times a learnt scale.

    Args:
        inputs: numbers of a sample.
        kernels: how many features to append.
        dim: of the space that one kernel measures L1 distances in.
    """

    mixes_samples = True
    excludes_penalty = True

    def __init__(self, inputs: int, kernels: int = 64, dim: int = 5) -> None:
        super().__init__()
        self.direction = nn.Parameter(0.05 * torch.randn(inputs, kernels, dim))
        self.log_scale = nn.Parameter(torch.zeros(kernels, dim))

    def forward(self, samples: Tensor) -> Tensor:
        """Map [N, inputs] to [N, inputs + kernels]; the features are in (0, 1)."""
        closeness = torch.exp(-self.distances(samples))
        return torch.cat([samples, closeness.sum(1) / closeness.sum()], 1)

    def distances(self, samples: Tensor) -> Tensor:
        """Return the L1 distance between each two of the samples in each projection, [N, N, kernels]."""
        weight = self.direction * (self.log_scale.exp() / self.direction.square().sum(0).sqrt())
        # one of the `dim` at a time: [N, N, kernels] stays in the processor's cache, all of them would not
        distance = torch.zeros((), device=samples.device)
        for projected in samples @ weight.movedim(2, 0):  # [N, kernels]
            distance = distance + (projected[:, None] - projected).abs()
        return distance


class OthersDiscrimination(SeesFirstBatch, MinibatchDiscrimination):
    """Append to each sample how close it is to the others of its batch (arXiv:1606.03498, Section 3.2), plus a bias.

    As in the paper a sample is not compared with itself, and nothing is divided. In its first batch the layer scales
    each projection by half of the mean distance to the nearest other, and sets the bias so that the features' means are
    0, as in the authors' code.

    Args:
        inputs: numbers of a sample.
        kernels: how many features to append.
        dim: of the space that one kernel measures L1 distances in.
    """

    def __init__(self, inputs: int, kernels: int = 64, dim: int = 5) -> None:
        super().__init__(inputs, kernels, dim)
        self.bias = nn.Parameter(-torch.ones(kernels))
        self.register_buffer("batches_seen", torch.zeros((), dtype=torch.int64))

    def forward(self, samples: Tensor) -> Tensor:
        """Map [N, inputs] to [N, inputs + kernels]."""
        return torch.cat([samples, torch.exp(-self.distances(samples)).sum(1) + self.bias], 1)

    def distances(self, samples: Tensor) -> Tensor:
        """Return the distances to others; that to itself is so large that exp(-distance) is 0."""
        apart = 1e6 * torch.eye(len(samples), device=samples.device, dtype=samples.dtype)
        return super().distances(samples) + apart[:, :, None]

    def begin_with(self, inputs: Tensor, outputs: Tensor, mean: Mean) -> Tensor:
        """Set the scale and the bias. Of a single sample there is nothing to learn: it changes nothing."""
        if len(inputs) < 2:
            return outputs
        distances = self.distances(inputs.to(self.bias.dtype))
        half = mean(0.5 * distances.amin(1).mean(0))
        half = torch.where(half > 0, half, torch.ones_like(half))
        closeness = torch.exp(-distances / half).sum(1)
        centre = mean(closeness.mean(0))
        self.log_scale.sub_(half.log()[:, None])
        self.bias.copy_(-centre)
        return torch.cat([inputs.to(self.bias.dtype), closeness - centre], 1)

"""Minibatch discrimination, as DeLiGAN has it on MNIST."""

import torch
from torch import Tensor, nn


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
        weight = self.direction * (self.log_scale.exp() / self.direction.square().sum(0).sqrt())
        # one of the `dim` at a time: [N, N, kernels] stays in the processor's cache, all of them would not
        distance = torch.zeros((), device=samples.device)
        for projected in samples @ weight.movedim(2, 0):  # [N, kernels]
            distance = distance + (projected[:, None] - projected).abs()
        closeness = torch.exp(-distance)
        return torch.cat([samples, closeness.sum(1) / closeness.sum()], 1)

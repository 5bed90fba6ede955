"""Minibatch standard deviation (arXiv:1710.10196, Section 3), with StyleGAN2's groups."""

import warnings

import torch
from torch import Tensor, nn


class MinibatchDeviation(nn.Module):
    """Append to each sample how much its group differs, one channel or a few.

    With a batch of N and groups of G, sample i is in a group with i + N / G, i + 2 N / G, and so on. Where G does
    not divide the batch, the groups are of its largest divisor below G, with a warning.

    Args:
        group: samples in a group; None takes the whole batch.
        channels: how many to append, each the mean over its share of the input's channels, which it divides.
    """

    mixes_samples = True

    def __init__(self, group: int | None = 4, channels: int = 1) -> None:
        super().__init__()
        if channels < 1 or (group is not None and group < 1):
            raise ValueError(f"minibatch deviation: group and channels are at least 1, not {group} and {channels}")
        self.group, self.channels = group, channels

    def forward(self, features: Tensor) -> Tensor:
        """Map [N, C, H, W] to [N, C + channels, H, W]."""
        n, _, height, width = features.shape
        wanted = min(self.group or n, n)
        group = next(size for size in range(wanted, 0, -1) if n % size == 0)
        if group < wanted and self.training:  # the last batch of an evaluation is what it is
            warnings.warn(f"minibatch deviation: groups of {group}, as {wanted} does not divide {n}", stacklevel=2)
        grouped = features.unflatten(1, (self.channels, -1)).unflatten(0, (group, -1))  # [G, N/G, F, C/F, H, W]
        deviation = (grouped.var(0, correction=0) + 1e-8).sqrt().mean((2, 3, 4))  # [N/G, F]
        appended = deviation.repeat(group, 1)[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([features, appended], 1)

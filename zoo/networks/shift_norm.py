"""Batch norm with a shift and no scale, as in Salimans' and DeLiGAN's code (nn.py, BatchNormLayer with g=None)."""

import torch
from torch import nn


class ShiftNorm1d(nn.BatchNorm1d):
    """(x - mean) / sqrt(variance + 1e-6) + bias, for [N, C]."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6, momentum=0.1, affine=False)
        self.bias = nn.Parameter(torch.zeros(channels))


class ShiftNorm2d(nn.BatchNorm2d):
    """The same for images [N, C, H, W]."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6, momentum=0.1, affine=False)
        self.bias = nn.Parameter(torch.zeros(channels))

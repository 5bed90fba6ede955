"""Critics whose gradients are known, and images for them."""

from math import prod

import torch
from torch import nn

SHAPE = (3, 4, 5)


def images(n, shape=SHAPE):
    return torch.rand(n, *shape, dtype=torch.float64) * 2 - 1


def linear(weight):
    """Return f(x) = w . x, whose gradient is w everywhere."""
    return lambda x: (x * weight).flatten(1).sum(1)


def quadratic(x):
    """Return f(x) = |x|^2 / 2, whose gradient at x is x."""
    return x.square().flatten(1).sum(1) / 2


def smooth_critic(shape=SHAPE, width=7):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(prod(shape), width), nn.Tanh(), nn.Linear(width, 1), nn.Flatten(0)
    ).double()

"""A generator with its critic."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from torch import nn


class Tiny(NamedTuple):
    """The least sizes at which a pair has all its layers, to be built and trained in milliseconds.

    Attributes:
        latent_dim: D.
        image_shape: (C, H, W).
        generator: the generator's options.
        critic: the critic's.
    """

    latent_dim: int = 3
    image_shape: tuple[int, int, int] = (1, 4, 4)
    generator: Mapping[str, Any] = MappingProxyType({})
    critic: Mapping[str, Any] = MappingProxyType({})


class Pair(NamedTuple):
    """A generator class, built by (latent_dim, image_shape, **options), and a critic's, by (image_shape, **options).

    See `zoo.networks.critic` for what a critic offers, `zoo.networks.traits` for what layers say of themselves.

    Attributes:
        generator: the first.
        critic: the second.
        tiny: the sizes at which tests build both.
    """

    generator: type[nn.Module]
    critic: type[nn.Module]
    tiny: Tiny = Tiny()

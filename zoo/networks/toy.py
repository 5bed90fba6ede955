"""DeLiGAN's toy networks for points in the plane (dg_toy.py, arXiv:1706.02071, Section 5.2), and their rivals.

A point is an image of shape (2, 1, 1). Every generator ends in tanh; weights start at U(+-sqrt(3 / inputs)).
"""

from math import prod, sqrt

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from zoo.networks.critic import SequentialCritic
from zoo.networks.layers import unit_scaling_
from zoo.networks.pair import Pair, Tiny


class ToyGenerator(nn.Module):
    """latents -> 32 tanh -> 2 tanh.

    Args:
        latent_dim: D of the latents [N, D]; the source's is 2.
        image_shape: (C, H, W), (2, 1, 1) for points.
        hidden: width; the Nx-GAN has 1600, that of 50 generators.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int], hidden: int = 32) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers(latent_dim, hidden, prod(image_shape)), nn.Unflatten(1, image_shape))
        unit_scaling_(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images


class ToyPlusGenerator(nn.Module):
    """GAN++: latents -> 50 tanh -> 32 tanh -> 2 tanh.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W).
        hidden: width of the second layer.
        first: width of the layer that stands where DeLiGAN has its mixture.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int], hidden: int = 32, first: int = 50) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(latent_dim, first),
            nn.Tanh(),
            *layers(first, hidden, prod(image_shape)),
            nn.Unflatten(1, image_shape),
        )
        unit_scaling_(self)

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(latents)
        return images


class ToyMoEGenerator(nn.Module):
    """MoE-GAN: the generator also sees the one-hot number of its expert, the sample's label.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W).
        hidden: width.
        experts: how many; the authors' code takes them in turn.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int], hidden: int = 32, experts: int = 50) -> None:
        super().__init__()
        self.num_labels = experts
        self.body = nn.Sequential(
            *layers(experts + latent_dim, hidden, prod(image_shape)), nn.Unflatten(1, image_shape)
        )
        unit_scaling_(self)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map latents [N, D] and experts [N] to images [N, C, H, W] in [-1, 1]."""
        images: Tensor = self.body(torch.cat([F.one_hot(labels, self.num_labels).to(latents), latents], 1))
        return images


class ToyEnsembleGenerator(nn.Module):
    """Ensemble-GAN: separate generators, each latents -> 32 tanh -> 2 tanh, all run at once.

    Args:
        latent_dim: D of the latents [N, D].
        image_shape: (C, H, W).
        hidden: width of each.
        members: how many; the authors' code takes them in turn.
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int], hidden: int = 32, members: int = 50) -> None:
        super().__init__()
        self.num_labels = members
        self.image_shape = tuple(image_shape)
        pixels = prod(image_shape)
        self.first_weight = nn.Parameter(
            torch.empty(members, latent_dim, hidden).uniform_(-1, 1) * sqrt(3 / latent_dim)
        )
        self.first_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.last_weight = nn.Parameter(torch.empty(members, hidden, pixels).uniform_(-1, 1) * sqrt(3 / hidden))
        self.last_bias = nn.Parameter(torch.zeros(members, 1, pixels))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Map latents [N, D] and members [N] to images [N, C, H, W] in [-1, 1]: each sample's own weights, [N, ...]."""
        hidden = torch.baddbmm(self.first_bias[labels], latents[:, None], self.first_weight[labels]).tanh()
        points = torch.baddbmm(self.last_bias[labels], hidden, self.last_weight[labels]).tanh()
        return points.view(-1, *self.image_shape)


class ToyCritic(SequentialCritic):
    """image -> 32 tanh -> one number, no sigmoid.

    Args:
        image_shape: (C, H, W), (2, 1, 1) for points.
        hidden: width.
    """

    def __init__(self, image_shape: tuple[int, int, int], hidden: int = 32) -> None:
        super().__init__()
        self.num_features = hidden
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(prod(image_shape), hidden), nn.Tanh(), nn.Linear(hidden, 1))
        unit_scaling_(self)


def layers(inputs: int, hidden: int, outputs: int) -> list[nn.Module]:
    """Build two layers, each linear and tanh."""
    return [nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, outputs), nn.Tanh()]


PAIR = Pair(ToyGenerator, ToyCritic, Tiny(2, (2, 1, 1)))
PLUS = Pair(ToyPlusGenerator, ToyCritic, Tiny(2, (2, 1, 1)))
MOE = Pair(ToyMoEGenerator, ToyCritic, Tiny(2, (2, 1, 1), {"experts": 3}))
ENSEMBLE = Pair(ToyEnsembleGenerator, ToyCritic, Tiny(2, (2, 1, 1), {"members": 3}))

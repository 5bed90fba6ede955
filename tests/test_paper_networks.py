"""The networks of InfoGAN: counts, initial values and geometry of the authors' code."""

import pytest
import torch
from torch import nn

from zoo.networks.infogan import InfoGANCritic, InfoGANGenerator

DIGIT = (1, 28, 28)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def count(network):
    return sum(p.numel() for p in network.parameters())


def assert_normal(weight, mean=0.0, std=0.02, *, cut=False):
    """Of this mean and spread; beyond two standard deviations, where there are many, unless it is cut there."""
    weight, error = weight.detach(), std / weight.numel() ** 0.5
    assert weight.mean().item() == pytest.approx(mean, abs=5 * error)
    assert weight.std().item() == pytest.approx(std * (0.88 if cut else 1), rel=max(0.02, 4 / weight.numel() ** 0.5))
    assert weight.numel() < 1000 or ((weight - mean).abs().max() <= 2 * std) == cut


def starts_from(network):
    """Weights of norms, of cut and of whole normals; all biases are 0."""
    for part in network.modules():
        if isinstance(part, nn.Linear | nn.ConvTranspose2d | nn.Conv2d | nn.modules.batchnorm._BatchNorm):
            assert part.bias is None or not part.bias.any()
            yield part, part.weight


# -- InfoGAN --


def test_infogan_has_the_parameters_of_the_authors_code():
    generator, critic = InfoGANGenerator(74, DIGIT), InfoGANCritic(DIGIT)
    assert count(generator) == 6_652_481
    assert count(critic.trunk) == 6_558_144
    assert count(critic.output) == 1_025
    assert critic.num_features == 1024


def test_infogan_starts_as_in_the_authors_code():
    for network in (InfoGANGenerator(74, DIGIT), InfoGANCritic(DIGIT)):
        for part, weight in starts_from(network):
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                assert_normal(weight, 1.0)
            else:
                assert_normal(weight, cut=isinstance(part, nn.Conv2d))


def test_infogan_s_batch_norms_are_over_features_where_the_layer_is_linear():
    generator, critic = InfoGANGenerator(74, DIGIT), InfoGANCritic(DIGIT)
    kinds = [
        [(type(part).__name__, part.num_features) for part in network.modules() if hasattr(part, "running_var")]
        for network in (generator, critic)
    ]
    assert kinds == [
        [("BatchNorm1d", 1024), ("BatchNorm1d", 6272), ("BatchNorm2d", 64)],
        [("BatchNorm2d", 128), ("BatchNorm1d", 1024)],
    ]
    slopes = [part.negative_slope for part in critic.modules() if isinstance(part, nn.LeakyReLU)]
    assert slopes == [0.01] * 3

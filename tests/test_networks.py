"""Networks against their sources: parameter counts and initial values."""

import math

import pytest
from torch import nn

from helpers.networks import DIGIT, FLOWER, POINT, critic, generator
from zoo.networks import count_parameters
from zoo.networks.layers import (
    KerasBatchNorm1d,
    KerasBatchNorm2d,
    glorot_,
    truncated_normal_,
    unit_scaling_,
)


def per_layer(network):
    """Parameters and running statistics of each module that has some of its own."""
    own = [
        sum(p.numel() for p in part.parameters(recurse=False))
        + sum(b.numel() for name, b in part.named_buffers(recurse=False) if "running_" in name)
        for part in network.modules()
    ]
    return [count for count in own if count]


KERAS = {"norm": "batch", "dropout": 0.25}


@pytest.mark.parametrize(
    ("make", "layers", "statistics", "total"),
    [
        (
            lambda: generator("mlp", 100, DIGIT),
            [25_856, 1_024, 131_584, 2_048, 525_312, 4_096, 803_600],
            3_584,
            1_493_520,
        ),
        (lambda: critic("mlp", DIGIT), [401_920, 131_328, 257], 0, 533_505),
        (
            lambda: generator("mlp", 100, DIGIT, hidden=[256, 512], norm="none"),
            [25_856, 131_584, 402_192],
            0,
            559_632,
        ),
        (
            lambda: generator("keras_conv", 100, DIGIT),
            [633_472, 262_272, 512, 131_136, 256, 1_025],
            384,
            1_028_673,
        ),
        (
            lambda: critic("keras_conv", DIGIT, **KERAS),
            [160, 4_640, 128, 18_496, 256, 73_856, 512, 2_049],
            448,
            100_097,
        ),
        (
            lambda: generator("matlab_conv", 100, FLOWER),
            [827_392, 3_277_056, 819_328, 204_864, 4_803],
            0,
            5_133_443,
        ),
        (
            lambda: critic("matlab_conv", FLOWER),
            [4_864, 204_928, 256, 819_456, 512, 3_277_312, 1_024, 8_193],
            0,
            4_316_545,
        ),
        (
            lambda: generator("deligan_conv", 30, DIGIT),
            [31_744, 4_096, 18_464, 128, 12_816, 64, 401],
            2_144,
            65_569 + 2_144,
        ),
        (
            lambda: critic("deligan_conv", DIGIT),
            [416, 12_832, 128, 18_496, 256, 64 * 64 * 5 + 64 * 5, 129],
            192,
            52_865 + 192,
        ),
        (lambda: generator("toy", 2, POINT), [96, 66], 0, 162),
        (lambda: generator("toy", 2, POINT, hidden=1600), [4_800, 3_202], 0, 8_002),
        (lambda: generator("toy_plus", 2, POINT), [150, 1_632, 66], 0, 1_848),
        (lambda: generator("toy_moe", 2, POINT), [1_696, 66], 0, 1_762),
        (lambda: generator("toy_ensemble", 2, POINT), [50 * 162], 0, 8_100),
        (lambda: critic("toy", POINT), [96, 33], 0, 129),
    ],
)
def test_parameters_are_those_of_the_source(make, layers, statistics, total):
    network = make()
    assert per_layer(network) == layers
    assert sum(layers) == total
    assert sum(p.numel() for p in network.parameters()) == total - statistics
    keras = any(isinstance(part, KerasBatchNorm1d | KerasBatchNorm2d) for part in network.modules())
    assert count_parameters(network) == (total if keras else total - statistics)  # as each source's own summary


# -- initial values --


def assert_uniform(weight, bound):
    """Within the bound, near it somewhere, and of its spread."""
    weight = weight.detach()
    assert weight.abs().max() <= bound
    assert weight.abs().max() > 0.98 * bound
    assert weight.std() == pytest.approx(bound / math.sqrt(3), rel=0.05)


def test_glorot_is_that_of_keras_and_matlab():
    network = nn.Sequential(nn.Linear(60, 40), nn.Conv2d(8, 16, 5), nn.ConvTranspose2d(16, 8, 3))
    glorot_(network)
    dense, conv, transposed = network
    assert_uniform(dense.weight, math.sqrt(6 / (60 + 40)))
    assert_uniform(conv.weight, math.sqrt(6 / (25 * 8 + 25 * 16)))
    assert_uniform(transposed.weight, math.sqrt(6 / (9 * 8 + 9 * 16)))
    assert all(not part.bias.any() for part in network)


@pytest.mark.parametrize("name", ["mlp", "keras_conv", "matlab_conv"])
def test_every_layer_of_the_keras_and_matlab_networks_starts_from_glorot(name):
    shape = FLOWER if name == "matlab_conv" else DIGIT
    for network in (generator(name, 100, shape), critic(name, shape)):
        for part in network.modules():
            if isinstance(part, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                area = math.prod(part.weight.shape[2:])
                bound = math.sqrt(6 / (area * (part.weight.shape[0] + part.weight.shape[1])))
                assert 0.9 * bound < part.weight.abs().max() <= bound
                assert not part.bias.any()


def test_tensorflow_s_initial_values():
    network = nn.Sequential(nn.Linear(50, 40), nn.Conv2d(8, 16, 5), nn.ConvTranspose2d(16, 8, 3))
    unit_scaling_(network)
    truncated_normal_(network)
    assert_uniform(network[0].weight, math.sqrt(3 / 50))
    for part in network[1:]:
        assert part.weight.abs().max() <= 0.04
        assert part.weight.std().item() == pytest.approx(
            0.02 * 0.88, rel=0.05
        )  # a normal cut at two std has 0.88 of its std
    assert all(not part.bias.any() for part in network)


def test_deligan_conv_starts_as_in_the_source():
    network = generator("deligan_conv", 30, DIGIT)
    first, norm = network.body[0], network.body[1]
    assert_uniform(first.weight, math.sqrt(3 / 30))
    assert norm.weight.mean().item() == pytest.approx(1, abs=0.005)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.15)
    norms = [part for part in critic("deligan_conv", DIGIT).modules() if isinstance(part, nn.BatchNorm2d)]
    assert [norm.eps for norm in norms] == [1e-3, 1e-3]
    assert all((norm.weight == 1).all() for norm in norms)


def test_ensemble_starts_as_fifty_toys():
    network = generator("toy_ensemble", 2, POINT, members=500)
    assert_uniform(network.first_weight, math.sqrt(3 / 2))
    assert_uniform(network.last_weight, math.sqrt(3 / 32))
    assert not network.first_bias.any()
    assert not network.last_bias.any()

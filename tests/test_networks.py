"""Networks against their sources: parameter counts, initial values, geometry, who sees whom."""

import math
from copy import deepcopy

import pytest
import torch
from torch import nn

from zoo.networks import NETWORKS, build, count_parameters, is_random, mixes_samples
from zoo.networks.layers import (
    KerasBatchNorm1d,
    KerasBatchNorm2d,
    glorot_,
    truncated_normal_,
    unit_scaling_,
)
from zoo.networks.minibatch import MinibatchDiscrimination
from zoo.networks.mlp import MLPGenerator

POINT, DIGIT, FLOWER = (2, 1, 1), (1, 28, 28), (3, 64, 64)
SHAPES = {
    "matlab_conv": [FLOWER, (1, 40, 48)],
    "deligan_conv": [DIGIT, (3, 32, 20)],
    "keras_conv": [DIGIT, (3, 32, 20)],
    "sngan_resnet": [DIGIT, (3, 8, 12)],
    "small_conv": [DIGIT, (3, 8, 12)],
    "dcgan": [(1, 20, 24), (3, 8, 12)],
    "infogan": [DIGIT, (3, 8, 12)],
    "began": [(1, 20, 24), (3, 10, 18)],
}
SHAPES |= {name: [POINT, (1, 2, 3)] for name in NETWORKS if name.startswith("toy")}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def generator(network, latent_dim, image_shape, **options):
    return build(NETWORKS[network].generator, latent_dim, image_shape, options=options)


def critic(network, image_shape, **options):
    return build(NETWORKS[network].critic, image_shape, options=options)


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
    shape = SHAPES.get(name, [DIGIT])[0]
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


# -- geometry --

CASES = [(name, shape) for name in NETWORKS for shape in SHAPES.get(name, [DIGIT, FLOWER])]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_every_pair_makes_and_judges_its_shapes(name, shape):
    network = generator(name, 5, shape)
    labels = () if getattr(network, "num_labels", None) is None else (torch.arange(3),)
    images = network(torch.randn(3, 5), *labels)
    assert images.shape == (3, *shape)
    assert network.eval()(1000 * torch.randn(3, 5), *labels).abs().max() <= 1
    outputs = critic(name, shape)(images)
    assert outputs.shape == (3,)
    outputs.sum().backward()


def test_tiny_pairs_are_made_in_milliseconds_and_fit_each_other():
    for name, (make_generator, make_critic, tiny) in NETWORKS.items():
        player = build(make_generator, tiny.latent_dim, tiny.image_shape, options=tiny.generator)
        judge = build(make_critic, tiny.image_shape, options=tiny.critic)
        assert sum(p.numel() for each in (player, judge) for p in each.parameters()) < 10_000_000, name


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("keras_conv", (1, 30, 28), "multiples of 4, not 30x28"),
        ("deligan_conv", (1, 28, 30), "multiples of 4, not 28x30"),
        ("matlab_conv", (3, 32, 64), "sides 40, 48, 56, 64, ..., not 32x64"),
        ("matlab_conv", (3, 64, 60), "not 64x60"),
        ("sngan_resnet", (3, 31, 32), "sides are even and above 4, not 31x32"),
        ("small_conv", (3, 30, 28), "multiples of 4, not 30x28"),
        ("dcgan", (3, 31, 32), "even and above 4, not 31x32"),
        ("infogan", (1, 28, 30), "multiples of 4, not 28x30"),
        ("began", (1, 28, 31), "even and above 8, not 28x31"),
    ],
)
def test_impossible_shapes_are_refused_in_one_line(name, shape, message):
    with pytest.raises(ValueError, match=message) as error:
        generator(name, 10, shape)
    assert "\n" not in str(error.value)


def test_unknown_options_name_the_known_ones():
    with pytest.raises(ValueError, match="MatlabConvCritic has no option 'width'; it takes: norm, output"):
        critic("matlab_conv", FLOWER, width=3)
    with pytest.raises(ValueError, match="DeLiGANConvGenerator has no option 'norm'; it takes: none"):
        generator("deligan_conv", 10, DIGIT, norm="none")
    with pytest.raises(ValueError, match="ToyMoEGenerator has no option 'members'; it takes: hidden, experts"):
        generator("toy_moe", 2, POINT, members=3)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: critic("matlab_conv", FLOWER, norm="batch"), "MatlabConvCritic: norm must be one of"),
        (lambda: critic("matlab_conv", FLOWER, output="tanh"), "output must be one of"),
        (lambda: generator("mlp", 2, DIGIT, norm="bacth"), "MLPGenerator: norm must be one of"),
        (lambda: critic("keras_conv", DIGIT, norm="foo"), "KerasConvCritic: norm must be one of"),
        (lambda: generator("mlp", 2, DIGIT, hidden=[]), "MLPGenerator cannot be built with"),
        (lambda: critic("mlp", DIGIT, hidden=5), "MLPCritic cannot be built with"),
    ],
)
def test_an_option_s_wrong_value_is_named(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_sigmoid_output_is_the_sigmoid_of_the_linear_one():
    linear, sigmoid = critic("matlab_conv", (1, 40, 40)), critic("matlab_conv", (1, 40, 40), output="sigmoid")
    sigmoid.load_state_dict(linear.state_dict())
    images = torch.randn(3, 1, 40, 40)
    torch.testing.assert_close(sigmoid(images), linear(images).sigmoid())


# -- who sees whom --

CRITICS = [(name, {}, name in ("deligan_conv", "dcgan", "infogan")) for name in NETWORKS]
CRITICS += [("keras_conv", {"norm": norm}, norm == "batch") for norm in ("layer", "instance", "batch", "none")]
CRITICS += [("matlab_conv", {"norm": "none"}, False)]


@pytest.mark.parametrize(("name", "options", "mixes"), CRITICS)
def test_mixes_samples_says_whether_one_sample_changes_another_s_output(name, options, mixes):
    shape = SHAPES.get(name, [DIGIT])[0]
    network = critic(name, shape, **options)
    images = torch.randn(4, *shape)
    before = deepcopy(network)(images)  # spectral norm's state moves with each call
    images[1] = torch.randn(shape)
    after = network(images)
    changed = (after - before).abs() > 1e-6
    assert changed[1]
    assert bool(changed[[0, 2, 3]].any()) == mixes == mixes_samples(network)


def test_minibatch_discrimination_alone_mixes_samples():
    assert mixes_samples(nn.Sequential(nn.Linear(4, 4), MinibatchDiscrimination(4)))
    assert not mixes_samples(nn.Sequential(nn.Linear(4, 4), nn.GroupNorm(1, 4), nn.Dropout(0.5)))


def test_is_random_only_with_dropout():
    assert is_random(critic("keras_conv", DIGIT, dropout=0.25))
    assert not any(is_random(critic(name, SHAPES.get(name, [DIGIT])[0])) for name in NETWORKS)


def test_sampling_from_batch_norm_needs_no_batch():
    network = MLPGenerator(3, (1, 2, 2)).eval()
    latents = torch.randn(4, 3)
    torch.testing.assert_close(network(latents)[:1], network(latents[:1]))


# -- the toy's rivals --


@pytest.mark.parametrize("n", [1, 3, 4, 10])
def test_ensemble_runs_each_sample_through_its_own_generator(n):
    network = generator("toy_ensemble", 2, POINT, members=4)
    nn.init.normal_(network.first_bias)
    nn.init.normal_(network.last_bias)
    latents, members = torch.randn(n, 2), torch.randint(4, (n,))
    expected = []
    for m, z in zip(members, latents, strict=True):
        hidden = torch.tanh(z @ network.first_weight[m] + network.first_bias[m, 0])
        expected.append(torch.tanh(hidden @ network.last_weight[m] + network.last_bias[m, 0]))
    torch.testing.assert_close(network(latents, members), torch.stack(expected).view(n, *POINT))


def test_moe_s_expert_is_the_label():
    network = generator("toy_moe", 2, POINT, experts=3)
    points = network(torch.ones(7, 2), torch.arange(7) % 3)
    torch.testing.assert_close(points[:3], points[3:6])
    torch.testing.assert_close(points[0], points[6])
    experts = points[:3].flatten(1)
    assert torch.pdist(experts).min() > 1e-3  # one product's rows of equal inputs need not be equal to the last bit
    first = network.body[0]
    one_hot = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0])  # the expert comes before the latents
    torch.testing.assert_close(points[1].flatten(), network.body[1:4](first(one_hot)))

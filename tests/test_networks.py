"""Networks against their sources: parameter counts, layers worked out by hand, geometry, who sees whom."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from zoo.networks import NETWORKS, build, count_parameters, is_random, mixes_samples
from zoo.networks.layers import (
    DoubledConv2d,
    KerasBatchNorm1d,
    KerasBatchNorm2d,
    SameConv2d,
    SameConvTranspose2d,
    glorot_,
    layer_norm,
    tf_batch_norm,
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


# -- layers, by hand --


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def set_(layer, weight, bias):
    layer = layer.double()
    layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    return layer


# size, kernel, stride, zeros before, zeros after: TensorFlow's table
SAME = [(28, 4, 1, 1, 2), (28, 3, 2, 0, 1), (7, 3, 2, 1, 1), (64, 5, 2, 1, 2), (14, 5, 2, 1, 2), (4, 3, 1, 1, 1)]
SAME += [(6, 1, 2, 0, 0), (5, 2, 3, 0, 0)]


@pytest.mark.parametrize(("size", "kernel", "stride", "before", "after"), SAME)
def test_same_convolution_pads_as_tensorflow(size, kernel, stride, before, after):
    x, w, b = numbers(2, 2, size, size), numbers(3, 2, kernel, kernel, seed=1), numbers(3, seed=2)
    padded = np.zeros((2, 2, size + before + after, size + before + after))
    padded[:, :, before : before + size, before : before + size] = x
    out = math.ceil(size / stride)
    expected = np.zeros((2, 3, out, out))
    for i in range(out):
        for j in range(out):
            window = padded[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            expected[:, :, i, j] = np.einsum("ncab,ocab->no", window, w) + b
    actual = set_(SameConv2d(2, 3, kernel, stride), w, b)(torch.from_numpy(x))
    np.testing.assert_allclose(actual.detach(), expected, atol=1e-12)


def test_doubled_convolution_is_that_of_the_doubled_image():
    double = DoubledConv2d(5, 3).double()
    nn.init.normal_(double.bias)
    inputs = torch.randn(2, 5, 3, 4, dtype=torch.float64, requires_grad=True)
    image = nn.functional.pad(inputs.repeat_interleave(2, 2).repeat_interleave(2, 3), (1, 2, 1, 2))
    by_hand = nn.functional.conv2d(image, double.weight, double.bias)
    torch.testing.assert_close(double(inputs), by_hand)
    wanted = [inputs, double.weight, double.bias]
    weights = torch.randn_like(by_hand)  # unequal, so that a swapped pixel would show
    gradients = (torch.autograd.grad((outputs * weights).sum(), wanted) for outputs in (double(inputs), by_hand))
    for own, reference in zip(*gradients, strict=True):
        torch.testing.assert_close(own, reference)


def test_same_convolution_pads_height_and_width_by_themselves():
    layer = SameConv2d(1, 1, 3, stride=2).double()
    image = torch.zeros(1, 1, 7, 8, dtype=torch.float64)
    image[0, 0, 0, 0] = 1  # odd height: one row of zeros before; even width: no column
    expected = layer.weight[0, 0, 1, 0] + layer.bias
    assert layer(image).shape == (1, 1, 4, 4)
    torch.testing.assert_close(layer(image)[0, 0, 0, :1], expected)


# input size, kernel, stride, output size, cropped before, cropped after
TRANSPOSED = [(8, 5, 2, 16, 1, 2), (4, 3, 2, 7, 1, 1), (4, 3, 2, 8, 0, 1), (3, 4, 2, 6, 1, 1), (5, 4, 1, 5, 1, 2)]


@pytest.mark.parametrize(("size", "kernel", "stride", "out", "before", "after"), TRANSPOSED)
def test_same_transposed_convolution_crops_as_tensorflow_and_matlab(size, kernel, stride, out, before, after):
    x, w, b = numbers(2, 3, size, size), numbers(3, 2, kernel, kernel, seed=1), numbers(2, seed=2)
    full = np.zeros((2, 2, (size - 1) * stride + kernel, (size - 1) * stride + kernel))
    for i in range(size):
        for j in range(size):
            stamp = np.einsum("nc,coab->noab", x[:, :, i, j], w)
            full[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel] += stamp
    assert full.shape[-1] == before + out + after
    expected = full[:, :, before : before + out, before : before + out] + b[:, None, None]
    given = None if out == size * stride else (out, out)
    layer = set_(SameConvTranspose2d(3, 2, kernel, stride, given), w, b)
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach(), expected, atol=1e-12)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(28, 5, 2), (7, 3, 2), (64, 4, 2), (9, 4, 1), (10, 5, 3)])
def test_same_transposed_convolution_is_the_gradient_of_same_convolution(size, kernel, stride):
    """TensorFlow defines conv2d_transpose so."""
    weight = numbers(3, 2, kernel, kernel)
    forward = set_(SameConv2d(2, 3, kernel, stride), weight, np.zeros(3))
    backward = set_(SameConvTranspose2d(3, 2, kernel, stride, (size, size)), weight, np.zeros(2))
    images = torch.zeros(1, 2, size, size, dtype=torch.float64, requires_grad=True)
    outputs = forward(images)
    upstream = torch.from_numpy(numbers(*outputs.shape, seed=1))
    (gradient,) = torch.autograd.grad(outputs, images, upstream)
    torch.testing.assert_close(backward(upstream), gradient)


def test_same_transposed_convolution_refuses_what_it_cannot_make():
    with pytest.raises(ValueError, match="kernel_size must be at least stride=3, got 2"):
        SameConvTranspose2d(1, 1, 2, stride=3)
    with pytest.raises(ValueError, match=r"no 9x9 from \(4, 4\) at stride 2"):
        SameConvTranspose2d(1, 1, 3, 2, output_size=(9, 9))(torch.zeros(1, 1, 4, 4))


def test_layer_norm_is_over_all_of_a_sample_with_one_scale_per_channel():
    x, scale, offset = numbers(2, 3, 4, 5), numbers(3, seed=1), numbers(3, seed=2)
    expected = np.empty_like(x)
    for n in range(2):
        normal = (x[n] - x[n].mean()) / np.sqrt(x[n].var() + 1e-5)
        for c in range(3):
            expected[n, c] = scale[c] * normal[c] + offset[c]
    layer = set_(layer_norm(3), scale, offset)
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "kept", "eps"), [(KerasBatchNorm2d, 0.8, 1e-3), (tf_batch_norm, 0.9, 1e-5)], ids=["keras", "tf"]
)
def test_batch_norm_keeps_the_source_s_share_of_the_old_statistics(make, kept, eps):
    norm = make(3).double()
    mean, variance = np.zeros(3), np.ones(3)
    for step in range(3):
        x = 2 * numbers(6, 3, 2, 2, seed=step) + 1
        batch_mean, batch_variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
        output = norm(torch.from_numpy(x))
        mean = kept * mean + (1 - kept) * batch_mean
        variance = kept * variance + (1 - kept) * batch_variance * 24 / 23
        gamma = norm.weight.detach().numpy()[:, None, None]
        expected = gamma * (x - batch_mean[:, None, None]) / np.sqrt(batch_variance + eps)[:, None, None]
        np.testing.assert_allclose(output.detach(), expected, atol=1e-12)
    np.testing.assert_allclose(norm.running_mean, mean)
    np.testing.assert_allclose(norm.running_var, variance)


def test_minibatch_discrimination_by_hand():
    layer = MinibatchDiscrimination(4, kernels=3, dim=2).double()
    layer.log_scale.data = torch.from_numpy(numbers(3, 2, seed=1))
    x, theta = numbers(5, 4), layer.direction.detach().numpy()
    closeness = np.empty((5, 5, 3))
    for k in range(3):
        lengths = np.sqrt((theta[:, k] ** 2).sum(0))
        weight = theta[:, k] / lengths * np.exp(layer.log_scale.detach().numpy()[k])
        for i in range(5):
            for j in range(5):
                distance = np.abs(x[i] @ weight - x[j] @ weight).sum()
                closeness[i, j, k] = np.exp(-distance * (i != j))
    output = layer(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(output[:, :4], x)
    np.testing.assert_allclose(output[:, 4:], closeness.sum(1) / closeness.sum())
    assert output[:, 4:].sum() == pytest.approx(1)


def test_minibatch_discrimination_can_be_trained_from_a_batch_of_copies():
    layer = MinibatchDiscrimination(4)
    samples = torch.ones(3, 4, requires_grad=True)
    layer(samples).square().sum().backward()
    assert torch.isfinite(layer.direction.grad).all()
    assert torch.isfinite(samples.grad).all()


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
    images = generator(name, 5, shape)(torch.randn(3, 5))
    assert images.shape == (3, *shape)
    assert images.abs().max() <= 1
    outputs = critic(name, shape)(images)
    assert outputs.shape == (3,)
    outputs.sum().backward()


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("keras_conv", (1, 30, 28), "multiples of 4, not 30x28"),
        ("deligan_conv", (1, 28, 30), "multiples of 4, not 28x30"),
        ("matlab_conv", (3, 32, 64), "sides 40, 48, 56, 64, ..., not 32x64"),
        ("matlab_conv", (3, 64, 60), "not 64x60"),
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

CRITICS = [(name, {}, name == "deligan_conv") for name in NETWORKS]
CRITICS += [("keras_conv", {"norm": norm}, norm == "batch") for norm in ("layer", "instance", "batch", "none")]
CRITICS += [("matlab_conv", {"norm": "none"}, False)]


@pytest.mark.parametrize(("name", "options", "mixes"), CRITICS)
def test_mixes_samples_says_whether_one_sample_changes_another_s_output(name, options, mixes):
    shape = SHAPES.get(name, [DIGIT])[0]
    network = critic(name, shape, **options)
    images = torch.randn(4, *shape)
    before = network(images)
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
def test_ensemble_runs_each_slot_through_its_own_generator(n):
    network = generator("toy_ensemble", 2, POINT, members=4)
    nn.init.normal_(network.first_bias)
    nn.init.normal_(network.last_bias)
    latents = torch.randn(n, 2)
    expected = []
    for slot, z in enumerate(latents):
        m = slot % 4
        hidden = torch.tanh(z @ network.first_weight[m] + network.first_bias[m, 0])
        expected.append(torch.tanh(hidden @ network.last_weight[m] + network.last_bias[m, 0]))
    torch.testing.assert_close(network(latents), torch.stack(expected).view(n, *POINT))


def test_moe_s_expert_is_the_slot():
    network = generator("toy_moe", 2, POINT, experts=3)
    points = network(torch.ones(7, 2))
    torch.testing.assert_close(points[:3], points[3:6])
    torch.testing.assert_close(points[0], points[6])
    assert len(points.flatten(1).unique(dim=0)) == 3
    first = network.body[0]
    one_hot = torch.tensor([0.0, 1.0, 0.0, 1.0, 1.0])  # the expert comes before the latents
    torch.testing.assert_close(points[1].flatten(), network.body[1:4](first(one_hot)))

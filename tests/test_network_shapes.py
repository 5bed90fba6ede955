"""Networks at all shapes: geometry, options, who sees whom."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from helpers.networks import DIGIT, FLOWER, POINT, critic, generator
from zoo.networks import NETWORKS, build, is_random, mixes_samples
from zoo.networks.deligan_cifar import GaussianNoise
from zoo.networks.minibatch import MinibatchDiscrimination
from zoo.networks.mlp import MLPGenerator

SHAPES = {
    "matlab_conv": [FLOWER, (1, 40, 48)],
    "deligan_conv": [DIGIT, (3, 32, 20)],
    "deligan_cifar": [(3, 32, 32), (1, 16, 24)],
    "deligan_sketches": [(1, 32, 32), (3, 24, 40)],
    "keras_conv": [DIGIT, (3, 32, 20)],
    "sngan_resnet": [DIGIT, (3, 8, 12)],
    "sagan": [DIGIT, (3, 16, 24)],
    "biggan": [DIGIT, (3, 8, 12)],
    "wgan_gp_resnet": [DIGIT, (3, 8, 12)],
    "small_conv": [DIGIT, (3, 8, 12)],
    "dcgan": [(1, 20, 24), (3, 8, 12)],
    "infogan": [DIGIT, (3, 8, 12)],
    "began": [(1, 20, 24), (3, 10, 18)],
    "r3gan": [DIGIT, (3, 8, 12)],
    "stylegan2": [DIGIT, (3, 8, 12)],
}
SHAPES |= {name: [POINT, (1, 2, 3)] for name in NETWORKS if name.startswith("toy")}


# -- geometry --

CASES = [(name, shape) for name in NETWORKS for shape in SHAPES.get(name, [DIGIT, FLOWER])]


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_every_pair_makes_and_judges_its_shapes(name, shape):
    network = generator(name, 5, shape)
    labels = () if getattr(network, "num_labels", None) is None else (torch.arange(3),)
    images = network(torch.randn(3, 5), *labels)
    assert images.shape == (3, *shape)
    is_unbounded = getattr(network, "is_unbounded", False)  # its samples are clamped
    assert (network.eval()(1000 * torch.randn(3, 5), *labels).abs().max() <= 1) != is_unbounded
    outputs = critic(name, shape)(images)
    assert outputs.shape == (3,)
    outputs.sum().backward()


def test_tiny_pairs_are_made_in_milliseconds_and_fit_each_other():
    for name, (make_generator, make_critic, tiny) in NETWORKS.items():
        player = build(make_generator, tiny.latent_dim, tiny.image_shape, options=tiny.generator)
        critic = build(make_critic, tiny.image_shape, options=tiny.critic)
        assert sum(p.numel() for each in (player, critic) for p in each.parameters()) < 10_000_000, name


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("keras_conv", (1, 30, 28), "multiples of 4, not 30x28"),
        ("deligan_conv", (1, 28, 30), "multiples of 4, not 28x30"),
        ("deligan_cifar", (3, 32, 28), "multiples of 8, not 32x28"),
        ("deligan_sketches", (1, 28, 32), "multiples of 8, not 28x32"),
        ("matlab_conv", (3, 32, 64), "sides 40, 48, 56, 64, ..., not 32x64"),
        ("matlab_conv", (3, 64, 60), "not 64x60"),
        ("sngan_resnet", (3, 31, 32), "sides are even and above 4, not 31x32"),
        ("sagan", (3, 30, 28), "sides halve twice and stay at 4 or more, not 30x28"),
        ("biggan", (3, 512, 512), "even, above 4 and at most 256, not 512x512"),
        ("small_conv", (3, 30, 28), "multiples of 4, not 30x28"),
        ("dcgan", (3, 31, 32), "even and above 4, not 31x32"),
        ("infogan", (1, 28, 30), "multiples of 4, not 28x30"),
        ("began", (1, 28, 31), "even and above 8, not 28x31"),
        ("r3gan", (1, 30, 28), "no 30x28 comes of that"),
    ],
)
def test_impossible_shapes_are_refused_in_one_line(name, shape, message):
    with pytest.raises(ValueError, match=message) as error:
        generator(name, 10, shape)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("deligan_cifar", (3, 8, 16), "at least 9, not 8x16"),
        ("deligan_sketches", (1, 24, 16), "at least 17, not 24x16"),
    ],
)
def test_images_that_a_critic_s_convolutions_do_not_fit_into_are_refused(name, shape, message):
    with pytest.raises(ValueError, match=message):
        critic(name, shape)


def test_unknown_options_name_the_known_ones():
    with pytest.raises(ValueError, match="MatlabConvCritic has no option 'width'; it takes: norm, output"):
        critic("matlab_conv", FLOWER, width=3)
    with pytest.raises(ValueError, match="DeLiGANConvGenerator has no option 'norm'; it takes: none"):
        generator("deligan_conv", 10, DIGIT, norm="none")
    with pytest.raises(ValueError, match="ToyMoEGenerator has no option 'members'; it takes: hidden, experts"):
        generator("toy_moe", 2, POINT, members=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: critic("matlab_conv", FLOWER, norm="batch"), "MatlabConvCritic: norm must be one of"),
        (lambda: critic("matlab_conv", FLOWER, output="tanh"), "output must be one of"),
        (lambda: generator("mlp", 2, DIGIT, norm="bacth"), "MLPGenerator: norm must be one of"),
        (lambda: critic("keras_conv", DIGIT, norm="foo"), "KerasConvCritic: norm must be one of"),
        (lambda: generator("mlp", 2, DIGIT, hidden=[]), "MLPGenerator cannot be built with"),
        (lambda: critic("mlp", DIGIT, hidden=5), "MLPCritic cannot be built with"),
    ],
)
def test_an_option_s_wrong_value_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_sigmoid_output_is_the_sigmoid_of_the_linear_one():
    linear, sigmoid = critic("matlab_conv", (1, 40, 40)), critic("matlab_conv", (1, 40, 40), output="sigmoid")
    sigmoid.load_state_dict(linear.state_dict())
    images = torch.randn(3, 1, 40, 40)
    torch.testing.assert_close(sigmoid(images), linear(images).sigmoid())


# -- who sees whom --

MIXING = ("deligan_conv", "deligan_cifar", "deligan_sketches", "dcgan", "infogan", "stylegan2")
CRITICS = [(name, {}, name in MIXING) for name in NETWORKS]
CRITICS += [("keras_conv", {"norm": norm}, norm == "batch") for norm in ("layer", "instance", "batch", "none")]
CRITICS += [("matlab_conv", {"norm": "none"}, False)]


@pytest.mark.parametrize(("name", "options", "mixes"), CRITICS)
def test_mixes_samples_says_whether_one_sample_changes_another_s_output(name, options, mixes):
    shape = SHAPES.get(name, [DIGIT])[0]
    network = critic(name, shape, **options)
    for part in network.modules():
        if is_random(part) and not list(part.children()):
            part.eval()  # what noise changes is no sign of another's
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


def test_is_random_only_with_dropout_or_noise():
    assert is_random(critic("keras_conv", DIGIT, dropout=0.25))
    assert is_random(GaussianNoise(0.2))
    random = {name for name in NETWORKS if is_random(critic(name, SHAPES.get(name, [DIGIT])[0]))}
    assert random == {"deligan_cifar", "deligan_sketches"}


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

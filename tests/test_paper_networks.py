"""The networks of DCGAN, InfoGAN and BEGAN: counts, initial values and geometry of the authors' code."""

import pytest
import torch
from torch import nn

from zoo.networks.began import BEGANCritic, BEGANGenerator
from zoo.networks.dcgan import DCGANCritic, DCGANGenerator
from zoo.networks.infogan import InfoGANCritic, InfoGANGenerator
from zoo.networks.layers import SameConv2d

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


# -- DCGAN --


@pytest.mark.parametrize(
    ("shape", "counts"),
    [
        ((3, 64, 64), (3_576_704, 2_765_568)),
        ((1, 64, 64), (3_574_656, 2_763_520)),
        ((3, 32, 32), (1_068_928, 663_296)),
    ],
)
def test_dcgan_has_the_parameters_of_the_source(shape, counts):
    assert (count(DCGANGenerator(100, shape)), count(DCGANCritic(shape))) == counts


def test_dcgan_starts_as_in_the_source():
    for network in (DCGANGenerator(100, (3, 32, 32)), DCGANCritic((3, 32, 32))):
        for part, weight in starts_from(network):
            is_norm = isinstance(part, nn.BatchNorm2d)
            assert_normal(weight, float(is_norm))
            assert (part.bias is not None) == is_norm


@pytest.mark.parametrize(
    ("shape", "bottom"), [((3, 64, 64), (24, 4, 4)), ((3, 32, 32), (12, 4, 4)), ((1, 28, 28), (6, 7, 7))]
)
def test_dcgan_s_outermost_layers_have_no_batch_norm(shape, bottom):
    generator, critic = DCGANGenerator(5, shape, width=3), DCGANCritic(shape, width=3)
    assert generator.body[:2](torch.randn(1, 5)).shape[1:] == bottom
    assert critic.num_features == bottom[0] * bottom[1] * bottom[2]
    kinds = [type(part).__name__ for part in generator.body]
    levels = kinds.count("ConvTranspose2d")
    assert kinds == ["Linear", "Unflatten", *["BatchNorm2d", "ReLU", "ConvTranspose2d"] * levels, "Tanh"]
    down = ["Conv2d", "LeakyReLU", *["Conv2d", "BatchNorm2d", "LeakyReLU"] * (levels - 1), "Flatten", "Linear"]
    assert [type(part).__name__ for part in critic.body] == down


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


# -- BEGAN --


@pytest.mark.parametrize(
    ("shape", "counts"), [((3, 64, 64), (1_716_611, 13_405_379)), ((3, 32, 32), (1_421_443, 7_128_643))]
)
def test_began_has_the_parameters_of_the_source(shape, counts):
    generator, critic = BEGANGenerator(64, shape), BEGANCritic(shape)
    assert (count(generator), count(critic)) == counts
    assert count(critic.decoder) == counts[0]
    assert critic.num_features == 64


def test_began_starts_from_glorot_s_uniform():
    network = BEGANCritic((1, 20, 20), width=16)
    layers = [part for part in network.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    assert len(layers) == (1 + 3 + 3 + 2 + 1) + (1 + 2 + 2 + 2 + 1)
    for part in layers:
        fan = part.weight[0].numel() + part.weight[:, 0].numel()
        assert part.weight.abs().max().item() == pytest.approx((6 / fan) ** 0.5, rel=0.05)
        assert not part.bias.any()


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [((1, 28, 28), [7, 14, 28]), ((3, 64, 64), [8, 16, 32, 64]), ((1, 10, 10), [5, 10]), ((1, 16, 16), [8, 16])],
)
def test_began_halves_sides_while_they_are_even_and_above_8(shape, sizes):
    generator, critic, seen = BEGANGenerator(2, shape, width=2), BEGANCritic(shape, width=2, code=3), {}
    for name, body in (("down", critic.encoder), ("up", critic.decoder.body), ("made", generator.body)):
        for part in body:
            if isinstance(part, nn.Conv2d):
                part.register_forward_hook(lambda _, args, out, name=name: seen.setdefault(name, []).append(out.shape))
    generator(torch.randn(1, 2))
    critic(torch.randn(1, *shape))
    halving = [part for part in critic.modules() if isinstance(part, nn.Conv2d) and part.stride == (2, 2)]
    assert len(halving) == len(sizes) - 1
    assert all(isinstance(part, SameConv2d) for part in halving)  # zeros at the end, as the source pads
    assert [shape[2] for shape in seen["made"]] == [side for side in sizes for _ in range(2)] + sizes[-1:]
    assert seen["made"] == seen["up"]
    down = [side for side in sizes[::-1] for _ in range(3)]  # the halving convolution and two more, or the first
    assert [shape[2] for shape in seen["down"]] == down
    grown = [2 * (level + 1) for level in range(len(sizes))]
    assert [shape[1] for shape in seen["down"]] == [2, *[n for n in grown for _ in range(3)][:-1]]


def test_began_s_output_is_the_mean_absolute_error_of_what_it_decodes_from_its_features():
    critic, images = BEGANCritic((2, 10, 10), width=3, code=4), torch.rand(5, 2, 10, 10) * 2 - 1
    decoded = critic.decode(images)
    assert torch.equal(decoded, critic.decoder.body(critic.features(images)))
    expected = torch.stack([(x - y).abs().mean() for x, y in zip(images, decoded, strict=True)])
    torch.testing.assert_close(critic(images), expected)
    assert critic(10 * images).min() > critic(images).max()  # nothing is cut off
    far = critic.decode(1000 * images)
    assert far.abs().max() > 1
    assert torch.equal(critic.eval().decode(1000 * images), far)


def test_began_s_images_are_cut_off_in_evaluation_alone():
    generator = BEGANGenerator(2, (1, 10, 10), width=3)
    latents = 100 * torch.randn(4, 2)
    images = generator(latents)
    assert images.abs().max() > 1
    assert torch.equal(generator.eval()(latents), images.clamp(-1, 1))

"""StyleGAN2: counts and layers of the authors' code, its regularisers in closed form, styles and noise."""

import pytest
import torch

import zoo
from helpers.models import MARKS, build
from zoo.engine.batch import Batch
from zoo.networks.stylegan2 import StyleGAN2Critic, StyleGAN2Generator
from zoo.networks.stylegan2.synthesis import StyledConv
from zoo.penalties import path_lengths

pytestmark = MARKS
TINY = {"w_dim": 5, "channel_base": 32, "channel_max": 6}


def count(network):
    return sum(p.numel() for p in network.parameters())


def tiny(shape=(1, 16, 16), **options):
    torch.manual_seed(0)
    return StyleGAN2Generator(4, shape, **TINY | options)


# -- the source's counts --

FULL, CIFAR = {"channel_base": 32768}, {"channel_base": 32768, "architecture": "orig"}
PAPER = {"channel_base": 32768, "mapping_layers": 8}


@pytest.mark.parametrize(
    ("shape", "classes", "generator", "critic", "counts"),
    [
        ((3, 32, 32), None, FULL, CIFAR, (19_947_539, 20_720_641)),
        ((3, 32, 32), 10, FULL, CIFAR, (20_215_315, 23_089_664)),
        ((1, 32, 32), 10, FULL, CIFAR, (20_211_211, 23_088_640)),
        ((3, 32, 32), None, {}, {}, (19_947_539, 21_507_073)),
        ((3, 64, 64), None, {}, {}, (22_243_608, 23_407_361)),
        ((3, 64, 64), 10, {}, {}, (22_511_384, 25_776_384)),
        ((3, 128, 128), None, {}, {}, (22_949_277, 23_882_369)),
        ((3, 256, 256), None, {}, {}, (23_191_522, 24_001_089)),
        ((3, 64, 64), None, PAPER, FULL, (27_032_600, 26_488_833)),
        ((3, 1024, 1024), None, PAPER, FULL, (30_370_060, 29_012_513)),
    ],
)
def test_counts_are_those_of_the_source(shape, classes, generator, critic, counts):
    with torch.device("meta"):
        pair = (
            StyleGAN2Generator(512, shape, num_classes=classes, **generator),
            StyleGAN2Critic(shape, num_classes=classes, **critic),
        )
    assert tuple(map(count, pair)) == counts


# -- the generator --


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_each_architecture_makes_images_and_only_skip_makes_one_at_every_size(architecture):
    generator = tiny(architecture=architecture)
    critic = StyleGAN2Critic((1, 16, 16), channel_base=32, channel_max=6, group=2, architecture=architecture)
    images = generator(torch.randn(4, 4))
    assert images.shape == (4, 1, 16, 16)
    assert critic(images).shape == (4,)
    assert sum(block.to_image is not None for block in generator.blocks) == (3 if architecture == "skip" else 1)
    assert sum(block.shortcut is not None for block in generator.blocks) == (2 if architecture == "resnet" else 0)
    assert generator.num_ws == 6


def test_each_layer_has_its_style_and_an_image_that_of_the_next_block():
    generator = tiny().eval()
    ws = torch.randn(1, 6, 5).requires_grad_()
    image = generator.synthesis(ws, noise="none")
    (gradient,) = torch.autograd.grad(image.sum(), ws)
    assert (gradient[0].abs().sum(1) > 0).all()
    seen = []
    for block in generator.blocks:
        for part in (*block.convs, block.to_image):
            part.affine.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    generator.synthesis(ws)
    order = [next(i for i in range(6) if torch.equal(w, ws[:, i])) for w in seen]
    assert order == [0, 1, 1, 2, 3, 3, 4, 5]


def test_noise_is_drawn_from_the_given_generators_and_starts_at_strength_0():
    generator = tiny().eval()
    z = torch.randn(2, 4)
    plain = generator(z, noise="none")
    torch.testing.assert_close(generator(z), plain)
    for part in generator.modules():
        if isinstance(part, StyledConv):
            part.noise_strength.data.fill_(0.5)
    assert not torch.allclose(generator(z), generator(z))
    assert torch.equal(generator(z, noise="const"), generator(z, noise="const"))
    one = [generator(z, source=torch.Generator().manual_seed(5)) for _ in range(2)]
    assert torch.equal(*one)
    several = generator(z, source=[torch.Generator().manual_seed(seed) for seed in (1, 2)])
    alone = generator(z[1:], source=[torch.Generator().manual_seed(2)])
    torch.testing.assert_close(several[1:], alone)


def test_truncation_draws_w_to_its_mean():
    generator = tiny().eval()
    generator.w_average.normal_()
    z = torch.randn(3, 4)
    at_mean = generator(z, truncation=0.0, noise="none")
    torch.testing.assert_close(at_mean[0], at_mean[2])
    torch.testing.assert_close(generator(z, truncation=1.0, noise="none"), generator(z, noise="none"))


def test_mixing_takes_w_of_other_latents_from_one_layer_on_and_in_training_alone():
    generator = tiny(style_mixing=1.0)
    z = torch.randn(3, 4)
    ws = generator.mapping(z)[:, None].expand(-1, 6, -1)
    firsts = set()
    for _ in range(40):
        same = (generator.mixed(ws, z, None) == ws).all(2)
        assert torch.equal(same, same[:1].expand(3, -1)), "one place for the batch"
        firsts.add(int(same[0].sum()))
        assert same[0].tolist() == sorted(same[0].tolist(), reverse=True)
    assert firsts == {1, 2, 3, 4, 5}
    generator.style_mixing = 0.0
    assert torch.equal(generator.mixed(ws, z, None), ws)
    assert tiny(style_mixing=1.0).eval()(z, noise="none").equal(tiny().eval()(z, noise="none"))


# -- the model --


def test_r1_is_gamma_halves_of_the_squared_slope():
    model = build(zoo.StyleGAN2, r1_gamma=3.0)
    real = Batch(torch.randn(4, 1, 8, 8))
    images = real.images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model.critic(images).sum(), images)
    expected = 1.5 * gradient.square().sum((1, 2, 3)).mean()
    torch.testing.assert_close(model.r1(real), expected)


def test_path_lengths_of_a_linear_synthesis_are_known():
    """For y = a w, one pixel: |J^T n| = |n| |a|, for noise n; over L layers, the mean of the squares."""
    a = torch.tensor([3.0, 4.0])
    ws = torch.zeros(5000, 2, 2).requires_grad_()
    lengths = path_lengths(lambda ws: (ws[:, 0] @ a)[:, None, None, None] + 0 * ws.sum(), ws)
    assert lengths.square().mean().item() == pytest.approx(25 / 2, rel=0.1)


def test_the_penalty_counts_this_step_in_its_mean():
    torch.manual_seed(0)
    model = build(zoo.StyleGAN2, path_weight=2.0)
    model.path_mean.fill_(7.0)
    penalty = model.path_penalty(Batch(torch.zeros(2, 1, 8, 8)))  # half of it: one sample
    length = model.observed["path_length"]
    expected = 2 * (length - (0.99 * 7 + 0.01 * length)).square()
    torch.testing.assert_close(penalty.detach(), expected)
    assert penalty.requires_grad


def test_without_a_weight_there_are_no_path_lengths_and_rates_are_corrected_for_r1_alone():
    names = lambda model: [each.name for each in model.regularisers]  # noqa: E731
    assert names(build(zoo.StyleGAN2)) == ["r1", "path_penalty"]
    model = build(zoo.StyleGAN2, path_weight=0.0)
    assert names(model) == ["r1"]
    critic, generator = model.configure_optimizers()
    assert critic.defaults["lr"] == pytest.approx(2.5e-3 * 16 / 17)
    assert critic.defaults["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))
    assert generator.defaults["lr"] == 2.5e-3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"r1_gamma": -1.0}, "at least 0"),
        ({"r1_every": 1}, "at least 2"),
        ({"network": "mlp", "image_shape": (1, 4, 4)}, "needs network stylegan2"),
        ({"generator_options": {"architecture": "flat"}}, "architecture must be one of"),
        ({"critic_options": {"architecture": "flat"}}, "architecture must be one of"),
    ],
)
def test_what_cannot_be_is_one_line(options, message):
    with pytest.raises(ValueError, match=message):
        build(zoo.StyleGAN2, **options)

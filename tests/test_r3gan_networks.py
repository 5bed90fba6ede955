"""R3GAN's networks: counts, first values and geometry of the paper's code; the filter [1, 3, 3, 1]."""

from math import sqrt

import pytest
import torch
from torch.nn.functional import leaky_relu, one_hot

import zoo
from helpers.blocks import assert_close, reference
from helpers.models import MARKS, build
from zoo.engine.batch import Batch
from zoo.networks.r3gan import Block, R3GANCritic, R3GANGenerator
from zoo.networks.resampling import Downsample, Upsample

pytestmark = MARKS
TINY = {"widths": (8, 6, 4), "blocks": 1, "group_width": 4}


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("size", "classes", "counts"),
    [
        (32, 10, (20_781_952, 21_280_512)),
        (32, None, (20_732_160, 20_683_776)),
        (64, None, (22_429_824, 22_381_440)),
    ],
)
def test_counts_are_those_of_the_source(size, classes, counts):
    with torch.device("meta"):
        shape = (3, size, size)
        pair = R3GANGenerator(64, shape, num_classes=classes), R3GANCritic(shape, num_classes=classes)
    assert tuple(map(count, pair)) == counts
    assert count(pair[0].body[0]) == 2_583_552


def test_the_filter_is_that_of_the_reference():
    x, up, down = reference("sg2/upfirdn/x", "sg2/upfirdn/up2", "sg2/upfirdn/down2")
    assert_close(Upsample().double()(x), up)
    assert_close(Downsample().double()(x), down)


def test_the_filter_keeps_a_constant_but_at_the_border_and_is_no_part_of_the_weights():
    constant = torch.ones(1, 2, 4, 4)
    doubled, halved = Upsample()(constant), Downsample()(constant)
    assert_close(doubled[:, :, 1:-1, 1:-1], torch.ones(1, 2, 6, 6), 1e-6)
    assert doubled[0, 0, 0, 3].item() == pytest.approx(3 / 4)
    assert_close(halved[:, :, :1, :1], torch.full((1, 2, 1, 1), (7 / 8) ** 2), 1e-6)
    assert not Upsample().state_dict()


def test_every_block_starts_as_the_identity_and_the_weights_scaled():
    torch.manual_seed(0)
    generator = R3GANGenerator(64, (3, 32, 32), widths=(64,) * 4)
    x = torch.randn(2, 64, 4, 4)
    blocks = [part for part in generator.body if isinstance(part, Block)]
    assert len(blocks) == 8
    for block in blocks:
        assert torch.equal(block(x), x)
        gain = sqrt(2 / 1.04) * 8**-0.25
        assert block.expand.weight.std().item() == pytest.approx(gain / 8, rel=0.03)
        assert block.mix.weight.std().item() == pytest.approx(gain / 12, rel=0.03)  # 16 channels of 3x3
        assert not block.expand.bias.any()
    assert generator.dense.weight.std().item() == pytest.approx(1 / 8, rel=0.03)
    assert generator.basis.std().item() == pytest.approx(1, rel=0.1)
    critic = R3GANCritic((3, 32, 32), widths=(64,) * 4, num_classes=10)
    assert critic.gather.weight.std().item() == pytest.approx(1 / 4, rel=0.1)
    assert critic.embedding.weight.std().item() == pytest.approx(1 / 8 / sqrt(10), rel=0.1)


def test_a_block_is_the_one_of_the_paper():
    torch.manual_seed(0)
    block, x = Block(4, 2, 1), torch.randn(2, 4, 5, 5)
    torch.nn.init.normal_(block.reduce.weight)
    hidden = leaky_relu(block.mix(leaky_relu(block.expand(x), 0.2)), 0.2)
    torch.testing.assert_close(block(x), x + block.reduce(hidden))
    changed = x.clone()
    changed[:, 0, 2, 2] += 1
    groups = (block.mix(block.expand(changed)) - block.mix(block.expand(x))).detach().abs().amax((0, 2, 3))
    assert block.mix.groups == 4
    assert (groups > 0).all()  # the 1x1 sends a channel to all groups


def test_labels_are_embedded_linear_and_the_output_is_a_projection():
    torch.manual_seed(0)
    generator = R3GANGenerator(3, (1, 16, 16), **TINY, num_classes=4, label_dim=5)
    critic = R3GANCritic((1, 16, 16), **TINY, num_classes=4)
    z, labels = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 0, 1])
    joined = torch.cat([z, one_hot(labels, 4).float() @ generator.embedding.weight], 1)
    small = generator.basis * generator.dense(joined)[:, :, None, None]
    torch.testing.assert_close(generator(z, labels), generator.image(generator.body(small)))
    images = torch.randn(6, 1, 16, 16)
    features = critic.features(images)
    assert features.shape == (6, critic.num_features)
    products = (critic.output(features) * critic.embedding(labels)).sum(1)
    torch.testing.assert_close(critic(images, labels), products)
    with pytest.raises(ValueError, match="needs labels"):
        critic(images)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((1, 28, 28), {"widths": (8, 8, 8, 8)}, "no 28x28"),
        ((1, 8, 8), {"widths": ()}, "for 0 widths"),
        ((1, 8, 8), {"widths": (8, 6), "group_width": 16}, "group_width divides"),
        ((1, 8, 8), {"widths": (8, 8), "blocks": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_built_is_one_line(shape, options, message):
    for build_it in (lambda: R3GANGenerator(2, shape, **options), lambda: R3GANCritic(shape, **options)):
        with pytest.raises(ValueError, match=message):
            build_it()


def test_sides_need_not_be_powers_of_two():
    options = {"widths": (8, 6, 4), "blocks": 1, "group_width": 4}
    assert R3GANGenerator(2, (1, 28, 20), **options)(torch.randn(2, 2)).shape == (2, 1, 28, 20)
    assert R3GANCritic((1, 28, 20), **options)(torch.randn(2, 1, 28, 20)).shape == (2,)


def test_samples_are_clamped_and_what_is_trained_is_not():
    model = build(zoo.R3GAN, network="r3gan", image_shape=(1, 16, 16), generator_options=TINY, critic_options=TINY)
    with torch.no_grad():
        model.generator.image.weight.mul_(100)
    assert model.sample(4).abs().max() == 1
    assert model.generate(model.prior(4)).images.abs().max() > 1


def test_a_fake_has_the_class_of_its_real_image():
    model = build(
        zoo.ConditionalR3GAN, network="r3gan", image_shape=(1, 16, 16), generator_options=TINY, critic_options=TINY
    )
    real = Batch(torch.zeros(3, 1, 16, 16), torch.tensor([2, 0, 1]))
    assert torch.equal(model.fake_labels(real), real.labels)
    assert torch.equal(model.generate(model.prior(3, None, model.fake_labels(real))).labels, real.labels)

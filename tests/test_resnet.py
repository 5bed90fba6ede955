"""SNGAN's residual networks and the small convolutional pair: counts, geometry, labels, features."""

import pytest
import torch
from torch import nn

from zoo.networks.resnet import DownBlock, ResNetCritic, ResNetGenerator, UpBlock
from zoo.networks.small_conv import SmallConvCritic, SmallConvGenerator
from zoo.networks.wgan_gp_resnet import PlainResNetCritic


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("classes", "counts"), [(None, (4_276_739, 1_053_825)), (10, (4_304_387, 1_055_105))])
def test_counts_are_those_of_the_papers(classes, counts):
    shape = (3, 32, 32)
    pair = ResNetGenerator(128, shape, num_classes=classes), ResNetCritic(shape, num_classes=classes)
    assert tuple(map(count, pair)) == counts


def test_counts_of_each_block_are_those_of_the_papers():
    generator, critic = ResNetGenerator(128, (3, 32, 32)), ResNetCritic((3, 32, 32))
    assert count(generator.dense) == 528_384
    assert [count(block) for block in generator.blocks] == [1_246_976] * 3
    assert [count(block) for block in critic.blocks] == [151_680, 311_680, 295_168, 295_168]


@pytest.mark.parametrize(
    ("shape", "bottom"), [((3, 32, 32), (4, 4)), ((1, 28, 28), (7, 7)), ((1, 8, 8), (4, 4)), ((3, 64, 40), (8, 5))]
)
def test_an_image_begins_from_its_sides_halved(shape, bottom):
    generator = ResNetGenerator(2, shape, width=2)
    assert generator.bottom == (2, *bottom)
    assert generator(torch.randn(2, 2)).shape == (2, *shape)


def test_blocks_are_those_of_the_source():
    """Each written out once more, in evaluation."""
    x = torch.randn(2, 3, 4, 4)
    up = UpBlock(3, None).eval()
    double = nn.Upsample(scale_factor=2)
    hidden = up.conv2(up.norm2.norm(up.conv1(double(up.norm1.norm(x).relu()))).relu())
    torch.testing.assert_close(up(x, None), hidden + up.shortcut(double(x)))
    half = nn.AvgPool2d(2)
    first = DownBlock(3, 4, down=True, first=True).eval()
    torch.testing.assert_close(first(x), half(first.conv2(first.conv1(x).relu())) + first.shortcut(half(x)))
    down = DownBlock(3, 4, down=True).eval()
    torch.testing.assert_close(down(x), half(down.conv2(down.conv1(x.relu()).relu())) + half(down.shortcut(x)))
    same = DownBlock(3, 3, down=False).eval()
    torch.testing.assert_close(same(x), same.conv2(same.conv1(x.relu()).relu()) + x)


PAIRS = [
    (
        lambda n: ResNetGenerator(3, (1, 8, 8), width=4, num_classes=n),
        lambda n: ResNetCritic((1, 8, 8), width=4, num_classes=n),
    ),
    (
        lambda n: SmallConvGenerator(3, (1, 8, 8), widths=(4, 4), num_classes=n),
        lambda n: SmallConvCritic((1, 8, 8), widths=(4, 4, 4), num_classes=n),
    ),
]


@pytest.mark.parametrize(("make_generator", "make_critic"), PAIRS)
def test_labels_change_images_and_outputs(make_generator, make_critic):
    generator, critic = make_generator(5).eval(), make_critic(5).eval()
    if isinstance(generator, ResNetGenerator):  # whose classes are equal at first
        for block in generator.blocks:
            nn.init.normal_(block.norm1.norm.gain.weight)
    latents = torch.randn(1, 3).expand(2, 3)
    labels = torch.tensor([1, 4])
    images = generator(latents, labels)
    assert images.shape == (2, 1, 8, 8)
    assert (images[0] - images[1]).abs().max() > 1e-4
    outputs = critic(images[:1].expand(2, -1, -1, -1), labels)
    assert outputs.shape == (2,)
    assert (outputs[0] - outputs[1]).abs() > 1e-4
    for network, inputs in ((generator, latents), (critic, images)):
        with pytest.raises(ValueError, match="num_labels=5 needs labels"):
            network(inputs)


@pytest.mark.parametrize(("make_generator", "make_critic"), PAIRS)
def test_without_classes_labels_change_nothing(make_generator, make_critic):
    generator, critic = make_generator(None).eval(), make_critic(None).eval()
    latents, labels = torch.randn(2, 3), torch.tensor([1, 4])
    images = generator(latents)
    assert torch.equal(images, generator(latents, labels))
    assert torch.equal(critic(images), critic(images, labels))


@pytest.mark.parametrize("make", [critic for _, critic in PAIRS])
def test_the_output_is_linear_in_the_features_and_projects_on_the_class(make):
    critic, images, labels = make(5).eval(), torch.randn(2, 1, 8, 8), torch.tensor([3, 0])
    features = critic.features(images)
    assert features.shape == (2, critic.num_features)
    expected = critic.output(features).squeeze(1) + (critic.embedding(labels) * features).sum(1)
    torch.testing.assert_close(critic(images, labels), expected)


def test_the_small_pair_is_as_described():
    generator, critic = SmallConvGenerator(64, (1, 28, 28)), SmallConvCritic((1, 28, 28))
    sizes = []
    for part in generator.body:
        part.register_forward_hook(lambda _, __, output: sizes.append(tuple(output.shape[1:])))
    generator(torch.randn(2, 64))
    assert sizes[1] == (64, 7, 7)
    assert sizes[7] == (32, 14, 14)
    assert sizes[-3:] == [(4, 14, 14), (1, 28, 28), (1, 28, 28)]
    assert critic.num_features == 64 * 7 * 7
    assert count(generator) == 64 * 3136 + 9 * 64 * 64 + 16 * 64 * 32 + 9 * 32 * 32 + 9 * 32 * 4 + 4 + 2 * 2 * (64 + 32)
    assert count(critic) == 16 * 16 + 16 + 16 * 16 * 32 + 32 + 9 * 32 * 64 + 64 + 3136 + 1


def test_the_critic_of_wgan_gp_has_no_norm_and_the_mean_over_pixels():
    torch.manual_seed(0)
    plain = PlainResNetCritic((3, 32, 32))
    assert count(plain) == 1_053_825
    assert not list(plain.buffers())
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(plain.features(images), plain.blocks(images).relu().mean((2, 3)))
    assert plain.blocks[1].conv1.weight.abs().max().item() == pytest.approx((2 * 6 / (2 * 128 * 9)) ** 0.5, rel=0.01)

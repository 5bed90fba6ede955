"""The residual networks of SAGAN and BigGAN: counts, where attention stands, what each block is told, first weights."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, conv2d, interpolate, linear

from zoo.networks.attention import SelfAttention
from zoo.networks.biggan import BigGANCritic, BigGANGenerator
from zoo.networks.conditional_norm import ConditionalBatchNorm2d, VectorBatchNorm2d
from zoo.networks.resnet import DownBlock
from zoo.networks.sagan import SAGANCritic, SAGANGenerator
from zoo.networks.spectral_norm import SpectralNorm
from zoo.networks.spectral_resnet import SpectralUpBlock

CIFAR, FLOWER, LARGE = (3, 32, 32), (3, 64, 64), (3, 128, 128)
SHARED = {"shared_dim": 128, "hierarchical": True}


def count(cls, *sizes, **options):
    """Count the weights of a network that is never given any memory."""
    with torch.device("meta"):
        return sum(p.numel() for p in cls(*sizes, **options).parameters())


# -- counts --


def test_sagan_s_counts_are_those_of_its_reproduction():
    assert count(SAGANGenerator, 128, CIFAR, num_classes=10) == 4_386_308
    assert count(SAGANCritic, CIFAR, num_classes=10) == 1_075_586
    at_64 = {"num_classes": 1000, "attention": [64]}  # as BigGAN's script has it for 128x128
    assert count(SAGANGenerator, 128, LARGE, **at_64) == 42_017_412
    assert count(SAGANCritic, LARGE, **at_64) == 39_448_258


@pytest.mark.parametrize(
    ("latents", "shape", "options", "counts"),
    [
        (128, CIFAR, {"num_classes": 10}, (4_304_387, 4_207_361)),
        (128, CIFAR, {"num_classes": 100}, (4_580_867, 4_230_401)),
        (128, CIFAR, {"num_classes": 10} | SHARED, (4_373_251, 4_207_361)),
        (80, CIFAR, {"num_classes": 10, "ch": 96, "attention": [16]} | SHARED, (9_416_196, 9_456_769 + 184_321)),
        (128, FLOWER, {"num_classes": 1}, (32_033_283, 19_543_745)),
        (128, FLOWER, {"num_classes": 10, "attention": [32]}, (32_200_452, 19_558_082)),
        (100, FLOWER, {"num_classes": 10, "attention": [32]} | SHARED, (31_739_396, 19_558_082)),
        (120, LARGE, {"num_classes": 1000, "attention": [64]} | SHARED, (31_978_628, 39_448_258)),
        (120, LARGE, {"num_classes": 1000, "ch": 96, "attention": [64]} | SHARED, (70_433_988, 87_982_370)),
    ],
)
def test_biggan_s_counts_are_those_of_its_code(latents, shape, options, counts):
    of_critic = {name: value for name, value in options.items() if name not in SHARED}
    found = count(BigGANGenerator, latents, shape, **options), count(BigGANCritic, shape, **of_critic)
    assert found == counts


def test_counts_of_each_layer_are_those_of_the_code():
    generator, critic = BigGANGenerator(128, CIFAR, num_classes=10), BigGANCritic(CIFAR, num_classes=10)
    layers = [generator.dense, *generator.blocks, generator.norm, generator.image, *critic.blocks]
    layers += [critic.output, critic.embedding]
    found = [sum(p.numel() for p in layer.parameters()) for layer in layers]
    assert found[:6] == [528_384, *[1_256_192] * 3, 512, 6_915]
    assert found[6:] == [598_272, 1_245_952, 1_180_160, 1_180_160, 257, 2_560]


# -- attention, by the true height of features --


def heights_of_attention(network, *inputs):
    heights = []
    for part in network.modules():
        if isinstance(part, SelfAttention):
            part.register_forward_hook(lambda layer, args, output: heights.append(output.shape[2]))
    network(*inputs)
    return heights


@pytest.mark.parametrize(
    ("shape", "place"), [((1, 32, 32), 16), ((1, 28, 28), 14), ((1, 64, 64), 32), ((1, 16, 24), 8)]
)
def test_sagan_attends_at_half_the_height_in_the_generator_and_a_quarter_in_the_critic(shape, place):
    assert heights_of_attention(SAGANGenerator(3, shape, ch=2), torch.randn(2, 3)) == [place]
    assert heights_of_attention(SAGANCritic(shape, ch=8), torch.randn(2, *shape)) == [place // 2]


def test_sagan_attends_at_32_for_larger_images():
    with torch.device("meta"):
        latents, images = torch.empty(2, 3), torch.empty(2, 1, 128, 128)
        assert heights_of_attention(SAGANGenerator(3, (1, 128, 128)), latents) == [32]
        assert heights_of_attention(SAGANCritic((1, 128, 128)), images) == [32]


@pytest.mark.parametrize("places", [[16], [8], [16, 8], []])
def test_biggan_attends_once_at_each_height_that_it_is_told(places):
    """Its code has 16 for each of the critic's four blocks: attention four times there, and none at 8."""
    images, latents = torch.randn(2, 1, 32, 32), torch.randn(2, 3)
    assert heights_of_attention(BigGANCritic((1, 32, 32), ch=2, attention=places), images) == places
    found = heights_of_attention(BigGANGenerator(3, (1, 32, 32), ch=2, attention=places), latents)
    assert found == places[::-1]


def test_a_height_that_no_features_have_is_named():
    with pytest.raises(ValueError, match="attention: features have heights 8, 16, 32, none 64"):
        BigGANGenerator(3, (1, 32, 32), ch=2, attention=[8, 64])
    with pytest.raises(ValueError, match="attention: features have heights 16, 8, 8, 8, none 4"):
        BigGANCritic((1, 32, 32), ch=2, attention=[4])


# -- blocks --


def normed(layer, x):
    """Batch norm by hand, in evaluation, without gain and bias."""
    mean, variance = layer.running_mean[:, None, None], layer.running_var[:, None, None]
    return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_an_up_block_doubles_its_input_on_both_ways(mode):
    block = SpectralUpBlock(3, 4, lambda width: VectorBatchNorm2d(2, width), mode).double().eval()
    for part in block.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    x, told = torch.randn(5, 3, 4, 6).double(), torch.randn(5, 2).double()

    def norm(layer, x):
        gain, bias = (told @ each.normalised().T for each in (layer.gain, layer.bias))
        return normed(layer.norm, x) * (1 + gain[:, :, None, None]) + bias[:, :, None, None]

    hidden = interpolate(norm(block.norm1, x).relu(), scale_factor=2, mode=mode)
    hidden = conv2d(hidden, block.conv1.normalised(), block.conv1.bias, padding=1)
    hidden = conv2d(norm(block.norm2, hidden).relu(), block.conv2.normalised(), block.conv2.bias, padding=1)
    doubled = interpolate(x, scale_factor=2, mode=mode)
    expected = hidden + conv2d(doubled, block.shortcut.normalised(), block.shortcut.bias)
    torch.testing.assert_close(block(x, told), expected)


def test_a_critic_s_last_block_may_change_channels_and_keep_the_sides():
    block, x = DownBlock(3, 4, down=False).eval(), torch.randn(2, 3, 4, 4)
    expected = block.conv2(block.conv1(x.relu()).relu()) + block.shortcut(x)
    torch.testing.assert_close(block(x), expected)
    assert expected.shape == (2, 4, 4, 4)


def test_the_critic_sums_over_pixels_and_projects_on_the_class():
    critic = BigGANCritic((1, 16, 16), ch=1, num_classes=3).double().eval()
    images, labels = torch.randn(2, 1, 16, 16).double(), torch.tensor([2, 0])
    first, *others = critic.blocks
    h = first.conv2(first.conv1(images).relu())
    h = avg_pool2d(h, 2) + first.shortcut(avg_pool2d(images, 2))
    for block in others:
        h = block(h)
    features = h.relu().sum((2, 3))
    expected = linear(features, critic.output.normalised(), critic.output.bias)[:, 0]
    expected = expected + (critic.embedding.normalised()[labels] * features).sum(1)
    torch.testing.assert_close(critic(images, labels), expected)


# -- conditions --


def test_each_block_is_told_the_class_and_then_its_own_latents():
    generator = BigGANGenerator(9, (1, 16, 16), ch=1, shared_dim=5, hierarchical=True, num_classes=3).eval()
    told = []
    for block in generator.blocks:
        block.register_forward_hook(lambda block, args, output: told.append(args[1]))
    first = []
    generator.dense.register_forward_hook(lambda layer, args, output: first.append(args[0]))
    latents, labels = torch.randn(2, 9), torch.tensor([2, 0])
    generator(latents, labels)
    vectors = generator.shared.weight[labels]
    assert torch.equal(first[0], latents[:, :3])
    assert torch.equal(told[0], torch.cat([vectors, latents[:, 3:6]], 1))
    assert torch.equal(told[1], torch.cat([vectors, latents[:, 6:9]], 1))


def test_what_remains_of_the_latents_is_not_used():
    generator = BigGANGenerator(8, (1, 16, 16), ch=1, shared_dim=5, hierarchical=True, num_classes=3).eval()
    latents, labels = torch.randn(2, 8), torch.tensor([2, 0])
    images = generator(latents, labels)
    assert torch.equal(images, generator(torch.cat([latents[:, :6], torch.randn(2, 2)], 1), labels))
    assert not torch.equal(images, generator(torch.cat([latents[:, :5], torch.randn(2, 3)], 1), labels))


def test_latents_without_classes_may_be_hierarchical_too():
    generator = BigGANGenerator(6, (1, 16, 16), ch=1, hierarchical=True).eval()
    assert generator.shared is None
    assert generator.blocks[0].norm1.gain.in_features == 2
    assert generator(torch.randn(2, 6)).shape == (2, 1, 16, 16)


def test_options_that_cannot_be_are_named():
    with pytest.raises(ValueError, match="give shared_dim"):
        BigGANGenerator(6, (1, 16, 16), hierarchical=True, num_classes=3)
    with pytest.raises(ValueError, match="3 chunks, of 2 there is none for each"):
        BigGANGenerator(2, (1, 16, 16), ch=1, hierarchical=True)


def test_a_norm_s_gain_is_1_and_what_the_vector_says():
    layer = VectorBatchNorm2d(2, 3)
    features, vectors = torch.randn(4, 3, 2, 2) * 3 + 1, torch.zeros(4, 2)
    torch.testing.assert_close(layer(features, vectors), nn.BatchNorm2d(3)(features))
    vectors = torch.randn(4, 2)
    changed = layer.eval()(features, vectors)
    gain, bias = (vectors @ each.normalised().T for each in (layer.gain, layer.bias))
    plain = layer.norm(features)
    torch.testing.assert_close(changed, plain * (1 + gain[:, :, None, None]) + bias[:, :, None, None])


# -- first weights --


@pytest.mark.parametrize("init", ["normal", "orthogonal", "glorot"])
def test_biases_start_at_0_and_weights_as_told(init):
    options = {"ch": 8, "attention": [8], "init": init, "num_classes": 4}
    generator = BigGANGenerator(30, (1, 16, 16), shared_dim=16, hierarchical=True, **options)
    critic = BigGANCritic((1, 16, 16), **options)
    for network in (generator, critic):
        layers = [part for part in network.modules() if isinstance(part, SpectralNorm | nn.Embedding)]
        assert all(not part.bias.any() for part in layers if getattr(part, "bias", None) is not None)
        for weight in (part.weight.detach() for part in layers):
            rows = weight.flatten(1)
            if init == "orthogonal":
                shorter = rows if len(rows) <= rows.shape[1] else rows.T
                torch.testing.assert_close(shorter @ shorter.T, torch.eye(len(shorter)), rtol=0, atol=1e-5)
            elif init == "normal" and weight.numel() > 1000:
                assert weight.std().item() == pytest.approx(0.02, rel=0.1)
            elif init == "glorot":
                area = weight[0, 0].numel()
                assert weight.abs().max() <= (6 / (area * sum(weight.shape[:2]))) ** 0.5


def test_norms_of_classes_start_small_in_biggan_and_as_plain_ones_in_sagan():
    for cls, std in ((BigGANGenerator, 0.02), (SAGANGenerator, 0.0)):
        generator = cls(3, (1, 16, 16), ch=16, num_classes=50)
        norms = [part for part in generator.modules() if isinstance(part, ConditionalBatchNorm2d)]
        assert len(norms) == 4
        for norm in norms:
            assert norm.gain.weight.std().item() == pytest.approx(std, rel=0.1)
            assert norm.bias.weight.std().item() == pytest.approx(std, rel=0.1)


def test_every_matrix_but_the_embeddings_has_spectral_norm():
    for network in (
        SAGANGenerator(3, (1, 16, 16), ch=2, num_classes=3),
        SAGANCritic((1, 16, 16), ch=2, num_classes=3),
        BigGANGenerator(6, (1, 16, 16), ch=2, shared_dim=3, hierarchical=True, attention=[8], num_classes=3),
        BigGANCritic((1, 16, 16), ch=2, attention=[8], num_classes=3),
    ):
        normed = {id(part.weight) for part in network.modules() if isinstance(part, SpectralNorm)}
        plain = {name for name, weight in network.named_parameters() if weight.dim() > 1 and id(weight) not in normed}
        assert all(name == "shared.weight" or ".norm.gain." in name or ".norm.bias." in name for name in plain), plain

"""CGAN: the first conditional GAN, its networks, and labels on both sides."""

import pytest
import torch
from torch import nn

import zoo
from helpers.models import MARKS, build
from zoo.engine.batch import Batch
from zoo.networks.cgan import CGANCritic, CGANGenerator, Maxout

pytestmark = MARKS
DIGIT = (1, 28, 28)


def test_the_networks_have_the_paper_s_layers():
    generator, critic = CGANGenerator(100, DIGIT, num_classes=10), CGANCritic(DIGIT, num_classes=10)
    counts = [sum(weight.numel() for weight in network.parameters()) for network in (generator, critic)]
    both = 101 * 200 + 11 * 1000 + 1201 * 1200 + 1201 * 784
    assert counts == [both, 785 * 240 * 5 + 11 * 50 * 5 + 291 * 240 * 4 + 241]


def test_maxout_takes_the_largest_of_each_unit_s_own_pieces():
    layer, values = Maxout(3, 2, 4), torch.randn(5, 3)
    weight, bias = layer.linear.weight.view(2, 4, 3), layer.linear.bias.view(2, 4)
    for unit in range(2):
        pieces = values @ weight[unit].T + bias[unit]
        torch.testing.assert_close(layer(values)[:, unit], pieces.max(1).values)


@pytest.mark.parametrize("side", ["generator", "critic"])
def test_each_player_s_answer_depends_on_the_label(side):
    model = build(zoo.CGAN).eval()
    inputs = torch.randn(1, 3) if side == "generator" else torch.rand(1, *model.image_shape)
    player = getattr(model, side)
    answers = [player(inputs, torch.tensor([label])) for label in range(3)]
    assert torch.pdist(torch.cat([each.flatten(1) if each.dim() > 1 else each[:, None] for each in answers])).min() > 0
    with pytest.raises(ValueError, match="num_labels=3 needs labels"):
        player(inputs)


def test_the_critic_is_told_each_image_s_own_label():
    model = build(zoo.CGAN)
    real, fake = (Batch(torch.rand(3, *model.image_shape), torch.tensor(labels)) for labels in ([0, 1, 2], [2, 0, 1]))
    on_real, on_fake = model.critic_outputs(real, fake)
    torch.testing.assert_close(on_real, model.critic(real.images, torch.tensor([0, 1, 2])))
    torch.testing.assert_close(on_fake, model.critic(fake.images, torch.tensor([2, 0, 1])))


def test_dropout_is_on_every_hidden_layer_of_both_and_off_unless_asked_for():
    for make, arguments, layers in ((CGANGenerator, (5, DIGIT), 3), (CGANCritic, (DIGIT,), 3)):
        for options, share in (({}, 0.0), ({"dropout": 0.5}, 0.5)):
            network = make(*arguments, num_classes=10, **options)
            assert [part.p for part in network.modules() if isinstance(part, nn.Dropout)] == [share] * layers

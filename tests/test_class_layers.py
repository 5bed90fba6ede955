"""Conditional batch norm, self-attention, minibatch deviation: closed forms, values, what they say of themselves."""

import pytest
import torch
from torch import nn
from torch.nn.functional import max_pool2d

from helpers.blocks import assert_close, reference
from zoo.networks import is_random, mixes_samples
from zoo.networks.attention import SelfAttention
from zoo.networks.conditional_norm import ConditionalBatchNorm2d
from zoo.networks.minibatch_deviation import MinibatchDeviation
from zoo.networks.spectral_norm import SpectralConv2d


def test_each_class_has_its_own_gain_and_bias():
    layer = ConditionalBatchNorm2d(3, 2)
    features, labels = torch.randn(4, 2, 3, 3) * 5 + 1, torch.tensor([2, 0, 2, 1])
    plain = nn.BatchNorm2d(2)(features)
    torch.testing.assert_close(layer(features, labels), plain)  # as it starts
    nn.init.normal_(layer.gain.weight)
    nn.init.normal_(layer.bias.weight)
    changed = layer(features, labels)
    for i, label in enumerate(labels):
        gain, bias = layer.gain.weight[label], layer.bias.weight[label]
        expected = plain[i] * (1 + gain[:, None, None]) + bias[:, None, None]
        torch.testing.assert_close(changed[i], expected)
    assert mixes_samples(nn.Sequential(layer))


def test_evaluation_uses_the_running_statistics():
    layer = ConditionalBatchNorm2d(3, 2, momentum=1.0)
    features, labels = torch.randn(64, 2, 3, 3), torch.zeros(64, dtype=torch.long)
    trained = layer(features, labels)
    torch.testing.assert_close(layer.eval()(features[:1], labels[:1]), trained[:1], rtol=0.01, atol=0.01)


def test_attention_begins_as_the_identity_and_reads_pooled_pixels():
    layer, x = SelfAttention(8), torch.randn(2, 8, 4, 6)
    assert torch.equal(layer(x), x)
    nn.init.constant_(layer.gamma, 0.5)
    queries = layer.query(x)
    keys, values = max_pool2d(layer.key(x), 2), max_pool2d(layer.value(x), 2)
    read = torch.zeros(2, 4, 4, 6)
    for n in range(2):
        for i in range(4):
            for j in range(6):
                shares = (queries[n, :, i, j] @ keys[n].flatten(1)).softmax(0)
                read[n, :, i, j] = values[n].flatten(1) @ shares
    torch.testing.assert_close(layer(x), x + 0.5 * layer.output(read))


def test_attention_has_the_parameters_of_the_source():
    assert sum(p.numel() for p in SelfAttention(256).parameters()) == 81_921
    spectral = SelfAttention(16, SpectralConv2d)
    assert sum(isinstance(part, SpectralConv2d) for part in spectral.modules()) == 4
    with pytest.raises(ValueError, match="a multiple of 8, not 12"):
        SelfAttention(12)


@pytest.mark.data
@pytest.mark.parametrize(
    ("group", "channels", "n"),
    [(4, 1, 8), (4, 2, 8), (4, 3, 8), (8, 1, 8), (32, 1, 8), (4, 1, 4), (None, 1, 8), (2, 1, 6)],
)
def test_minibatch_deviation_is_stylegan2_s(group, channels, n):
    x = reference("sg2/mbstd/x")[:n]
    assert_close(MinibatchDeviation(group, channels)(x), reference(f"sg2/mbstd/y_group{group}_ch{channels}_n{n}"))


def test_group_members_are_strided():
    x = torch.zeros(4, 1, 1, 1)
    x[0], x[2] = 1, 3  # groups {0, 2} and {1, 3}
    appended = MinibatchDeviation(2)(x)[:, 1].flatten()
    torch.testing.assert_close(appended, torch.tensor([1.0, 1e-4, 1.0, 1e-4]))
    assert mixes_samples(MinibatchDeviation())
    assert not is_random(MinibatchDeviation())


def test_a_short_batch_takes_the_largest_divisor_and_says_so():
    x = torch.randn(6, 2, 2, 2)
    with pytest.warns(UserWarning, match="groups of 3, as 4 does not divide 6"):
        short = MinibatchDeviation(4)(x)
    torch.testing.assert_close(short, MinibatchDeviation(3)(x))

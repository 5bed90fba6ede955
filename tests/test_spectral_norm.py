"""Spectral norm against BigGAN's values, torch's and the exact norm; who copies u; its gradient."""

import pytest
import torch
from torch.nn.functional import normalize

from helpers.blocks import assert_close, reference
from zoo.engine.average import MovingAverage
from zoo.networks.spectral_norm import SpectralConv2d, SpectralEmbedding, SpectralLinear


@pytest.mark.data
def test_three_steps_an_evaluation_and_a_gradient_are_biggan_s():
    layer = SpectralConv2d(3, 4, 3).double()
    names = ("param/weight", "param/bias", "buffer0/u0")
    state = dict(zip(("weight", "bias", "u"), reference(*[f"bg/snconv/{name}" for name in names]), strict=True))
    layer.load_state_dict(state)
    x = reference("bg/snconv/x")
    for step in (1, 2, 3):
        assert_close(layer(x).detach(), reference(f"bg/snconv/y_train{step}"), 1e-7)
        assert_close(layer.u, reference(f"bg/snconv/u_after{step}"), 1e-7)
    assert_close(layer.eval()(x).detach(), reference("bg/snconv/y_eval"), 1e-7)
    assert_close(layer.u, reference("bg/snconv/u_after_eval"), 1e-7)
    layer.train()(x).square().sum().backward()
    assert_close(layer.weight.grad, reference("bg/snconv/grad_weight_train4_sumsq"), 1e-6)
    assert_close(layer.u, reference("bg/snconv/u_after4"), 1e-7)


@pytest.mark.parametrize(
    ("layer", "inputs"),
    [
        (lambda: SpectralConv2d(3, 4, 3, stride=2), torch.randn(2, 3, 5, 5)),
        (lambda: SpectralLinear(3, 4), torch.randn(2, 3)),
        (lambda: SpectralEmbedding(5, 4), torch.tensor([0, 4])),
    ],
)
def test_the_weight_used_tends_to_norm_1(layer, inputs):
    layer = layer()
    layer.weight.data *= 7
    for _ in range(60):
        layer(inputs)
    weight = layer.eval().normalised().flatten(1)
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1, abs=1e-3)


def test_the_gradient_leaves_the_weight_s_size_alone():
    layer = SpectralLinear(3, 4, bias=False)
    layer(torch.randn(2, 3)).square().sum().backward()
    assert layer.weight.grad.abs().max() > 0.01
    assert (layer.weight * layer.weight.grad).sum().item() == pytest.approx(0, abs=1e-5)


def test_one_forward_in_training_is_one_iteration_and_evaluation_stores_none():
    layer, inputs = SpectralLinear(3, 4), torch.randn(2, 3)
    start = layer.u.clone()
    layer.eval()(inputs)
    assert torch.equal(layer.u, start)
    with torch.no_grad():
        layer.train()(inputs)  # without gradients, too
    once = normalize(normalize(start @ layer.weight, eps=1e-12) @ layer.weight.T, eps=1e-12)
    torch.testing.assert_close(layer.u, once)


def test_torch_s_parametrization_has_the_same_weight_in_the_end():
    layer = torch.nn.Linear(3, 4)
    ours = SpectralLinear(3, 4)
    ours.load_state_dict({"u": ours.u} | layer.state_dict())
    torchs = torch.nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=100)
    for _ in range(100):
        ours(torch.zeros(1, 3))
    torch.testing.assert_close(ours.normalised(), torchs.weight, rtol=1e-4, atol=1e-5)


def test_u_is_copied_and_never_averaged():
    network = torch.nn.Sequential(SpectralLinear(3, 4), torch.nn.BatchNorm1d(4), SpectralLinear(4, 1))
    average = MovingAverage(network, 0.5)
    average.updates = 100  # past its beginning
    for _ in range(3):
        network(torch.randn(5, 3))
    average.update(network)
    assert torch.equal(average.module[0].u, network[0].u)
    assert not torch.equal(average.module[1].running_mean, network[1].running_mean)

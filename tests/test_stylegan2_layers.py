"""StyleGAN2's layers: values of the authors' code."""

from math import sqrt

import pytest
import torch
from torch import nn

from helpers.blocks import assert_close, reference
from zoo.networks.resampling import blur_kernel, doubled
from zoo.networks.stylegan2 import StyleGAN2Generator
from zoo.networks.stylegan2.layers import (
    GAIN,
    ScaledConv2d,
    ScaledLinear,
    Shortcut,
    activate,
    demodulation,
    modulated_conv,
)
from zoo.networks.stylegan2.mapping import LabelledMapping


@pytest.mark.parametrize("demodulate", [0, 1])
@pytest.mark.parametrize("up", [1, 2])
def test_a_modulated_convolution(demodulate, up):
    names = "x", "w", "s", f"y_demod{demodulate}_up{up}"
    x, weight, styles, expected = reference(*(f"sg2/modconv/{name}" for name in names))
    outputs = modulated_conv(x, weight, styles, blur_kernel().double() if up == 2 else None)
    if demodulate:
        outputs = outputs * demodulation(weight, styles)[:, :, None, None]
    assert_close(outputs, expected)


def test_it_is_the_convolution_with_each_sample_s_own_weights():
    torch.manual_seed(0)
    x, weight, styles = torch.randn(2, 4, 5, 5), torch.randn(6, 4, 3, 3), torch.randn(2, 4)
    outputs = modulated_conv(x, weight, styles) * demodulation(weight, styles)[:, :, None, None]
    for sample in range(2):
        own = weight * styles[sample][None, :, None, None]
        own = own / (own.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        torch.testing.assert_close(
            outputs[sample], nn.functional.conv2d(x[sample], own, padding=1), rtol=1e-4, atol=1e-5
        )


def test_an_image_is_not_demodulated():
    x, weight, styles, expected = reference(*(f"sg2/modconv/{name}" for name in ("x", "w1", "s", "y_k1_nodemod")))
    assert_close(modulated_conv(x, weight, styles / sqrt(4)), expected)


@pytest.mark.parametrize("size", [1, 3])
def test_a_convolution_that_halves(size):
    x, weight, expected = reference("sg2/upfirdn/x", f"sg2/convres/w{size}", f"sg2/convres/k{size}_down2")
    layer = ScaledConv2d(3, 5, size, down=True).double()
    assert_close(layer.convolve(x, weight, None), expected)


def test_a_shortcut_is_scaled_and_has_no_bias():
    x, weight, expected = reference("sg2/upfirdn/x", "sg2/convres/w1", "sg2/convres/k1_down2")
    layer = Shortcut(3, 5, gain=0.5).double()
    layer.weight.data = weight * sqrt(3)
    assert_close(layer(x), expected / 2)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]


def test_a_shortcut_that_doubles_convolves_first():
    x, weight, expected = reference("sg2/upfirdn/x", "sg2/convres/w1", "sg2/convres/k1_up2")
    assert_close(doubled(nn.functional.conv2d(x, weight), blur_kernel().double()), expected)


def test_the_activation():
    names = "upfirdn/x", "biasact/b", "biasact/lrelu", "biasact/lrelu_gain.5_clamp.3"
    x, bias, plain, clamped = reference(*(f"sg2/{name}" for name in names))
    assert_close(activate(x + bias[:, None, None]), plain)
    assert_close(activate(x + bias[:, None, None], GAIN * sqrt(0.5)).clamp(-0.3, 0.3), clamped)


def test_a_linear_layer():
    weight, bias, x, expected = reference(*(f"sg2/fc/{name}" for name in ("param/weight", "param/bias", "x", "y")))
    layer = ScaledLinear(6, 5, lr_mult=0.01, active=True).double()
    layer.weight.data, layer.bias.data = weight, bias
    assert_close(layer(x), expected)
    torch.manual_seed(0)
    assert ScaledLinear(200, 200, lr_mult=0.01).weight.std().item() == pytest.approx(100, rel=0.02)
    assert ScaledLinear(3, 2, bias=1.0).bias.tolist() == [1, 1]


def test_the_mapping_its_mean_and_truncation():
    prefix = "sg2/map_uncond/"
    mapping, generator = LabelledMapping(8, 8, 2).double(), StyleGAN2Generator(8, (1, 8, 8), w_dim=8, channel_base=32)
    for layer in (0, 1):
        for name in ("weight", "bias"):
            getattr(mapping.body[layer], name).data = reference(f"{prefix}param/fc{layer}.{name}")
    z, w, once, twice = reference(
        *(prefix + each for each in ("z", "w_train1", "w_avg_after1", "w_avg_after2_with_2z"))
    )
    assert_close(mapping(z), w[:, 0])
    generator = generator.double()
    generator.mapping = mapping
    generator.move_average(mapping(z).mean(0))
    assert_close(generator.w_average, once)
    generator.move_average(mapping(2 * z).mean(0))
    assert_close(generator.w_average, twice)
    cut, _ = reference(f"{prefix}w_eval_psi.5", f"{prefix}w_train1")
    assert_close(torch.lerp(generator.w_average, mapping(z), 0.5), cut[:, 0])

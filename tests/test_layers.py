"""Layers worked out by hand: padding, cropping, normalisation, minibatch discrimination."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from zoo.networks.layers import (
    DoubledConv2d,
    KerasBatchNorm2d,
    LeakyReLU,
    SameConv2d,
    SameConvTranspose2d,
    layer_norm,
    tf_batch_norm,
)
from zoo.networks.minibatch import MinibatchDiscrimination


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def set_(layer, weight, bias):
    layer = layer.double()
    layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
    return layer


# size, kernel, stride, zeros before, zeros after: TensorFlow's table
SAME = [(28, 4, 1, 1, 2), (28, 3, 2, 0, 1), (7, 3, 2, 1, 1), (64, 5, 2, 1, 2), (14, 5, 2, 1, 2), (4, 3, 1, 1, 1)]
SAME += [(6, 1, 2, 0, 0), (5, 2, 3, 0, 0)]


@pytest.mark.parametrize(("size", "kernel", "stride", "before", "after"), SAME)
def test_same_convolution_pads_as_tensorflow(size, kernel, stride, before, after):
    x, w, b = numbers(2, 2, size, size), numbers(3, 2, kernel, kernel, seed=1), numbers(3, seed=2)
    padded = np.zeros((2, 2, size + before + after, size + before + after))
    padded[:, :, before : before + size, before : before + size] = x
    out = math.ceil(size / stride)
    expected = np.zeros((2, 3, out, out))
    for i in range(out):
        for j in range(out):
            window = padded[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            expected[:, :, i, j] = np.einsum("ncab,ocab->no", window, w) + b
    actual = set_(SameConv2d(2, 3, kernel, stride), w, b)(torch.from_numpy(x))
    np.testing.assert_allclose(actual.detach(), expected, atol=1e-12)


def test_doubled_convolution_is_that_of_the_doubled_image():
    double = DoubledConv2d(5, 3).double()
    nn.init.normal_(double.bias)
    inputs = torch.randn(2, 5, 3, 4, dtype=torch.float64, requires_grad=True)
    image = nn.functional.pad(inputs.repeat_interleave(2, 2).repeat_interleave(2, 3), (1, 2, 1, 2))
    by_hand = nn.functional.conv2d(image, double.weight, double.bias)
    torch.testing.assert_close(double(inputs), by_hand)
    wanted = [inputs, double.weight, double.bias]
    weights = torch.randn_like(by_hand)  # unequal, so that a swapped pixel would show
    gradients = (torch.autograd.grad((outputs * weights).sum(), wanted) for outputs in (double(inputs), by_hand))
    for own, reference in zip(*gradients, strict=True):
        torch.testing.assert_close(own, reference)


def test_same_convolution_pads_height_and_width_by_themselves():
    layer = SameConv2d(1, 1, 3, stride=2).double()
    image = torch.zeros(1, 1, 7, 8, dtype=torch.float64)
    image[0, 0, 0, 0] = 1  # odd height: one row of zeros before; even width: no column
    expected = layer.weight[0, 0, 1, 0] + layer.bias
    assert layer(image).shape == (1, 1, 4, 4)
    torch.testing.assert_close(layer(image)[0, 0, 0, :1], expected)


# input size, kernel, stride, output size, cropped before, cropped after
TRANSPOSED = [(8, 5, 2, 16, 1, 2), (4, 3, 2, 7, 1, 1), (4, 3, 2, 8, 0, 1), (3, 4, 2, 6, 1, 1), (5, 4, 1, 5, 1, 2)]


@pytest.mark.parametrize(("size", "kernel", "stride", "out", "before", "after"), TRANSPOSED)
def test_same_transposed_convolution_crops_as_tensorflow_and_matlab(size, kernel, stride, out, before, after):
    x, w, b = numbers(2, 3, size, size), numbers(3, 2, kernel, kernel, seed=1), numbers(2, seed=2)
    full = np.zeros((2, 2, (size - 1) * stride + kernel, (size - 1) * stride + kernel))
    for i in range(size):
        for j in range(size):
            stamp = np.einsum("nc,coab->noab", x[:, :, i, j], w)
            full[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel] += stamp
    assert full.shape[-1] == before + out + after
    expected = full[:, :, before : before + out, before : before + out] + b[:, None, None]
    given = None if out == size * stride else (out, out)
    layer = set_(SameConvTranspose2d(3, 2, kernel, stride, given), w, b)
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach(), expected, atol=1e-12)


@pytest.mark.parametrize(("size", "kernel", "stride"), [(28, 5, 2), (7, 3, 2), (64, 4, 2), (9, 4, 1), (10, 5, 3)])
def test_same_transposed_convolution_is_the_gradient_of_same_convolution(size, kernel, stride):
    """TensorFlow defines conv2d_transpose so."""
    weight = numbers(3, 2, kernel, kernel)
    forward = set_(SameConv2d(2, 3, kernel, stride), weight, np.zeros(3))
    backward = set_(SameConvTranspose2d(3, 2, kernel, stride, (size, size)), weight, np.zeros(2))
    images = torch.zeros(1, 2, size, size, dtype=torch.float64, requires_grad=True)
    outputs = forward(images)
    upstream = torch.from_numpy(numbers(*outputs.shape, seed=1))
    (gradient,) = torch.autograd.grad(outputs, images, upstream)
    torch.testing.assert_close(backward(upstream), gradient)


def test_same_transposed_convolution_refuses_what_it_cannot_make():
    with pytest.raises(ValueError, match="kernel_size must be at least stride=3, got 2"):
        SameConvTranspose2d(1, 1, 2, stride=3)
    with pytest.raises(ValueError, match=r"no 9x9 from \(4, 4\) at stride 2"):
        SameConvTranspose2d(1, 1, 3, 2, output_size=(9, 9))(torch.zeros(1, 1, 4, 4))


def test_layer_norm_is_over_all_of_a_sample_with_one_scale_per_channel():
    x, scale, offset = numbers(2, 3, 4, 5), numbers(3, seed=1), numbers(3, seed=2)
    expected = np.empty_like(x)
    for n in range(2):
        normal = (x[n] - x[n].mean()) / np.sqrt(x[n].var() + 1e-5)
        for c in range(3):
            expected[n, c] = scale[c] * normal[c] + offset[c]
    layer = set_(layer_norm(3), scale, offset)
    np.testing.assert_allclose(layer(torch.from_numpy(x)).detach(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("make", "kept", "eps"), [(KerasBatchNorm2d, 0.8, 1e-3), (tf_batch_norm, 0.9, 1e-5)], ids=["keras", "tf"]
)
def test_batch_norm_keeps_the_source_s_share_of_the_old_statistics(make, kept, eps):
    norm = make(3).double()
    mean, variance = np.zeros(3), np.ones(3)
    for step in range(3):
        x = 2 * numbers(6, 3, 2, 2, seed=step) + 1
        batch_mean, batch_variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
        output = norm(torch.from_numpy(x))
        mean = kept * mean + (1 - kept) * batch_mean
        variance = kept * variance + (1 - kept) * batch_variance * 24 / 23
        gamma = norm.weight.detach().numpy()[:, None, None]
        expected = gamma * (x - batch_mean[:, None, None]) / np.sqrt(batch_variance + eps)[:, None, None]
        np.testing.assert_allclose(output.detach(), expected, atol=1e-12)
    np.testing.assert_allclose(norm.running_mean, mean)
    np.testing.assert_allclose(norm.running_var, variance)


def test_minibatch_discrimination_by_hand():
    layer = MinibatchDiscrimination(4, kernels=3, dim=2).double()
    layer.log_scale.data = torch.from_numpy(numbers(3, 2, seed=1))
    x, theta = numbers(5, 4), layer.direction.detach().numpy()
    closeness = np.empty((5, 5, 3))
    for k in range(3):
        lengths = np.sqrt((theta[:, k] ** 2).sum(0))
        weight = theta[:, k] / lengths * np.exp(layer.log_scale.detach().numpy()[k])
        for i in range(5):
            for j in range(5):
                distance = np.abs(x[i] @ weight - x[j] @ weight).sum()
                closeness[i, j, k] = np.exp(-distance * (i != j))
    output = layer(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(output[:, :4], x)
    np.testing.assert_allclose(output[:, 4:], closeness.sum(1) / closeness.sum())
    assert output[:, 4:].sum() == pytest.approx(1)


def test_minibatch_discrimination_can_be_trained_from_a_batch_of_copies():
    layer = MinibatchDiscrimination(4)
    samples = torch.ones(3, 4, requires_grad=True)
    layer(samples).square().sum().backward()
    assert torch.isfinite(layer.direction.grad).all()
    assert torch.isfinite(samples.grad).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("slope", [0.0, 0.2, 1.0])
def test_leaky_relu_is_torchs_to_the_bit(dtype, slope):
    x = torch.tensor([-3.0, -1e-30, -0.0, 0.0, 1e-30, 2.0, math.inf, -math.inf], dtype=dtype, requires_grad=True)
    weights = torch.linspace(-1, 1, len(x), dtype=dtype)
    made, expected = LeakyReLU(slope)(x), nn.LeakyReLU(slope)(x)
    assert made.dtype == dtype
    assert made.tolist() == pytest.approx(
        expected.tolist(), rel=0, abs=0, nan_ok=True
    )  # 0 * inf is no number in either
    assert torch.equal(made.signbit(), expected.signbit())
    (gradient,) = torch.autograd.grad(made, x, weights)
    assert torch.equal(gradient, torch.autograd.grad(expected, x, weights)[0])


def test_leaky_relu_sends_no_zeros_back_where_the_gradient_is_differentiated_again():
    layers = [nn.Linear(3, 4), LeakyReLU(0.2), nn.Linear(4, 1)]
    x = torch.randn(5, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(nn.Sequential(*layers)(x).sum(), x, create_graph=True)
    penalty = gradient.square().sum()
    weights = layers[0].weight, layers[2].weight
    mine = torch.autograd.grad(penalty, [*weights, x], allow_unused=True)
    assert mine[2] is None
    layers[1] = nn.LeakyReLU(0.2)
    (gradient,) = torch.autograd.grad(nn.Sequential(*layers)(x).sum(), x, create_graph=True)
    torchs = torch.autograd.grad(gradient.square().sum(), [*weights, x], allow_unused=True)
    assert not torchs[2].any()
    assert torch.equal(mine[0], torchs[0])
    assert torch.equal(mine[1], torchs[1])
    assert mine[0].any()


@pytest.mark.parametrize("slope", [-0.1, 1.1, math.nan])
def test_a_slope_that_the_product_does_not_fit_is_refused(slope):
    with pytest.raises(ValueError, match="negative_slope"):
        LeakyReLU(slope)

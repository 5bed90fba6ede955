"""Convolutions that are differentiated twice: torch's values, gradients and second derivatives."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, conv_transpose2d

from zoo.engine.images_alone import images_alone
from zoo.networks.twice import Conv2d, conv2d_twice, filter_transposed
from zoo.penalties import squared_gradient_norms

CASES = [  # channels, outputs, groups, kernel, stride, padding, side
    (4, 6, 1, 3, 1, 1, 5),
    (4, 6, 2, 3, 2, 0, 6),
    (4, 4, 4, 4, 2, 1, 6),
    (4, 8, 4, 4, 1, 2, 5),
    (4, 6, 1, 1, 1, 0, 4),
    (4, 4, 4, (3, 2), 1, 0, 5),
]


def derivatives(function, *inputs):
    """The value, the first gradients, and those of the images' gradient squared: what a penalty asks for."""
    inputs = [each.clone().requires_grad_() for each in inputs]
    outputs = function(*inputs)
    first = torch.autograd.grad(outputs.square().sum(), inputs, retain_graph=True)
    (slope,) = torch.autograd.grad(outputs.pow(3).sum(), inputs[0], create_graph=True)
    second = torch.autograd.grad(slope.square().sum(), inputs)
    return outputs, *first, slope, *second


def drawn(*shape):
    return torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize(("channels", "outputs", "groups", "kernel", "stride", "padding", "side"), CASES)
def test_a_convolution_has_torch_s_derivatives(channels, outputs, groups, kernel, stride, padding, side):
    torch.manual_seed(0)
    sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    inputs = drawn(2, channels, side, side), drawn(outputs, channels // groups, *sides), drawn(outputs)
    ours = derivatives(lambda x, w, b: conv2d_twice(x, w, b, stride=stride, padding=padding), *inputs)
    theirs = derivatives(lambda x, w, b: conv2d(x, w, b, stride, padding, groups=groups), *inputs)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_a_filter_of_each_channel_transposed_has_torch_s_derivatives():
    torch.manual_seed(0)
    weight, images = drawn(3, 1, 4, 4), drawn(2, 3, 5, 4)
    ours = derivatives(lambda x: filter_transposed(x, weight, stride=2, padding=1), images)
    theirs = derivatives(lambda x: conv_transpose2d(x, weight, None, 2, 1, groups=3), images)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_the_second_derivative_takes_few_convolutions_whatever_the_groups():
    def convolutions(groups):
        layer, images = (
            Conv2d(groups, groups, 3, padding=1, groups=groups),
            torch.randn(2, groups, 6, 6).requires_grad_(),
        )
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            (slope,) = torch.autograd.grad(layer(images).pow(3).sum(), images, create_graph=True)
            slope.square().sum().backward()
        return sum(event.count for event in profile.key_averages() if event.key == "aten::convolution")

    assert convolutions(64) == convolutions(2) <= 4


def test_under_a_penalty_only_what_it_asks_for_is_computed():
    """The gradient of the weights comes with the second derivative, not with the first."""
    torch.manual_seed(0)
    layer, images = Conv2d(3, 4, 3, padding=1).double(), drawn(2, 3, 5, 5)
    plain = nn.Conv2d(3, 4, 3, padding=1).double()
    plain.load_state_dict(layer.state_dict())
    for each in (layer, plain):
        squared_gradient_norms(lambda x, each=each: each(x).pow(3).sum((1, 2, 3)), images).mean().backward()
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad)
    torch.testing.assert_close(layer.bias.grad, plain.bias.grad)
    assert not images_alone.is_so


def test_it_is_torch_s_layer():
    torch.manual_seed(0)
    ours = Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    theirs = nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(ours(images), theirs(images))

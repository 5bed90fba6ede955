"""Whole networks against their sources' tables of layers, computed in NumPy, all padding written out by hand."""

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from zoo.networks import NETWORKS, build

# -- a layer is a function of its input and of `take`, which gives its next weights --


def dense(x, take):
    weight, bias = take(2)
    return x @ weight.T + bias


def conv(stride, before, after):
    def layer(x, take):
        weight, bias = take(2)
        x = np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)))
        windows = sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
        return np.tensordot(windows, weight, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2) + bias[:, None, None]

    return layer


def transposed(stride, crop, size):
    """Every pixel adds its kernel; `crop` rows and columns go at the beginning, what is over `size` at the end."""

    def layer(x, take):
        weight, bias = take(2)
        kernel, (n, _, height, width) = weight.shape[2], x.shape
        full = np.zeros((n, weight.shape[1], (height - 1) * stride + kernel, (width - 1) * stride + kernel))
        for i in range(height):
            for j in range(width):
                place = full[:, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
                place += np.tensordot(x[:, :, i, j], weight, (1, 0))
        return full[:, :, crop : crop + size, crop : crop + size] + bias[:, None, None]

    return layer


def batch_norm(eps):
    def layer(x, take):
        gamma, beta, mean, variance = (each.reshape(-1, *[1] * (x.ndim - 2)) for each in take(4))
        return gamma * (x - mean) / np.sqrt(variance + eps) + beta

    return layer


def layer_norm(x, take):
    gamma, beta = (each[:, None, None] for each in take(2))
    mean, variance = x.mean((1, 2, 3), keepdims=True), x.var((1, 2, 3), keepdims=True)
    return gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta


def minibatch(x, take):
    direction, log_scale = take(2)
    scale = np.exp(log_scale) / np.sqrt((direction**2).sum(0))
    projected = np.einsum("ni,ikd->nkd", x, direction * scale)
    closeness = np.exp(-np.abs(projected[:, None] - projected[None]).sum(-1))
    return np.concatenate([x, closeness.sum(1) / closeness.sum()], 1)


def without_bias(layer):
    return lambda x, take: layer(x, lambda _: (*take(1), np.zeros(1)))


def weight_norm(layer, axis=0):
    """Outputs lie along the axis of the weight."""

    def normed(x, take):
        weight, bias, g = take(3)
        others = tuple(each for each in range(weight.ndim) if each != axis)
        weight = weight * np.expand_dims(g / np.sqrt(1e-6 + (weight**2).sum(others)), others)
        return layer(x, lambda _: (weight, bias))

    return normed


def shift_norm(x, take):
    beta, mean, variance = (each.reshape(-1, *[1] * (x.ndim - 2)) for each in take(3))
    return (x - mean) / np.sqrt(variance + 1e-6) + beta


def others(x, take):
    direction, log_scale, bias = take(3)
    scale = np.exp(log_scale) / np.sqrt((direction**2).sum(0))
    projected = np.einsum("ni,ikd->nkd", x, direction * scale)
    closeness = np.exp(-np.abs(projected[:, None] - projected[None]).sum(-1))
    return np.concatenate([x, closeness.sum(1) - 1 + bias], 1)


def shape(*sides):
    return lambda x, _: x.reshape(len(x), *sides)


def double(x, _):
    return x.repeat(2, axis=2).repeat(2, axis=3)


def zeros_at_the_end(x, _):
    return np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)))


def relu(x, _):
    return np.maximum(x, 0)


def leaky(x, _):
    return np.where(x > 0, x, 0.2 * x)


def tanh(x, _):
    return np.tanh(x)


def sigmoid(x, _):
    return 1 / (1 + np.exp(-x))


def maximum(x, _):
    return x.max((2, 3))


def average(x, _):
    return x.mean((2, 3))


def log_sum_exp(x, _):
    return np.log(np.exp(x).sum(1))


def one_hot_of_the_slot(x, _):
    return np.concatenate([np.eye(50)[np.arange(len(x)) % 50], x], 1)


KERAS_NORM = batch_norm(1e-3)
DIGIT, FLOWER, POINT = (1, 28, 28), (3, 64, 64), (2, 1, 1)


def keras_critic(norm, *dropout):
    """Dropout does nothing in evaluation."""
    return [
        *(conv(2, 0, 1), leaky),
        *(conv(2, 0, 1), zeros_at_the_end, norm, leaky),
        *(conv(2, 0, 1), norm, leaky),
        *(conv(1, 1, 1), norm, leaky),
        *(shape(2048), dense),
    ]


def matlab_critic(*last):
    block = [conv(2, 1, 2), layer_norm, leaky]
    return [conv(2, 1, 2), leaky, *3 * block, conv(1, 0, 0), *last]


def deligan_generator(width):
    """Theano's 'half' crops two rows before and, of an even size, one after."""
    block = [shift_norm, relu]
    return [
        *(without_bias(dense), *block, shape(4 * width, 4, 4)),
        *(without_bias(transposed(2, 2, 8)), *block, without_bias(transposed(2, 2, 16)), *block),
        *(weight_norm(transposed(2, 2, 32), axis=1), tanh),
    ]


def normed_convs(*geometry):
    """Stride and padding of each."""
    return [part for stride, padding in geometry for part in (weight_norm(conv(stride, padding, padding)), leaky)]


HIDDEN = [dense, leaky, KERAS_NORM]
TABLES = [
    ("mlp", "generator", {}, DIGIT, 100, [*3 * HIDDEN, dense, tanh, shape(*DIGIT)]),
    ("mlp", "critic", {}, DIGIT, 0, [shape(784), *2 * [dense, leaky], dense]),
    (
        *("keras_conv", "generator", {}, DIGIT, 100),
        [
            *(dense, relu, shape(128, 7, 7)),
            *(double, conv(1, 1, 2), KERAS_NORM, relu),
            *(double, conv(1, 1, 2), KERAS_NORM, relu),
            *(conv(1, 1, 2), tanh),
        ],
    ),
    ("keras_conv", "critic", {}, DIGIT, 0, keras_critic(layer_norm)),
    ("keras_conv", "critic", {"norm": "batch", "dropout": 0.25}, DIGIT, 0, keras_critic(KERAS_NORM)),
    (
        *("matlab_conv", "generator", {}, FLOWER, 100),
        [
            *(dense, shape(512, 4, 4), transposed(1, 0, 8), relu),
            *(transposed(2, 1, 16), relu, transposed(2, 1, 32), relu, transposed(2, 1, 64), tanh),
        ],
    ),
    ("matlab_conv", "critic", {}, FLOWER, 0, matlab_critic()),
    ("matlab_conv", "critic", {"output": "sigmoid"}, FLOWER, 0, matlab_critic(sigmoid)),
    (
        *("deligan_conv", "generator", {}, DIGIT, 30),
        [
            *(dense, batch_norm(1e-5), relu, shape(64, 4, 4)),
            *(transposed(2, 1, 7), batch_norm(1e-5), relu),
            *(transposed(2, 1, 14), batch_norm(1e-5), relu),
            *(transposed(2, 1, 28), tanh),
        ],
    ),
    (
        *("deligan_conv", "critic", {}, DIGIT, 0),
        [
            *(conv(2, 1, 2), leaky),
            *(conv(2, 1, 2), batch_norm(1e-3), leaky),
            *(conv(2, 1, 1), batch_norm(1e-3), leaky),
            *(maximum, minibatch, dense),
        ],
    ),
    ("deligan_cifar", "generator", {"width": 3}, (3, 32, 32), 7, deligan_generator(3)),
    ("deligan_sketches", "generator", {"width": 2}, (1, 32, 32), 7, deligan_generator(2)),
    (
        *("deligan_cifar", "critic", {"width": 3, "kernels": 4, "num_classes": 5}, (3, 32, 32), 0),
        [
            *normed_convs(*2 * [(1, 1), (1, 1), (2, 1)], (1, 0), (1, 0), (1, 0)),
            *(average, others, weight_norm(dense), log_sum_exp),
        ],
    ),
    (
        *("deligan_sketches", "critic", {"width": 2, "kernels": 3}, (1, 32, 32), 0),
        [
            *normed_convs((1, 1), (2, 1), (2, 1), (2, 0), (1, 0)),
            *(average, others, weight_norm(dense)),
        ],
    ),
    ("toy", "generator", {}, POINT, 2, [dense, tanh, dense, tanh, shape(*POINT)]),
    ("toy", "generator", {"hidden": 1600}, POINT, 2, [dense, tanh, dense, tanh, shape(*POINT)]),
    ("toy", "critic", {}, POINT, 0, [shape(2), dense, tanh, dense]),
    ("toy_plus", "generator", {}, POINT, 2, [*3 * [dense, tanh], shape(*POINT)]),
    ("toy_moe", "generator", {}, POINT, 2, [one_hot_of_the_slot, dense, tanh, dense, tanh, shape(*POINT)]),
]


@pytest.mark.parametrize(
    ("name", "player", "options", "image_shape", "latent_dim", "table"),
    TABLES,
    ids=[f"{name} {player} {options or ''}" for name, player, options, *_ in TABLES],
)
def test_a_network_is_its_source_s_table_of_layers(name, player, options, image_shape, latent_dim, table):
    random = torch.Generator().manual_seed(0)
    sizes = (latent_dim, image_shape) if player == "generator" else (image_shape,)
    network = build(getattr(NETWORKS[name], player), *sizes, options=options).double().eval()
    for key, tensor in network.state_dict().items():  # none is 0 or 1, as many are at first
        if tensor.is_floating_point():
            scale = 1 / max(tensor[0].numel(), 1) ** 0.5 if tensor.ndim > 1 else 0.5
            tensor.copy_(scale * torch.randn(tensor.shape, generator=random, dtype=torch.float64))
            if key.endswith("running_var"):
                tensor.abs_().add_(0.5)
            elif key.endswith(".g"):
                tensor.abs_().add_(1.5)  # else nothing of an image is left after nine layers
    inputs = torch.randn(3, *(sizes[:1] if player == "generator" else image_shape), generator=random).double()

    weights = [tensor.numpy() for tensor in network.state_dict().values() if tensor.is_floating_point()]

    def take(count):
        return [weights.pop(0) for _ in range(count)]

    expected = inputs.numpy()
    for layer in table:
        expected = layer(expected, take)
    assert not weights
    with torch.no_grad():
        labels = () if getattr(network, "num_labels", None) is None else (torch.arange(len(inputs)),)
        found = network(inputs, *labels).numpy()
    assert found.shape == (3, *(image_shape if player == "generator" else ()))
    assert np.abs(found - expected.reshape(found.shape)).max() < 1e-9
    assert found.std() > 1e-3

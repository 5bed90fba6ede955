"""Images of any shape, numbers of any precision, and arguments that cannot be."""

import math

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import zoo
from helpers.models import CONV, MARKS, MODELS, SHAPE, build, every_model, is_plain, same, watched, weights
from helpers.runs import fit

pytestmark = MARKS


# -- shapes and precisions --


@pytest.mark.parametrize("network", ["mlp", "keras_conv", "deligan_conv", "toy"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (2, 8, 12)], ids=str)
def test_images_of_any_shape_train(tmp_path, network, shape):
    model = zoo.GAN(image_shape=shape, network=network, latent_dim=3)
    fit(tmp_path, model, steps=2)
    assert model.sample(3).shape == (3, *shape)
    assert all(weight.isfinite().all() for weight in model.parameters())


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 7), [1, 4, 4], torch.Size((1, 4, 4))], ids=str)
def test_the_mlp_takes_any_shape_in_any_sequence(tmp_path, shape):
    model = build(zoo.WGANGP, image_shape=shape)
    fit(tmp_path, model, steps=1)
    assert model.sample(2).shape == (2, *shape)
    assert is_plain(dict(model.hparams))


@every_model
def test_float64_is_float64_throughout(tmp_path, cls):
    model = build(watched(cls))
    fit(tmp_path, model, steps=2, precision="64-true")
    assert {weight.dtype for weight in model.parameters()} == {torch.float64}
    assert {tensor.dtype for move in model.moves for tensor in (move["real"], move["latents"])} == {torch.float64}
    assert {value.dtype for value in model.observed.values()} == {torch.float64}
    assert model.sample(2).dtype == torch.float32


@pytest.mark.parametrize(
    ("cls", "options"), [*((cls, {}) for cls in MODELS), (zoo.GAN, CONV), (zoo.WGAN, CONV), (zoo.WGANGP, CONV)]
)
def test_bfloat16_autocast_trains_float32_weights(tmp_path, cls, options):
    model = build(cls, **options)
    start = weights(model)
    fit(tmp_path, model, steps=3, precision="bf16-mixed")
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert all(weight.isfinite().all() for weight in model.parameters())
    assert all(value.isfinite() for value in model.observed.values())
    assert not same(start, weights(model))


# -- errors --


def one_line(make):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the callers match the text
        make()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("arguments", "causes"),
    [
        ({"critic_steps": 0}, ["critic_steps", "at least 1", "0"]),
        ({"latent_dim": 0}, ["latent_dim", "at least 1", "0"]),
        ({"network": "resnet"}, ["network", "mlp", "keras_conv", "'resnet'"]),
        ({"prior": "cauchy"}, ["prior", "normal", "gaussian_mixture", "'cauchy'"]),
        ({"schedule": "random"}, ["schedule", "alternate", "deligan_toy", "'random'"]),
        ({"schedule": "deligan_toy", "critic_steps": 5}, ["deligan_toy", "critic_steps must be 1"]),
        ({"generator_options": {"depth": 3}}, ["Generator has no option 'depth'; it takes: "]),
        ({"critic_options": {"depth": 3}}, ["Critic has no option 'depth'; it takes: "]),
        ({"prior": "uniform", "prior_options": {"low": 0}}, ["Uniform", "'low'", "none"]),
        *(({"lr_decay": value}, ["lr_decay", str(value)]) for value in ([5], [5, 5], [-1, 4], [1, 2, 3])),
        ({"critic_optimizer": {"name": "adan", "lr": 1}}, ["critic_optimizer", "adam, rmsprop, sgd"]),
        ({"generator_optimizer": {"name": "adam", "lr": -1.0}}, ["generator_optimizer", "lr", "-1.0"]),
    ],
)
@every_model
def test_an_argument_that_cannot_be_is_named(cls, arguments, causes):
    message = one_line(lambda: build(cls, **arguments))
    assert all(text in message for text in causes), message


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        *((zoo.WGAN, "clip", value) for value in (0.0, -0.01, math.inf, math.nan)),
        *((zoo.WGANGP, "gp_weight", value) for value in (-1.0, math.inf, math.nan)),
        *((zoo.WGANGP, "gp_eps", value) for value in (-1.0, math.inf, math.nan)),
    ],
)
def test_a_constant_of_a_paper_that_cannot_be_is_named(cls, name, value):
    message = one_line(lambda: build(cls, **{name: value}))
    assert name in message
    assert str(value) in message


@pytest.mark.parametrize(
    "images",
    [torch.rand(5, *SHAPE), torch.zeros(4, *SHAPE, dtype=torch.uint8)],
    ids=["five images for two critic updates", "uint8"],
)
def test_a_batch_that_no_step_can_use_is_an_error_that_says_so(tmp_path, images):
    data = DataLoader(TensorDataset(images), batch_size=len(images))
    model = build(zoo.GAN, critic_steps=2)
    message = one_line(lambda: fit(tmp_path, model, steps=1, data=data))
    assert all(text in message for text in ("critic_steps=2", str(len(images)), str(images.dtype)))

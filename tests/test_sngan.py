"""SNGAN: the hinge, and a critic all of whose weights have norm 1."""

import pytest
import torch

import zoo
from helpers.models import MARKS, build
from helpers.papers import images_of, reading, slopes
from zoo.networks.spectral_norm import SpectralNorm

pytestmark = MARKS


def test_the_losses_are_hinges_for_the_critic_and_a_mean_for_the_generator():
    model, real, fake = reading(zoo.SNGAN), images_of([2.0, -1.0, 0.5]), images_of([1.0, 0.0, -3.0])
    assert model.critic_loss(real, fake).item() == pytest.approx((0 + 2 + 0.5 + 2 + 1 + 0) / 3)
    assert model.generator_loss(real, fake).item() == pytest.approx(-(1 + 0 - 3) / 3)


def test_the_critic_leaves_what_is_beyond_the_margin_and_the_generator_raises_every_fake():
    model, real, fake = reading(zoo.SNGAN), images_of([2.0, -1.0, 0.5]), images_of([1.0, 0.0, -3.0])
    on_real, on_fake = slopes(model.critic_loss(real, fake), real, fake)
    assert on_real == pytest.approx([0, -1 / 3, -1 / 3])
    assert on_fake == pytest.approx([1 / 3, 1 / 3, 0])
    assert slopes(model.generator_loss(real, fake), real, fake) == [0, pytest.approx([-1 / 3] * 3)]


def test_every_weight_of_the_critic_has_norm_1_after_some_forwards_in_training():
    model = build(zoo.SNGAN)
    layers = [layer for layer in model.critic.modules() if isinstance(layer, SpectralNorm)]
    matrices = [weight for weight in model.critic.parameters() if weight.dim() > 1]
    assert {id(layer.weight) for layer in layers} == {id(weight) for weight in matrices}, "none without"
    with torch.no_grad():
        for weight in matrices:
            weight.mul_(5)
        for _ in range(100):
            model.critic_on(torch.rand(1, *model.image_shape))
    norms = [torch.linalg.matrix_norm(layer.eval().normalised().flatten(1), 2).item() for layer in layers]
    assert norms == pytest.approx([1.0] * len(layers), abs=0.01)


def test_the_constants_are_the_authors():
    model = build(zoo.SNGAN)
    assert model.critic_steps == 5
    for optimizer in model.configure_optimizers():
        assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (2e-4, (0.0, 0.9))

"""LSGAN: squared distances to three numbers, and which way each player pulls."""

import pytest

import zoo
from helpers.models import MARKS, build
from helpers.papers import images_of, reading, slopes

pytestmark = MARKS
ON_REAL, ON_FAKE = [2.0, -1.0, 0.5], [1.0, 0.25, -3.0]


@pytest.mark.parametrize(
    ("targets", "critic", "generator"),
    [
        ({}, (1 + 4 + 0.25 + 1 + 0.0625 + 9) / 6, (0 + 0.5625 + 16) / 6),  # 0, 1, 1
        ({"a": -1.0, "b": 1.0, "c": 0.0}, (1 + 4 + 0.25 + 4 + 1.5625 + 4) / 6, (1 + 0.0625 + 9) / 6),
    ],
)
def test_the_losses_are_halves_of_squared_distances(targets, critic, generator):
    model, real, fake = reading(zoo.LSGAN, **targets), images_of(ON_REAL), images_of(ON_FAKE)
    assert model.critic_loss(real, fake).item() == pytest.approx(critic)
    assert model.generator_loss(real, fake).item() == pytest.approx(generator)


def test_each_output_is_pulled_to_its_target_from_both_sides():
    a, b, c = -1.0, 2.0, 0.5
    model, real, fake = reading(zoo.LSGAN, a=a, b=b, c=c), images_of([3.0, 0.0, 2.0]), images_of([0.0, -4.0, 0.5])
    on_real, on_fake = slopes(model.critic_loss(real, fake), real, fake)
    assert on_real == pytest.approx([(3 - b) / 3, (0 - b) / 3, 0])  # the batch's size divides
    assert on_fake == pytest.approx([(0 - a) / 3, (-4 - a) / 3, (0.5 - a) / 3])
    on_real, on_fake = slopes(model.generator_loss(real, fake), real, fake)
    assert on_real == 0
    assert on_fake == pytest.approx([(0 - c) / 3, (-4 - c) / 3, 0])  # a fake that is too good is pulled back


def test_both_optimizers_have_the_authors_constants():
    for optimizer in build(zoo.LSGAN).configure_optimizers():
        assert (optimizer.defaults["lr"], optimizer.defaults["betas"]) == (1e-3, (0.5, 0.999))


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"a": 1.0}, "a and b must differ, else the critic is not asked to tell anything apart: 1.0, 1.0"),
        ({"c": float("nan")}, "a, b and c must be finite, got 0.0, 1.0, nan"),
        ({"b": float("inf")}, "a, b and c must be finite, got 0.0, inf, 1.0"),
    ],
)
def test_targets_that_cannot_be_are_named(targets, message):
    with pytest.raises(ValueError, match=message):
        build(zoo.LSGAN, **targets)

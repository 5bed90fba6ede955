"""HingeGAN: margins for the critic, a mean for the generator."""

import pytest

import zoo
from helpers.models import MARKS
from helpers.papers import images_of, reading, slopes

pytestmark = MARKS


def test_only_images_within_the_margin_move_the_critic_and_all_fakes_the_generator():
    model, real, fake = reading(zoo.HingeGAN), images_of([2.0, -1.0, 0.5]), images_of([1.0, 0.25, -3.0])
    assert model.critic_loss(real, fake).item() == pytest.approx((0 + 2 + 0.5) / 3 + (2 + 1.25 + 0) / 3)
    assert model.generator_loss(real, fake).item() == pytest.approx(1.75 / 3)
    on_real, on_fake = slopes(model.critic_loss(real, fake), real, fake)
    assert on_real == pytest.approx([0, -1 / 3, -1 / 3])
    assert on_fake == pytest.approx([1 / 3, 1 / 3, 0])
    on_real, on_fake = slopes(model.generator_loss(real, fake), real, fake)
    assert (on_real, on_fake) == (0, pytest.approx([-1 / 3] * 3))

"""RaGAN and RSGAN: outputs compared with the other kind's mean, or in pairs."""

from math import exp, log

import pytest

import zoo
from helpers.models import MARKS
from helpers.papers import images_of, reading, slopes

pytestmark = MARKS
ON_REAL, ON_FAKE = [2.0, -1.0, 0.5], [1.0, 0.25, -3.0]
MEAN_REAL, MEAN_FAKE = 0.5, -1.75 / 3


def pays(gap):
    return log(1 + exp(-gap))


def test_ragan_compares_each_output_with_the_mean_of_the_other_kind():
    model, real, fake = reading(zoo.RaGAN), images_of(ON_REAL), images_of(ON_FAKE)
    above = [x - MEAN_FAKE for x in ON_REAL]
    below = [MEAN_REAL - x for x in ON_FAKE]
    assert model.critic_loss(real, fake).item() == pytest.approx((sum(map(pays, above)) + sum(map(pays, below))) / 6)
    turned = [-gap for gap in above + below]
    assert model.generator_loss(real, fake).item() == pytest.approx(sum(map(pays, turned)) / 6)


def test_ragan_asks_for_a_distance_and_not_for_a_place():
    """All outputs moved by a number: the same loss. In other words, their gradients add up to 0."""
    model, real, fake = reading(zoo.RaGAN), images_of(ON_REAL), images_of(ON_FAKE)
    for method, sign in ((model.critic_loss, 1), (model.generator_loss, -1)):
        on_real, on_fake = slopes(method(real, fake), real, fake)
        assert sum(on_real + on_fake) == pytest.approx(0)
        assert all(sign * slope < 0 for slope in on_real)  # the generator lowers real images' outputs too
        assert all(sign * slope > 0 for slope in on_fake)
        moved = method(images_of([x + 5 for x in ON_REAL]), images_of([x + 5 for x in ON_FAKE]))
        assert moved.item() == pytest.approx(method(real, fake).item())
    shuffled = model.critic_loss(real, images_of(ON_FAKE[::-1])).item()
    assert shuffled == pytest.approx(model.critic_loss(real, fake).item())  # there are no pairs


def test_rsgan_compares_pairs():
    model, real, fake = reading(zoo.RSGAN), images_of(ON_REAL), images_of(ON_FAKE)
    gaps = [x - y for x, y in zip(ON_REAL, ON_FAKE, strict=True)]
    assert model.critic_loss(real, fake).item() == pytest.approx(sum(map(pays, gaps)) / 3)
    assert model.generator_loss(real, fake).item() == pytest.approx(sum(pays(-gap) for gap in gaps) / 3)
    turned = images_of(ON_FAKE[::-1])
    assert model.critic_loss(real, turned).item() != pytest.approx(model.critic_loss(real, fake).item())


@pytest.mark.parametrize("cls", [zoo.RaGAN, zoo.RSGAN])
def test_a_critic_that_knows_nothing_has_ln_2(cls):
    model, same = reading(cls), images_of([3.0, 3.0])
    assert model.critic_loss(same, same).item() == pytest.approx(log(2))
    assert model.generator_loss(same, same).item() == pytest.approx(log(2))

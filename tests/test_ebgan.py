"""EBGAN: energies, a margin, and codes that are pulled apart."""

import pytest
import torch

import zoo
from helpers.models import MARKS, build
from helpers.papers import images_of, reading, slopes
from zoo.engine.batch import Batch
from zoo.penalties import pull_away

pytestmark = MARKS


def test_a_fake_beyond_the_margin_no_longer_moves_the_critic_and_every_fake_the_generator():
    model, real, fake = (
        reading(zoo.EBGAN, margin=2.0, pull_away_weight=0.0),
        images_of([0.5, 3.0]),
        images_of([0.5, 2.5]),
    )
    assert model.critic_loss(real, fake).item() == pytest.approx((0.5 + 3) / 2 + (1.5 + 0) / 2)
    assert model.generator_loss(real, fake).item() == pytest.approx((0.5 + 2.5) / 2)
    on_real, on_fake = slopes(model.critic_loss(real, fake), real, fake)
    assert (on_real, on_fake) == (pytest.approx([0.5, 0.5]), pytest.approx([-0.5, 0]))
    on_real, on_fake = slopes(model.generator_loss(real, fake), real, fake)
    assert (on_real, on_fake) == (0, pytest.approx([0.5, 0.5]))
    assert {name: value.item() for name, value in model.observed.items() if "energy" in name} == {
        "energy_real": 1.75,
        "energy_fake": 1.5,
    }


def test_the_generator_alone_pays_for_codes_that_are_alike():
    model, free = (reading(zoo.EBGAN, pull_away_weight=weight) for weight in (0.5, 0.0))
    real, fake = images_of([[1.0, 0.0], [1.0, 0.0]]), images_of([[3.0, 4.0], [1.0, 0.0]])  # an angle of cosine 0.6
    paid = model.generator_loss(real, fake) - free.generator_loss(real, fake)
    assert paid.item() == pytest.approx(0.5 * 0.6**2)
    assert model.critic_loss(real, fake).item() == pytest.approx(free.critic_loss(real, fake).item())


def test_the_codes_are_the_encoder_s_and_the_energy_a_mean_of_squares():
    model = build(zoo.EBGAN)
    fake = Batch(torch.rand(4, *model.image_shape) * 2 - 1)
    errors = (model.critic.decode(fake.images) - fake.images).square().flatten(1).mean(1)
    torch.testing.assert_close(model.critic(fake.images), errors)
    expected = errors.mean() + 0.1 * pull_away(model.critic.encoder(fake.images))
    torch.testing.assert_close(model.generator_loss(fake, fake), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": 0.0}, "margin must be above 0, pull_away_weight at least 0: got 0.0 and 0.1"),
        ({"pull_away_weight": -1.0}, "got 1.0 and -1.0"),
        ({"network": "mlp"}, "EBGAN needs an auto-encoder as critic, as in ebgan and began: mlp has none"),
    ],
)
def test_what_cannot_be_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        build(zoo.EBGAN, **options)

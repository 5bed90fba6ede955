"""DRAGAN: the logistic loss, and a penalty near real images, through whatever stands before the critic."""

from math import exp, log

import pytest
import torch

import zoo
from helpers.models import MARKS, build
from helpers.papers import images_of, reading
from zoo.engine.batch import Batch
from zoo.penalties import dragan_penalty

pytestmark = MARKS


def test_the_losses_are_the_gan_s_and_a_slope_of_1_pays_nothing():
    model, real, fake = reading(zoo.DRAGAN), images_of([2.0, -1.0]), images_of([0.5, -3.0])
    logistic = sum(log(1 + exp(x)) for x in (-2.0, 1.0, 0.5, -3.0)) / 2
    assert model.critic_loss(real, fake).item() == pytest.approx(logistic)
    assert model.observed["gradient_penalty"].item() == pytest.approx(0, abs=1e-12)
    assert model.generator_loss(real, fake).item() == pytest.approx(sum(log(1 + exp(x)) for x in (-0.5, 3.0)) / 2)


def test_another_slope_pays_lambda():
    model, real, fake = reading(zoo.DRAGAN, gp_weight=7.0), images_of([2.0, -1.0]), images_of([0.5, -3.0])
    flat = model.critic_loss(real, fake).item()
    score = model.critic.score
    model.critic.score = lambda *given: 3 * score(*given) - 2 * score(*given).detach()  # thrice the slope
    assert model.critic_loss(real, fake).item() == pytest.approx(flat + 7 * (3 - 1) ** 2)


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_penalty_is_near_real_images_whatever_the_fakes_are(symmetric):
    model = build(zoo.DRAGAN, symmetric=symmetric)
    real, fake = (Batch(images) for images in torch.rand(2, 5, *model.image_shape) * 2 - 1)
    penalties = []
    for batch in (fake, Batch(-fake.images)):
        torch.manual_seed(1)
        model.critic_loss(real, batch)
        penalties.append(model.observed["gradient_penalty"])
    torch.manual_seed(1)
    expected = dragan_penalty(model.critic, real.images, symmetric=symmetric)
    torch.testing.assert_close(penalties, [expected.detach()] * 2)
    torch.manual_seed(1)
    assert not torch.allclose(expected, dragan_penalty(model.critic, real.images, symmetric=not symmetric))


def test_the_penalty_goes_through_the_augmentation_and_takes_the_labels():
    class Conditional(zoo.DRAGAN):
        is_conditional = critic_is_told = True

    model = build(Conditional, augmentation={"name": "diffaugment", "policy": ["translation"]})
    seen = []
    forward = model.critic.forward
    model.critic.forward = lambda images, labels: seen.append((images, labels)) or forward(images, labels)
    model.augment.forward = lambda images: 0 * images + 0.5
    labels = torch.tensor([0, 1, 2])
    real, fake = (Batch(torch.rand(3, *model.image_shape), labels) for _ in range(2))
    model.critic_loss(real, fake)
    images, given = seen[-1]
    assert torch.equal(given, labels)
    assert (images == 0.5).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gp_weight": -1.0}, "gp_weight must be finite and at least 0, got -1.0"),
        (
            {"network": "dcgan", "image_shape": (1, 16, 16)},
            "a critic that judges each sample by itself: dcgan's does not",
        ),
    ],
)
def test_what_cannot_be_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        build(zoo.DRAGAN, **options)

"""Adversarial losses against closed forms, and who raises what."""

from math import exp, log

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from zoo import losses

REAL, FAKE = [0.5, -1.0, 2.0], [-0.25, 0.0, 3.0]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def mean(values):
    return sum(values) / len(values)


@pytest.mark.parametrize(
    ("loss", "outputs", "expected"),
    [
        (
            losses.logistic_critic,
            (REAL, FAKE),
            (mean([log(1 + exp(-x)) for x in REAL]) + mean([log(1 + exp(x)) for x in FAKE])) / 2,
        ),
        (losses.logistic_generator, (FAKE,), mean([log(1 + exp(-x)) for x in FAKE])),
        (losses.wasserstein_critic, (REAL, FAKE), 2.75 / 3 - 0.5),
        (losses.wasserstein_generator, (FAKE,), -2.75 / 3),
    ],
)
def test_a_loss_is_its_closed_form(loss, outputs, expected):
    value = loss(*(torch.tensor(output, dtype=torch.float64) for output in outputs))
    assert value.shape == ()
    assert value.item() == pytest.approx(expected, abs=1e-12)


def test_players_that_know_nothing_pay_ln_2():
    nothing = torch.zeros(5)
    assert losses.logistic_critic(nothing, nothing).item() == pytest.approx(log(2))
    assert losses.logistic_generator(nothing).item() == pytest.approx(log(2))


def test_logistic_losses_are_binary_cross_entropies():
    on_real, on_fake = torch.randn(2, 32, dtype=torch.float64) * 5
    labels = torch.cat([torch.ones(32), torch.zeros(32)]).double()
    both = binary_cross_entropy_with_logits(torch.cat([on_real, on_fake]), labels)
    assert torch.allclose(losses.logistic_critic(on_real, on_fake), both)
    fooled = binary_cross_entropy_with_logits(on_fake, torch.ones_like(on_fake))
    assert torch.allclose(losses.logistic_generator(on_fake), fooled)


@pytest.mark.parametrize("scale", [100.0, 1e4])
def test_logistic_losses_stay_finite_where_the_sigmoid_does_not_tell(scale):
    on_real = torch.tensor([scale, -scale], requires_grad=True)
    loss = losses.logistic_critic(on_real, on_real) + losses.logistic_generator(on_real)
    loss.backward()
    assert loss.item() == pytest.approx(scale)
    assert on_real.grad.isfinite().all()


@pytest.mark.parametrize("family", ["logistic", "wasserstein"])
def test_the_critic_raises_real_and_lowers_fake_and_the_generator_raises_fake(family):
    on_real, on_fake = torch.randn(2, 8, requires_grad=True).unbind()
    for_real, for_fake = torch.autograd.grad(getattr(losses, f"{family}_critic")(on_real, on_fake), (on_real, on_fake))
    (for_generator,) = torch.autograd.grad(getattr(losses, f"{family}_generator")(on_fake), on_fake)
    assert (for_real < 0).all()  # going down the loss raises the output
    assert (for_fake > 0).all()
    assert (for_generator < 0).all()

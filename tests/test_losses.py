"""Adversarial losses against closed forms, and who raises what."""

from math import exp, log

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from helpers.blocks import assert_close, reference
from zoo import losses

REAL, FAKE = [0.5, -1.0, 2.0], [-0.25, 0.0, 3.0]


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
        (losses.least_squares_critic, (REAL, FAKE), (0.25 + 4 + 1 + 0.0625 + 0 + 9) / 6),
        (losses.least_squares_generator, (FAKE,), (1.5625 + 1 + 4) / 6),
        (losses.hinge_critic, (REAL, FAKE), (0.5 + 2 + 0 + 0.75 + 1 + 4) / 3),
        (losses.hinge_generator, (FAKE,), -2.75 / 3),
        (losses.relativistic_critic, (REAL, FAKE), mean([log(1 + exp(-d)) for d in (0.75, -1.0, -1.0)])),
        (losses.relativistic_generator, (REAL, FAKE), mean([log(1 + exp(d)) for d in (0.75, -1.0, -1.0)])),
        (
            losses.relativistic_average_critic,
            (REAL, FAKE),
            mean([log(1 + exp(2.75 / 3 - x)) for x in REAL]) / 2 + mean([log(1 + exp(x - 0.5)) for x in FAKE]) / 2,
        ),
        (
            losses.relativistic_average_generator,
            (REAL, FAKE),
            mean([log(1 + exp(x - 2.75 / 3)) for x in REAL]) / 2 + mean([log(1 + exp(0.5 - x)) for x in FAKE]) / 2,
        ),
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


def test_least_squares_have_the_three_targets_of_the_paper():
    real, fake = torch.tensor(REAL, dtype=torch.float64), torch.tensor(FAKE, dtype=torch.float64)
    pearson = losses.least_squares_critic(real, fake, a=-1, b=1)
    assert pearson.item() == pytest.approx((0.25 + 4 + 1 + 0.5625 + 1 + 16) / 6, abs=1e-12)
    assert losses.least_squares_generator(fake, c=0).item() == pytest.approx((0.0625 + 9) / 6, abs=1e-12)


def test_the_hinge_leaves_alone_what_is_beyond_the_margin():
    on_real, on_fake = torch.tensor([1.5, 0.5], requires_grad=True), torch.tensor([-1.5, -0.5], requires_grad=True)
    losses.hinge_critic(on_real, on_fake).backward()
    assert on_real.grad.tolist() == [0, -0.5]
    assert on_fake.grad.tolist() == [0, 0.5]


@pytest.mark.parametrize("family", ["relativistic", "relativistic_average"])
def test_relativistic_players_want_the_opposite_of_both_outputs(family):
    on_real, on_fake = torch.randn(2, 8, requires_grad=True).unbind()
    for name, sign in (("critic", 1), ("generator", -1)):
        loss = getattr(losses, f"{family}_{name}")(on_real, on_fake)
        for_real, for_fake = torch.autograd.grad(loss, (on_real, on_fake))
        assert (sign * for_real < 0).all()
        assert (sign * for_fake > 0).all()


def test_gradients_flow_through_the_averages():
    outputs = tuple(torch.randn(2, 3, dtype=torch.float64, requires_grad=True).unbind())
    assert torch.autograd.gradcheck(losses.relativistic_average_critic, outputs)


@pytest.mark.data
def test_losses_are_those_of_the_references():
    real, fake = (each.flatten() for each in reference("mim/loss/real", "mim/loss/fake"))
    assert_close(losses.hinge_critic(real, fake), reference("mim/loss/hinge_dis"))
    assert_close(losses.hinge_generator(fake), reference("mim/loss/hinge_gen"))
    assert_close(losses.wasserstein_critic(real, fake), reference("mim/loss/wasserstein_dis"))
    assert_close(losses.least_squares_critic(real, fake), reference("loss/lsgan_d_half"))
    assert_close(losses.least_squares_generator(fake), reference("loss/lsgan_g_half"))
    assert_close(2 * losses.logistic_critic(real, fake), reference("loss/vanilla_d"))
    assert_close(losses.logistic_generator(fake), reference("loss/vanilla_g"))


@pytest.mark.parametrize("family", ["logistic", "wasserstein", "least_squares", "hinge"])
def test_the_critic_raises_real_and_lowers_fake_and_the_generator_raises_fake(family):
    on_real, on_fake = (torch.rand(2, 8) * 0.9 + 0.05).requires_grad_().unbind()  # between least squares' targets
    for_real, for_fake = torch.autograd.grad(getattr(losses, f"{family}_critic")(on_real, on_fake), (on_real, on_fake))
    (for_generator,) = torch.autograd.grad(getattr(losses, f"{family}_generator")(on_fake), on_fake)
    assert (for_real < 0).all()  # going down the loss raises the output
    assert (for_fake > 0).all()
    assert (for_generator < 0).all()

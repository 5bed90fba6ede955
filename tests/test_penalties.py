"""Penalties and auto-encoders' losses: closed forms on three numbers, reference values."""

from math import log, pi, sqrt

import pytest
import torch
from torch.nn.functional import conv2d, linear, softplus

from helpers.blocks import assert_close, reference
from zoo import losses, penalties, reconstruction


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def quadratic(images):
    """Its gradient is the image itself."""
    return images.flatten(1).square().sum(1) / 2


def test_r1_is_the_mean_of_squared_norms_and_has_a_gradient_at_0():
    images = numbers(1, 2, 0, 0, 3, 4).view(3, 1, 1, 2)
    assert penalties.squared_gradient_norms(quadratic, images).tolist() == [5, 0, 25]
    assert penalties.zero_centred_penalty(quadratic, images).item() == 10
    slope = torch.zeros((), requires_grad=True)
    penalties.zero_centred_penalty(lambda x: slope * quadratic(x), images).backward()
    assert slope.grad.item() == 0  # not nan, as the derivative of a root would be


def test_penalties_go_through_an_augmentation_to_the_image_before_it():
    images = torch.randn(3, 1, 2, 2, dtype=torch.float64)
    doubled = penalties.zero_centred_penalty(lambda x: quadratic(2 * x), images)
    assert_close(doubled, 16 * penalties.zero_centred_penalty(quadratic, images))


def test_no_gradient_flows_into_the_images():
    images = torch.randn(3, 1, 2, 2, requires_grad=True)
    scale = torch.ones((), requires_grad=True)
    penalties.zero_centred_penalty(lambda x: scale * quadratic(x), images).backward()
    assert images.grad is None
    assert scale.grad != 0


def test_dragan_moves_one_way_by_one_alpha_a_sample():
    real = numbers(0, 2, 4, 6).view(2, 1, 1, 2)
    noise, alpha = torch.ones(2, 1, 1, 2).double(), numbers(0, 1).view(2, 1, 1, 1)
    step = real.std().item() / 2
    norms = (2, sqrt((4 + step) ** 2 + (6 + step) ** 2))
    value = penalties.dragan_penalty(quadratic, real, noise=noise, alpha=alpha)
    assert value.item() == pytest.approx(sum((norm - 1) ** 2 for norm in norms) / 2)
    centred = penalties.dragan_penalty(quadratic, real, noise=noise / 2, alpha=alpha, symmetric=True)
    assert centred.item() == pytest.approx((1 + (sqrt(52) - 1) ** 2) / 2)


def test_lecam_takes_the_other_players_average():
    value = penalties.lecam_penalty(numbers(1, -1, 3), numbers(0, 2, -4), numbers(1.0).mean(), numbers(-0.5).mean())
    assert value.item() == pytest.approx((1.5**2 + 0 + 3.5**2) / 3 + (1 + 0 + 25) / 3)


def test_consistency_feature_matching_and_codes():
    assert penalties.consistency_penalty(numbers(1, 2, 3), numbers(1, 4, 2)).item() == pytest.approx(5 / 3)
    real, fake = numbers(1, 3, 5, 7).view(2, 2), numbers(0, 0, 0, 4).view(2, 2)
    assert penalties.feature_matching(real, fake).item() == 3
    assert penalties.feature_matching(real, fake, power=2).item() == 9
    nll = penalties.gaussian_nll(numbers(1, 2).view(1, 2), numbers(0, 2).view(1, 2))
    assert nll.item() == pytest.approx(0.5 + log(2 * pi))


def test_the_pull_away_term_squares_cosines_of_pairs():
    features = numbers(2, 0, 0, 3, 1, 1).view(3, 2)  # cosines 0, 1/sqrt 2, 1/sqrt 2
    assert penalties.pull_away(features).item() == pytest.approx(2 * (0.5 + 0.5) / 6)
    with pytest.raises(ValueError, match="a batch of 2 or more"):
        penalties.pull_away(features[:1])


def test_began_balances_its_losses():
    real, fake, k = numbers(1, 2, 3), numbers(2, 0, 1), numbers(0.25).mean()
    assert reconstruction.began_critic(real, fake, k).item() == 2 - 0.25
    assert reconstruction.began_generator(fake).item() == 1
    assert reconstruction.began_next_k(k, real, fake, gamma=0.75, rate=0.1).item() == pytest.approx(0.3)
    assert reconstruction.began_next_k(k, fake, 10 * real).item() == pytest.approx(0.25 + 0.001 * (0.5 - 20))
    assert reconstruction.began_next_k(k, fake, 10 * real, rate=1).item() == 0  # never below 0
    assert reconstruction.began_next_k(k, 10 * real, fake, rate=1).item() == 1  # nor above 1
    assert reconstruction.began_convergence(real, fake, gamma=0.75).item() == 2.5
    assert reconstruction.began_convergence(real, 4 * fake, gamma=0.75).item() == 4.5


def test_ebgan_has_a_margin_for_each_sample():
    real, fake = numbers(1, 2, 3).requires_grad_(), numbers(0.5, 1, 4).requires_grad_()
    loss = reconstruction.energy_critic(real, fake, margin=2)
    assert loss.item() == pytest.approx(2 + 2.5 / 3)
    loss.backward()
    torch.testing.assert_close(real.grad, numbers(1, 1, 1) / 3)
    torch.testing.assert_close(fake.grad, numbers(-1, -1, 0) / 3)
    assert reconstruction.energy_generator(fake).item() == pytest.approx(5.5 / 3)


def test_reconstruction_errors_are_means_over_pixels():
    images, decoded = numbers(1, 2, 3, 4).view(2, 1, 1, 2), numbers(1, 0, 0, 0).view(2, 1, 1, 2)
    assert reconstruction.reconstruction_errors(images, decoded).tolist() == [1, 3.5]
    assert reconstruction.reconstruction_errors(images, decoded, "l2").tolist() == [2, 12.5]


# -- reference values --


@pytest.fixture
def critic():
    """The critic of the reference values: conv 3x3 s2 tanh, conv 3x3 s2 softplus, linear."""
    names = [f"critic/param/{layer}.{part}" for layer in ("c1", "c2", "l") for part in ("weight", "bias")]
    weights = [each.requires_grad_() for each in reference(*names)]

    def outputs(images):
        hidden = conv2d(images, weights[0], weights[1], stride=2, padding=1).tanh()
        hidden = softplus(conv2d(hidden, weights[2], weights[3], stride=2, padding=1))
        return linear(hidden.flatten(1), weights[4], weights[5]).squeeze(1)

    outputs.weights = dict(zip(names, weights, strict=True))
    return outputs


@pytest.mark.data
def test_r3gan_is_its_reference(critic):
    real, fake = reference("critic/real", "critic/fake")
    on_real, on_fake = critic(real), critic(fake)
    assert_close(on_real, reference("critic/out_real"))
    assert_close(losses.relativistic_critic(on_real, on_fake), reference("critic/r3/D_adv").mean())
    assert_close(losses.relativistic_generator(on_real, on_fake), reference("critic/r3/G_adv").mean())
    r1, r2 = (penalties.squared_gradient_norms(critic, images) for images in (real, fake))
    assert_close(r1, reference("critic/r3/R1"))
    assert_close(r2, reference("critic/r3/R2"))
    assert_close(r1.mean() / 2, reference("critic/studio/r1_half"))
    loss = losses.relativistic_critic(on_real, on_fake) + 0.05 / 2 * (r1 + r2).mean()
    loss.backward()
    for name, weight in critic.weights.items():
        assert_close(weight.grad, reference(name.replace("param", "r3/D_grad")))


@pytest.mark.data
def test_gradient_penalties_are_their_references(critic):
    real, fake = reference("critic/real", "critic/fake")
    epsilon = reference("critic/studio/cal_grad_penalty_draw0").view(4, 1, 1, 1)
    value = losses.gradient_penalty(critic, real, fake, epsilon=epsilon)
    assert_close(value, reference("critic/studio/cal_grad_penalty"))
    draws = reference("critic/studio/cal_dra_penalty_draw0", "critic/studio/cal_dra_penalty_draw1")
    value = penalties.dragan_penalty(critic, real, alpha=draws[0], noise=draws[1])
    assert_close(value, reference("critic/studio/cal_dra_penalty"))


@pytest.mark.data
def test_lecam_is_its_reference():
    trace = reference("lecam/trace_hingeReal_hingeFake_emaReal_emaFake_reg")
    average_real = average_fake = torch.zeros((), dtype=torch.float64)
    for step in range(5):
        on_real, on_fake = (each.flatten() for each in reference(f"lecam/real{step}", f"lecam/fake{step}"))
        decay = 0.0 if step < 2 else 0.9
        average_fake = penalties.moving_average(average_fake, on_fake, decay)
        average_real = penalties.moving_average(average_real, on_real, decay)
        penalty = penalties.lecam_penalty(on_real, on_fake, average_real, average_fake)
        assert_close(torch.stack([average_real, average_fake, penalty]), trace[step, 2:])


@pytest.mark.data
def test_feature_matching_and_codes_are_their_references():
    value = penalties.feature_matching(*reference("loss/fm_real", "loss/fm_fake"))
    assert_close(value, reference("loss/feature_matching_l1"))
    value = penalties.gaussian_nll(*reference("loss/infogan_c", "loss/infogan_mu", "loss/infogan_var"))
    assert_close(value, reference("loss/infogan_normal_nll"), tolerance=1e-5)  # whose variance has 1e-6 added

"""Five wrong gradient penalties: each misses a value that the right one has.

A wrong penalty is a function of the same arguments.
"""

from math import sqrt

import pytest
import torch
from torch import nn

from helpers.critics import SHAPE, images, linear, quadratic, smooth_critic
from zoo import losses
from zoo.networks.layers import KerasBatchNorm1d


def mixture(real, fake, epsilon):
    return (epsilon * real + (1 - epsilon) * fake).requires_grad_()


def slopes_at(critic, x_hat):
    return torch.autograd.grad(critic(x_hat).sum(), x_hat, create_graph=True)[0]


def draw(n, *sides):
    return torch.rand(n, *sides, dtype=torch.float64)


def norm_over_channels_only(critic, real, fake):
    slopes = slopes_at(critic, mixture(real, fake, draw(len(real), 1, 1, 1)))
    return (slopes.norm(dim=1) - 1).square().mean()


def one_norm_for_the_batch(critic, real, fake):
    return (slopes_at(critic, mixture(real, fake, draw(len(real), 1, 1, 1))).norm() - 1).square()


def gradient_of_the_mean(critic, real, fake):
    x_hat = mixture(real, fake, draw(len(real), 1, 1, 1))
    (slopes,) = torch.autograd.grad(critic(x_hat).mean(), x_hat, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()


@pytest.mark.parametrize("wrong", [norm_over_channels_only, one_norm_for_the_batch, gradient_of_the_mean])
def test_a_critic_of_slope_one_pays_nothing_except_under_a_wrong_norm(wrong):
    weight = torch.randn(SHAPE, dtype=torch.float64)
    critic = linear(weight / weight.norm())
    assert losses.gradient_penalty(critic, images(8), images(8)).item() == pytest.approx(0, abs=1e-12)
    assert wrong(critic, images(8), images(8)).item() > 0.3


def test_the_mean_divides_every_slope_by_the_batch_size():
    weight = torch.randn(SHAPE, dtype=torch.float64)
    wrong = gradient_of_the_mean(linear(weight), images(8), images(8))
    assert torch.allclose(wrong, (weight.norm() / 8 - 1) ** 2)
    right = losses.gradient_penalty(linear(weight), images(8), images(8))
    assert torch.allclose(right, (weight.norm() - 1) ** 2)


def variance_times_n(penalty, critic, n, runs=400):
    """Of one batch's penalty, over draws of epsilon: the variance of one sample's if they are independent."""
    real, fake = torch.ones(n, 1, 1, 1, dtype=torch.float64), torch.zeros(n, 1, 1, 1, dtype=torch.float64)
    return n * torch.stack([penalty(critic, real, fake).detach() for _ in range(runs)]).var()


def one_epsilon_for_the_batch(critic, real, fake):
    slopes = slopes_at(critic, mixture(real, fake, draw(1, 1, 1, 1)))
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()


def test_epsilons_of_a_batch_are_independent():
    """For f = |x|^2 / 2 between 1 and 0 a sample pays (1 - epsilon)^2: mean 1/3, variance 1/5 - 1/9 = 4/45."""
    n = 64
    right = variance_times_n(losses.gradient_penalty, quadratic, n)
    assert right.item() == pytest.approx(4 / 45, rel=0.25)
    assert variance_times_n(one_epsilon_for_the_batch, quadratic, n).item() > 20 * right


def one_epsilon_per_pixel(critic, real, fake):
    slopes = slopes_at(critic, mixture(real, fake, torch.rand_like(real)))
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()


def test_x_hat_lies_on_the_line_between_its_pair():
    """Between 0 and d, where |d| = 1, f = |x|^2 / 2 has slope epsilon; beside the line its slope is another."""
    direction = images(1)
    real = (direction / direction.norm()).expand(4096, *SHAPE)
    fake = torch.zeros_like(real)
    # E (epsilon - 1)^2 = 1/3; per pixel |x_hat|^2 is about E epsilon^2 = 1/3 for every sample
    assert losses.gradient_penalty(quadratic, real, fake).item() == pytest.approx(1 / 3, abs=0.02)
    assert one_epsilon_per_pixel(quadratic, real, fake).item() == pytest.approx((sqrt(1 / 3) - 1) ** 2, abs=0.02)


def test_a_batch_norm_critic_couples_the_samples_so_that_no_slope_is_its_samples_own():
    """Per-sample slopes follow from one sample at a time; the gradient of the sum has them only without coupling."""

    def own_slopes(critic, x):
        """The diagonal of the Jacobian [N, N, ...] of all outputs with respect to all images."""
        jacobian = torch.autograd.functional.jacobian(critic, x)
        return torch.stack([jacobian[i, i].norm() for i in range(len(x))])

    real, ones = images(6), torch.ones(6, 1, 1, 1, dtype=torch.float64)
    apart = smooth_critic()
    assert torch.allclose(losses.gradient_norms(apart, real, real, epsilon=ones), own_slopes(apart, real))
    coupled = nn.Sequential(nn.Flatten(), KerasBatchNorm1d(60), *list(apart)[1:]).double()
    wrong = losses.gradient_norms(coupled, real, real, epsilon=ones)
    assert ((wrong - own_slopes(coupled, real)).abs() / own_slopes(coupled, real) > 0.01).all()

"""The gradient penalty against closed forms, finite differences and five wrong penalties.

A wrong penalty is a function of the same arguments. Each is shown to miss a value that the right one has.
"""

from math import prod, sqrt

import pytest
import torch
from torch import nn

from zoo import losses
from zoo.networks.layers import KerasBatchNorm1d

SHAPE = (3, 4, 5)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def images(n, shape=SHAPE):
    return torch.rand(n, *shape, dtype=torch.float64) * 2 - 1


def linear(weight):
    """f(x) = w . x, whose gradient is w everywhere."""
    return lambda x: (x * weight).flatten(1).sum(1)


def quadratic(x):
    """f(x) = |x|^2 / 2, whose gradient at x is x."""
    return x.square().flatten(1).sum(1) / 2


def smooth_critic(shape=SHAPE, width=7):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(prod(shape), width), nn.Tanh(), nn.Linear(width, 1), nn.Flatten(0)
    ).double()


# -- the gradient penalty, right --


@pytest.mark.parametrize("n", [1, 3, 32])
@pytest.mark.parametrize("target", [1.0, 0.0, 2.5])
def test_a_linear_critic_pays_for_the_length_of_its_weights_wherever_it_is_asked(n, target):
    weight = torch.randn(SHAPE, dtype=torch.float64)
    expected = (weight.norm() - target) ** 2
    for epsilon in (None, torch.zeros(n, 1, 1, 1), torch.ones(n, 1, 1, 1), torch.rand(n, 1, 1, 1)):
        weights = epsilon if epsilon is None else epsilon.double()
        penalty = losses.gradient_penalty(linear(weight), images(n), images(n), epsilon=weights, target=target)
        assert penalty.shape == ()
        assert torch.allclose(penalty, expected, atol=1e-9)


@pytest.mark.parametrize("n", [1, 3, 32])
def test_a_quadratic_critic_has_at_each_sample_the_norm_of_its_own_mixture(n):
    real, fake, epsilon = images(n), images(n), torch.rand(n, 1, 1, 1, dtype=torch.float64)
    x_hat = epsilon * real + (1 - epsilon) * fake  # epsilon is the share of the real image
    norms = losses.gradient_norms(quadratic, real, fake, epsilon=epsilon)
    assert norms.shape == (n,)
    assert torch.allclose(norms, x_hat.flatten(1).norm(dim=1))
    assert torch.allclose(
        losses.gradient_penalty(quadratic, real, fake, epsilon=epsilon), (norms - 1).square().mean(), atol=1e-12
    )


def test_epsilon_one_is_at_the_real_image_and_zero_at_the_fake():
    real, fake = images(4), images(4)
    for epsilon, end in ((torch.ones(4, 1, 1, 1), real), (torch.zeros(4, 1, 1, 1), fake)):
        norms = losses.gradient_norms(quadratic, real, fake, epsilon=epsilon.double())
        assert torch.allclose(norms, end.flatten(1).norm(dim=1))


def test_without_an_epsilon_each_sample_draws_its_own_uniform_one():
    real, fake = torch.ones(4096, 1, 1, 1), torch.zeros(4096, 1, 1, 1)
    drawn = losses.gradient_norms(quadratic, real, fake)  # here the norm is epsilon
    assert drawn.unique().numel() > 4000
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    quantiles = drawn.quantile(torch.linspace(0, 1, 11))
    assert torch.allclose(quantiles, torch.linspace(0, 1, 11), atol=0.03)


def test_one_sided_lets_small_slopes_be():
    n, epsilon = 3, torch.ones(3, 1, 1, 1).double()
    real = torch.zeros(n, 1, 1, 1).double()
    real[:, 0, 0, 0] = torch.tensor([0.25, 1.0, 3.0])  # the norms
    penalties = [
        losses.gradient_penalty(quadratic, real, real, epsilon=epsilon, one_sided=one_sided).item()
        for one_sided in (False, True)
    ]
    assert penalties == pytest.approx([(0.75**2 + 2**2) / 3, 2**2 / 3])


def test_the_norm_is_that_of_finite_differences():
    critic, real, fake = smooth_critic(), images(3), images(3)
    epsilon, step = torch.rand(3, 1, 1, 1, dtype=torch.float64), 1e-6
    x_hat = (epsilon * real + (1 - epsilon) * fake).flatten(1)
    directions = torch.eye(x_hat.shape[1], dtype=torch.float64) * step
    with torch.no_grad():
        slopes = [
            (critic((x + directions).view(-1, *SHAPE)) - critic((x - directions).view(-1, *SHAPE))) / (2 * step)
            for x in x_hat
        ]
    expected = torch.stack(slopes).norm(dim=1)
    assert torch.allclose(losses.gradient_norms(critic, real, fake, epsilon=epsilon), expected, rtol=1e-7)


@pytest.mark.parametrize("one_sided", [False, True])
def test_the_gradient_with_respect_to_the_critics_weights_is_that_of_finite_differences(one_sided):
    shape = 1, 2, 3
    critic, real, fake = smooth_critic(shape, 3), images(2, shape), images(2, shape)
    epsilon = torch.rand(2, 1, 1, 1, dtype=torch.float64)
    names = [name for name, _ in critic.named_parameters()]

    def penalty(*weights):
        def functional(x):
            return torch.func.functional_call(critic, dict(zip(names, weights, strict=True)), (x,))

        return losses.gradient_penalty(functional, real, fake, epsilon=epsilon, target=0.1, one_sided=one_sided)

    weights = tuple(critic.parameters())
    assert penalty(*weights).item() > 1e-3  # there is something to differentiate
    assert torch.autograd.gradcheck(penalty, weights, atol=1e-7)
    assert torch.autograd.gradgradcheck(penalty, weights, atol=1e-6)


def test_nothing_flows_into_the_images():
    critic = smooth_critic()
    real, fake = images(3).requires_grad_(), images(3).requires_grad_()
    losses.gradient_penalty(critic, real, fake).backward()
    assert real.grad is None
    assert fake.grad is None
    # of the weights, only the last bias has no part in any slope
    assert [p.grad is not None for p in critic.parameters()] == [True, True, True, False]


def test_eps_keeps_the_weights_gradient_finite_where_the_slope_is_zero():
    weight = torch.zeros(SHAPE, dtype=torch.float64, requires_grad=True)
    penalty = losses.gradient_penalty(linear(weight), images(3), images(3))
    penalty.backward()
    assert penalty.item() == pytest.approx(1.0, abs=1e-5)
    assert weight.grad.isfinite().all()
    assert losses.gradient_norms(linear(weight), images(3), images(3), eps=0.04).tolist() == pytest.approx([0.2] * 3)


def test_under_autocast_the_penalty_is_computed_in_full_precision():
    critic = smooth_critic().float()
    real, fake, epsilon = images(8).float(), images(8).float(), torch.rand(8, 1, 1, 1)
    full = losses.gradient_norms(critic, real, fake, epsilon=epsilon)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert critic(real).dtype == torch.bfloat16
        mixed = losses.gradient_norms(critic, real, fake.bfloat16().float(), epsilon=torch.ones(8, 1, 1, 1))
        same = losses.gradient_norms(critic, real, fake, epsilon=epsilon)
        from_half = losses.gradient_norms(critic, real, fake.bfloat16(), epsilon=torch.ones(8, 1, 1, 1))
    assert same.dtype == torch.float32
    assert torch.equal(same, full)
    assert torch.equal(from_half, mixed)  # a generator's bf16 images are no obstacle
    same.sum().backward()
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in critic.parameters())


# -- the gradient penalty, wrong --


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

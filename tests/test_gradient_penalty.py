"""The gradient penalty against closed forms and finite differences."""

import pytest
import torch

from helpers.critics import SHAPE, images, linear, quadratic, smooth_critic
from zoo import losses

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

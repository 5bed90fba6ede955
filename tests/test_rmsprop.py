"""RMSprop in one pass against torch's own: the same weights, the same state, and torch's where the kernel cannot."""

import copy

import pytest
import torch
from torch import nn

from zoo.engine import optimizers
from zoo.engine.optimizers import RMSprop, adam, build_optimizer


def pair(weights, **options):
    """Ours and torch's, each with copies of these weights."""
    mine, torchs = ([nn.Parameter(weight.clone()) for weight in weights] for _ in range(2))
    made = build_optimizer({"name": "rmsprop", "lr": 1e-2, **options}, mine)
    assert type(made) is RMSprop
    return [(made, mine), (torch.optim.RMSprop(torchs, lr=1e-2, **options), torchs)]


def move(optimizer, weights, gradients):
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = None if gradient is None else gradient.clone()
    optimizer.step()


@pytest.fixture
def adams(monkeypatch):
    """How often the fused kernel was called."""
    calls = []
    monkeypatch.setattr(optimizers, "adam", lambda *args, **kwargs: calls.append(1) or adam(*args, **kwargs))
    return calls


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("options", [{}, {"alpha": 0.9, "eps": 1e-3}, {"alpha": 0.0}])
def test_rmsprop_in_one_pass_is_torchs(adams, options, dtype):
    """Over 50 steps with gradients of very different size, a rate that changes, and a weight without a gradient."""
    images = torch.ones(2, 3, 4, 4, dtype=dtype).to(memory_format=torch.channels_last)
    both = pair([torch.linspace(-1, 1, 37, dtype=dtype), images, torch.ones(1, dtype=dtype)], **options)
    draws = torch.Generator().manual_seed(0)
    for step in range(50):
        size = 10.0 ** (step % 7 - 5)
        first = torch.randn(37, generator=draws, dtype=dtype) * size
        second = torch.empty_like(images).copy_(torch.randn(2, 3, 4, 4, generator=draws))
        for optimizer, own in both:
            optimizer.param_groups[0]["lr"] = 1e-2 / (step + 1)
            move(optimizer, own, [first, second, None])
        for a, b in zip(both[0][1], both[1][1], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
        assert torch.equal(both[0][1][0].grad, first)  # handed to a kernel that writes, and writes the same
    assert torch.equal(both[0][1][2], torch.ones(1, dtype=dtype))
    assert len(adams) == 50


@pytest.mark.parametrize("there", [0, 1])
def test_rmsprop_s_state_is_torchs(there):
    """Either goes on where the other stopped, and not as from the beginning."""
    both, again = pair([torch.ones(3)]), pair([torch.ones(3)])
    gradients = [[torch.tensor([0.1, -1.0, 10.0]) * (step + 1)] for step in range(8)]
    fresh = pair([torch.ones(3)])[0]
    for step in range(8):
        move(*both[there], gradients[step])
        if step == 3:
            other = again[1 - there]
            other[1][0].data.copy_(both[there][1][0])
            fresh[1][0].data.copy_(both[there][1][0])
            other[0].load_state_dict(copy.deepcopy(both[there][0].state_dict()))
        if step > 3:
            move(*other, gradients[step])
            move(*fresh, gradients[step])
    torch.testing.assert_close(other[1][0], both[there][1][0], rtol=1e-6, atol=1e-7)
    assert not torch.allclose(fresh[1][0], both[there][1][0], atol=1e-3)
    assert float(other[0].state[other[1][0]]["step"]) == 8


@pytest.mark.parametrize("options", [{"momentum": 0.9}, {"momentum": 0.0}])
def test_what_the_kernel_cannot_do_is_left_to_torch(adams, options):
    both = pair([torch.ones(2, 3, 4, 4)], **options)
    for step in range(4):
        gradient = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(step))
        turned = gradient if options["momentum"] else gradient.to(memory_format=torch.channels_last)
        for optimizer, own in both:
            move(optimizer, own, [turned])
    torch.testing.assert_close(both[0][1][0], both[1][1][0], rtol=1e-6, atol=1e-7)
    assert not adams

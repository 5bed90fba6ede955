"""Optimizer dictionaries: what is refused, and that what is built does what its framework does."""

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from zoo.engine.learning_rates import decayed
from zoo.engine.optimizers import build_optimizer, check_optimizer


def one_line(config):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the callers match the text
        check_optimizer(config, "critic_optimizer")
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("critic_optimizer")
    return message


@pytest.mark.parametrize(
    "config",
    [
        {"name": "adam", "lr": 1e-4},
        {"name": "adam", "lr": 0, "betas": [0, 0.9], "eps": 0},
        {"name": "adam", "lr": 1e-4, "betas": (0.5, 0.999), "eps": 1e-7},
        {"name": "rmsprop", "lr": 5e-5, "alpha": 0.9, "eps": 1e-7},
        {"name": "rmsprop", "lr": 5e-5, "alpha": 0.9, "momentum": 0.5, "eps": 1e-7},
        {"name": "sgd", "lr": 1, "momentum": 0.9},
    ],
)
def test_a_config_that_passes_builds(config):
    check_optimizer(config, "critic_optimizer")
    optimizer = build_optimizer(config, nn.Linear(2, 1).parameters())
    assert type(optimizer).__name__.lower() == config["name"]
    for key in config.keys() - {"name"}:
        assert optimizer.defaults[key] == (tuple(config[key]) if key == "betas" else config[key])


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"name": "adam"},
        {"lr": 1e-3},
        {"name": "adamw", "lr": 1e-3},
        {"name": None, "lr": 1e-3},
        {"name": ["adam"], "lr": 1e-3},
        None,
        "adam",
    ],
)
def test_without_a_known_name_and_a_rate_the_error_lists_the_names(config):
    message = one_line(config)
    assert "adam, rmsprop, sgd" in message
    assert repr(config) in message


@pytest.mark.parametrize(
    ("name", "key", "known"),
    [
        ("adam", "alpha", "betas, eps"),
        ("adam", "learning_rate", "betas, eps"),
        ("rmsprop", "betas", "alpha, eps, momentum"),
        ("sgd", "eps", "momentum"),
        ("sgd", "fused", "momentum"),
    ],
)
def test_an_unknown_key_is_named_beside_the_known_ones(name, key, known):
    message = one_line({"name": name, "lr": 1e-3, key: 0.5})
    assert f"{name} has no {key!r}" in message
    assert f"it takes lr, {known}" in message


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        *(("adam", "lr", value) for value in (-1e-4, NAN, INF, None, "1e-4", True, [1e-4], np.float64(1e-4))),
        *(("adam", "betas", value) for value in ([0.5], [0.5, 0.9, 0.9], 0.5, [0.5, 1.0], [-0.1, 0.9], [NAN, 0.9])),
        *(("adam", "betas", value) for value in (None, "0.5, 0.9", ["0.5", "0.9"], torch.zeros(2))),
        *(("adam", "eps", value) for value in (-1e-8, NAN, "small")),
        *(("rmsprop", "alpha", value) for value in (1.0, -0.1, NAN, "0.9")),
        *(("rmsprop", "momentum", value) for value in (1.0, -0.1)),
        ("sgd", "momentum", 1),
    ],
)
def test_a_value_that_cannot_work_is_named(name, key, value):
    message = one_line({"name": name, "lr": 1e-3} | {key: value})
    assert key in message
    assert repr(value) in message


@pytest.mark.parametrize("text", ["[0.5, 0.999]", "[0, 0.9]"])
def test_betas_come_as_a_list_from_yaml_and_the_same_as_a_tuple_from_python(text):
    config = yaml.safe_load(f"{{name: adam, lr: 0.001, betas: {text}}}")
    check_optimizer(config, "critic_optimizer")
    runs = []
    for betas in (config["betas"], tuple(float(beta) for beta in config["betas"])):
        weight = nn.Parameter(torch.arange(3.0))
        optimizer = build_optimizer({**config, "betas": betas}, [weight])
        for _ in range(3):
            weight.grad = weight.detach() - 1
            optimizer.step()
        runs.append(weight.detach())
    assert torch.equal(*runs)
    assert isinstance(config["betas"], list)  # the caller's dictionary is left alone


def gradients(steps, size=5):
    generator = np.random.default_rng(0)
    return [generator.normal(size=size) * 10.0 ** generator.integers(-5, 3, size) for _ in range(steps)]


def test_rmsprop_is_keras_own():
    """keras/optimizers.py, RMSprop.get_updates, with momentum 0 and no decay."""
    lr, rho, epsilon = 5e-5, 0.9, 1e-7
    p, a = np.linspace(-1, 1, 5), np.zeros(5)
    weight = nn.Parameter(torch.tensor(p))
    optimizer = build_optimizer({"name": "rmsprop", "lr": lr, "alpha": rho, "eps": epsilon}, [weight])
    for g in gradients(6):
        a = rho * a + (1.0 - rho) * np.square(g)
        p = p - lr * g / (np.sqrt(a) + epsilon)
        weight.grad = torch.tensor(g)
        optimizer.step()
        assert np.allclose(weight.detach().numpy(), p, rtol=1e-14, atol=1e-16)


def test_adam_is_the_papers():
    """arXiv:1412.6980, Algorithm 1."""
    lr, (b1, b2), eps = 1e-3, (0.5, 0.9), 1e-8
    theta, m, v = np.linspace(-1, 1, 5), np.zeros(5), np.zeros(5)
    weight = nn.Parameter(torch.tensor(theta))
    optimizer = build_optimizer({"name": "adam", "lr": lr, "betas": [b1, b2], "eps": eps}, [weight])
    for t, g in enumerate(gradients(6), start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        theta = theta - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        weight.grad = torch.tensor(g)
        optimizer.step()
        assert np.allclose(weight.detach().numpy(), theta, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "config",
    [
        {"name": "adam", "lr": 1e-3, "betas": [0.5, 0.999], "eps": 1e-7},
        {"name": "sgd", "lr": 1e-3, "momentum": 0.9},
    ],
)
def test_fused_differs_from_unfused_by_rounding_only(config):
    torch.manual_seed(0)
    networks = [nn.Linear(64, 33) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    fused, unfused = (build_optimizer(config, network.parameters()) for network in networks)
    assert fused.defaults["fused"]
    for group in unfused.param_groups:
        group["fused"] = False
    for _ in range(5):
        for weights in zip(*(network.parameters() for network in networks), strict=True):
            gradient = torch.randn_like(weights[0])
            for weight in weights:
                weight.grad = gradient.clone()
        for optimizer in (fused, unfused):
            optimizer.step()
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-6, atol=1e-7)


def test_zero_rate_holds_a_player_still():
    weight = nn.Parameter(torch.ones(3))
    optimizer = build_optimizer({"name": "adam", "lr": 0}, [weight])
    weight.grad = torch.ones(3)
    optimizer.step()
    assert torch.equal(weight.detach(), torch.ones(3))


@pytest.mark.parametrize(("step", "share"), [(0, 1), (2, 1), (3, 3 / 4), (5, 1 / 4), (6, 0), (9, 0)])
def test_a_rate_falls_from_all_to_nothing(step, share):
    assert decayed(step, 2, 6) == share

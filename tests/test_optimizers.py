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
        {"name": "adam", "lr": 1e-4, "betas": [0.5, 0.999], "eps": 0, "eps_root": 1e-8},
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


# -- the constant under Adam's root: adam_updates of Salimans' and DeLiGAN's nn.py, three weights over four steps --

GRADIENTS = [
    [0.12794872113393596, -1.5284734588258844, -0.594467980004639],
    [0.0027626589002131873, -0.018546280788065053, 0.006239011113263563],
    [7.942844380620406e-06, 0.00021902023574142215, -1.348921466082706e-05],
    [2.2100326268214894e-07, -3.404650089783805e-07, -5.77748541980522e-07],
]
WEIGHTS = [
    [-0.3123284815435444, 0.3392847060461844, -0.15590853388271336],
    [-0.31262848145191835, 0.3395847060455423, -0.15560853388695794],
    [-0.3127760123297479, 0.3397295849440986, -0.1554700539925475],
    [-0.3128534877025916, 0.3398056069896534, -0.15539734225933965],
    [-0.31289524709141964, 0.33984658257316275, -0.15535815067864114],
]


def test_eps_root_is_under_the_root():
    weight, unmoved = (nn.Parameter(torch.tensor(WEIGHTS[0], dtype=torch.float64)) for _ in range(2))
    config = {"name": "adam", "lr": 3e-4, "betas": [0.5, 0.999], "eps": 0.0, "eps_root": 1e-8}
    optimizer = build_optimizer(config, [weight, unmoved])
    for gradient, expected in zip(GRADIENTS, WEIGHTS[1:], strict=True):
        weight.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step(lambda: 0.5)
        torch.testing.assert_close(weight.tolist(), expected, rtol=0, atol=1e-12)
    assert unmoved.tolist() == WEIGHTS[0]
    assert unmoved not in optimizer.state
    plain = nn.Parameter(torch.tensor(WEIGHTS[0], dtype=torch.float64))
    plain.grad = torch.tensor([1e-6, 1e-6, 1e-6], dtype=torch.float64)
    build_optimizer(config, [plain]).step()
    assert plain.tolist()[0] == pytest.approx(WEIGHTS[0][0] - 3e-4 * 0.01, abs=1e-9)  # 1e-6 / sqrt(1e-12 + 1e-8)


def test_eps_root_goes_on_from_a_saved_state():
    config = {"name": "adam", "lr": 0.1, "betas": [0.5, 0.9], "eps": 0.0, "eps_root": 1e-2}
    one, other = (nn.Parameter(torch.ones(3)) for _ in range(2))
    first, second = (build_optimizer(config, [weight]) for weight in (one, other))
    for weight, optimizer in ((one, first), (other, second)):
        weight.grad = torch.tensor([1.0, 0.1, -0.01])
        optimizer.step()
    resumed = build_optimizer(config, [other])
    resumed.load_state_dict(second.state_dict())
    first.step()
    resumed.step()
    assert torch.equal(one, other)


def test_eps_root_without_a_mean_of_squares_is_refused():
    assert "eps_root needs a mean of squares" in one_line(
        {"name": "adam", "lr": 0.1, "betas": [0.5, 0.0], "eps_root": 1}
    )

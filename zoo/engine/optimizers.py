"""Optimizers as plain dictionaries: the same from YAML and Python, and safe to keep in a checkpoint."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NotRequired, TypedDict

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from zoo.engine.building import beside_name


class OptimizerConfig(TypedDict):
    """The optimizer of one player. Torch's defaults hold for what is not given.

    Keras' RMSprop is `{name: rmsprop, lr: 5e-5, alpha: 0.9, eps: 1e-7}`; torch's own alpha is 0.99 and eps 1e-8.
    """

    name: Literal["adam", "rmsprop", "sgd"]
    lr: float
    betas: NotRequired[list[float]]
    """Adam's two decay rates."""
    alpha: NotRequired[float]
    """RMSprop's decay rate, Keras' rho."""
    momentum: NotRequired[float]
    """Of RMSprop and SGD."""
    eps: NotRequired[float]
    """Of Adam and RMSprop, added outside the root."""
    eps_root: NotRequired[float]
    """Of Adam, added under the root, as in Salimans' and DeLiGAN's Theano code, which has no other."""


_KEYS: dict[str, set[str]] = {
    "adam": {"betas", "eps", "eps_root"},
    "rmsprop": {"alpha", "momentum", "eps"},
    "sgd": {"momentum"},
}
_DECAYS = {"betas", "alpha", "momentum"}


def check_optimizer(config: OptimizerConfig, role: str) -> None:
    """Raise a ValueError that names `role` and the key if `config` could not build an optimizer that learns."""
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(name, str) or name not in _KEYS or "lr" not in config:
        raise ValueError(f"{role} needs a name of {', '.join(_KEYS)} and an lr, got {config!r}")
    for key, value in config.items():
        if key == "name":
            continue
        if key not in _KEYS[name] | {"lr"}:
            raise ValueError(f"{role}: {name} has no {key!r}; it takes lr, {', '.join(sorted(_KEYS[name]))}")
        numbers: Any = value if key == "betas" else [value]
        if not isinstance(numbers, list | tuple) or len(numbers) != (2 if key == "betas" else 1):
            raise ValueError(f"{role}: betas must be two numbers, got {value!r}")
        below, range_ = (1.0, "in [0, 1)") if key in _DECAYS else (float("inf"), "finite and >= 0")
        # Only Python's own numbers: a checkpoint must load without pickle.
        if not all(type(number) in (int, float) and 0 <= number < below for number in numbers):
            raise ValueError(f"{role}: {key} must be {range_} and of type int or float, got {value!r}")
    if config.get("eps_root") and not config.get("betas", [0.9, 0.999])[1]:
        raise ValueError(f"{role}: eps_root needs a mean of squares: let the second of betas be above 0")


class Adam(torch.optim.Adam):
    """torch's with a constant under the root too: w <- w - lr m / (sqrt(v + eps_root) + eps), m and v unbiased.

    That is Adam whose mean of squares takes in g^2 + eps_root: the kernels are torch's.

    Args:
        params: weights.
        eps_root: at least 0.
        **options: torch's.
    """

    def __init__(self, params: Iterable[nn.Parameter], eps_root: float, **options: Any) -> None:
        super().__init__(params, **options)
        self.defaults["eps_root"] = eps_root

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move each weight that has a gradient."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            squares: list[Tensor] = []
            self._init_group(group, [], [], [], squares, [], [])
            beta = group["betas"][1]
            if squares:  # which the step multiplies by beta
                torch._foreach_add_(squares, (1 - beta) / beta * self.defaults["eps_root"])
        super().step()
        return loss


class RMSprop(torch.optim.RMSprop):
    """torch's, in one pass over the weights where torch makes five; its state and its arguments are torch's.

    torch has fused kernels for Adam alone. But RMSprop without momentum is Adam with beta_1 = 0 and beta_2 = alpha once
    its bias corrections have died away, as they have at step infinity. What that kernel cannot do is left to torch.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Move each weight with a gradient g: v <- alpha v + (1 - alpha) g^2, w <- w - lr g / (sqrt(v) + eps)."""
        if not all(is_plain(group) for group in self.param_groups):
            return super().step(closure)  # type: ignore[no-any-return]
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            weights: list[Tensor] = []
            gradients: list[Tensor] = []
            squares: list[Tensor] = []
            steps: list[Tensor] = []
            self._init_group(group, weights, gradients, squares, [], [], steps)
            for step in steps:
                step += 1
            devices = {weight.device for weight in weights}
            # Adam's kernels read steps as float32, whatever the default is.
            infinity = {device: torch.full((), torch.inf, dtype=torch.float32, device=device) for device in devices}
            adam(
                weights,
                gradients,
                exp_avgs=gradients,  # their mean with beta_1 = 0, and so what it writes there
                exp_avg_sqs=squares,
                max_exp_avg_sqs=[],
                state_steps=[infinity[weight.device] for weight in weights],
                fused=True,
                amsgrad=False,
                beta1=0.0,
                beta2=group["alpha"],
                lr=group["lr"],
                weight_decay=0.0,
                eps=group["eps"],
                maximize=False,
            )
        return loss


def is_plain(group: dict[str, Any]) -> bool:
    """Return whether Adam's fused kernel can move a group of RMSprop's: no extras, gradients laid out as weights."""
    if any(group[option] for option in ("momentum", "weight_decay", "centered", "maximize", "differentiable")):
        return False
    weights = [weight for weight in group["params"] if weight.grad is not None]
    return is_fusible(weights) and all(
        not weight.grad.is_sparse and weight.grad.stride() == weight.stride() for weight in weights
    )


def is_fusible(weights: Iterable[Tensor]) -> bool:
    """Return whether torch has fused optimizers for these."""
    return all(weight.device.type in ("cpu", "cuda") and weight.is_floating_point() for weight in weights)


def build_optimizer(
    config: OptimizerConfig, parameters: Iterable[nn.Parameter], correction: float = 1.0
) -> torch.optim.Optimizer:
    """Build the optimizer that a checked `config` describes, in its fused form where torch has one for these tensors.

    Args:
        config: see OptimizerConfig.
        parameters: what it trains.
        correction: for lazy regularisers (`zoo.engine.regulariser.correction`): the learning rate times that, decay
            rates to its power.
    """
    options = beside_name(config)
    parameters = list(parameters)
    if correction != 1:
        options["lr"] *= correction
        options |= {key: options[key] ** correction for key in ("alpha", "momentum") if key in options}
    if config["name"] == "rmsprop":
        if correction != 1 and "alpha" not in options:
            options["alpha"] = 0.99**correction
        return RMSprop(parameters, **options)
    fused = is_fusible(parameters)
    if config["name"] == "sgd":
        return torch.optim.SGD(parameters, fused=fused, **options)
    # torch 2.15 refuses a mix of int and float
    betas = tuple(float(beta) ** correction for beta in options.pop("betas", (0.9, 0.999)))
    eps_root = options.pop("eps_root", 0.0)
    if eps_root:
        return Adam(parameters, eps_root, fused=fused, betas=betas, **options)
    return torch.optim.Adam(parameters, fused=fused, betas=betas, **options)

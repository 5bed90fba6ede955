"""Optimizers as plain dictionaries: the same from YAML and Python, and safe to keep in a checkpoint."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, NotRequired, TypedDict

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class OptimizerConfig(TypedDict):
    """How one player descends. What is not given has torch's default.

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


_KEYS: dict[str, set[str]] = {
    "adam": {"betas", "eps"},
    "rmsprop": {"alpha", "momentum", "eps"},
    "sgd": {"momentum"},
}
_DECAYS = {"betas", "alpha", "momentum"}


def check_optimizer(config: OptimizerConfig, role: str) -> None:
    """Raises a ValueError that names `role` and the key if `config` could not build an optimizer that learns."""
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


class RMSprop(torch.optim.Optimizer):
    """torch.optim.RMSprop without momentum, in one pass over the weights instead of six.

    torch has fused kernels for Adam alone. But RMSprop is Adam with beta_1 = 0 and beta_2 = alpha once its bias
    corrections have died away, as they have at step infinity.

    Args:
        params: on devices where torch has a fused Adam.
        lr: the learning rate.
        alpha: how much of the mean square a step keeps.
        eps: added outside the root.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, alpha: float = 0.99, eps: float = 1e-8) -> None:
        super().__init__(params, {"lr": lr, "alpha": alpha, "eps": eps})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """For each weight with a gradient g: v <- alpha v + (1 - alpha) g^2, w <- w - lr g / (sqrt(v) + eps)."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            for weight in weights:
                state = self.state[weight] or {"step": 0, "square_avg": torch.zeros_like(weight)}
                self.state[weight] = state | {"step": state["step"] + 1}
            gradients = [weight.grad for weight in weights]
            adam(
                weights,
                gradients,
                exp_avgs=gradients,  # what their mean with beta_1 = 0 is
                exp_avg_sqs=[self.state[weight]["square_avg"] for weight in weights],
                max_exp_avg_sqs=[],
                state_steps=[torch.full((), torch.inf, device=weight.device) for weight in weights],
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


def build_optimizer(config: OptimizerConfig, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """The optimizer that a checked `config` describes, in its fused form where torch has one for these tensors."""
    options: dict[str, Any] = {key: value for key, value in config.items() if key != "name"}
    parameters = list(parameters)
    fused = all(p.device.type in ("cpu", "cuda") and p.is_floating_point() for p in parameters)
    if config["name"] == "rmsprop":
        momentum = options.pop("momentum", 0.0)
        if fused and not momentum:
            return RMSprop(parameters, **options)
        return torch.optim.RMSprop(parameters, momentum=momentum, **options)
    if config["name"] == "sgd":
        return torch.optim.SGD(parameters, fused=fused, **options)
    if "betas" in options:
        options["betas"] = tuple(float(beta) for beta in options["betas"])  # torch 2.15 refuses a mix of int and float
    return torch.optim.Adam(parameters, fused=fused, **options)

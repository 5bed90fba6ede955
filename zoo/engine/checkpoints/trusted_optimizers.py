"""A check that the optimizers' states in a checkpoint are those of a model's weights.

torch itself compares only how many weights there are; a fused kernel then reads and writes as far as the weight goes.
"""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from zoo.engine.checkpoints.alike import check_alike, check_alike_tensor
from zoo.engine.errors import CheckpointError
from zoo.engine.optimizers import OptimizerConfig, build_optimizer

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule


def check_optimizers(saved: dict[str, Any], model: "AdversarialModule", name: str) -> None:
    """Raise CheckpointError unless a checkpoint has a whole, finite state of each of the model's optimizers."""
    states, configs = saved.get("optimizer_states"), model.optimizer_configs
    if not isinstance(states, list) or len(states) != len(configs):
        raise CheckpointError(f"{name} has no states of both optimizers: nothing can be trained from it, only tested")
    # Under a schedule that looks at the loss, a player may not have moved yet.
    may_be_new = saved["global_step"] == 0 or model.schedule.reads_loss
    for player, state, config, optimizer in zip(
        ("critic", "generator"), states, configs, model.configure_optimizers(), strict=True
    ):
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        check_optimizer_state(state, weights, trial_state(config), may_be_new, f"{name}: the {player}'s optimizer")


def check_optimizer_state(
    state: Any, weights: list[Tensor], expected: dict[str, Any], may_be_new: bool, name: str
) -> None:
    """Raise CheckpointError unless a state has all that is `expected` of each weight, in the weight's shape."""
    groups, numbers = plain_dict(state).get("param_groups"), list(range(len(weights)))
    if not isinstance(groups, list) or [plain_dict(each).get("params") for each in groups] != [numbers]:
        raise CheckpointError(f"{name} is not one for {len(numbers)} weights")
    held = plain_dict(state.get("state"))
    if not held and (may_be_new or not expected):
        return
    if held.keys() != set(numbers):
        raise CheckpointError(f"{name} has the state of {len(held)} weights, not of {len(numbers)}")
    places = [value.data_ptr() for each in held.values() for value in plain_dict(each).values() if is_large(value)]
    if len(set(places)) < len(places):
        raise CheckpointError(f"{name}: what it keeps of two weights shares its place")
    for number, weight in enumerate(weights):
        check_kept(plain_dict(held[number]), weight, expected, f"{name}, weight {number}")


def check_kept(found: dict[Any, Any], weight: Tensor, expected: dict[str, Any], name: str) -> None:
    """Raise CheckpointError unless an optimizer has kept of a weight all that is expected, in its shape."""
    if found.keys() != expected.keys():
        raise CheckpointError(f"{name}: its state does not hold {', '.join(expected)}")
    for key, value in expected.items():
        if isinstance(value, Tensor):
            check_alike_tensor(found[key], weight if value.dim() else value, f"{name}: {key}")
        else:
            check_alike(found[key], value, f"{name}: {key}")


def is_large(value: Any) -> bool:
    """Return whether a value is a tensor of numbers that an optimizer writes to."""
    return isinstance(value, Tensor) and value.numel() > 0


def plain_dict(value: Any) -> dict[Any, Any]:
    """Return `value` if it is a dictionary, else an empty one."""
    return value if isinstance(value, dict) else {}


def trial_state(config: OptimizerConfig) -> dict[str, Any]:
    """Return what an optimizer keeps of one weight, of two numbers, after one step."""
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    optimizer = build_optimizer(config, [weight])
    optimizer.step()
    return dict(optimizer.state[weight])

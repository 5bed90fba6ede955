"""A model's weights as plain tensors, and back."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from zoo.engine.checkpoints.checkpoint_file import is_finite
from zoo.engine.errors import CheckpointError

#: Which generator a bundle holds: the moving average, the one that was trained, or both.
Kept = Literal["average", "trained", "both"]
AVERAGE, EXTRA = "averaged.module.", "_extra_state"
PRECISIONS = {"float32": torch.float32, "float16": torch.float16}


def kept_of(weights: Mapping[str, Any], both: bool) -> Kept:
    """Return which generator a bundle of these weights holds."""
    if not any(name.startswith(AVERAGE) for name in weights):
        return "trained"
    return "both" if both else "average"


def to_tensors(weights: Mapping[str, Any], kept: Kept, precision: str) -> dict[str, Tensor]:
    """Return a state dictionary as tensors only, each with numbers of its own, on the CPU.

    Args:
        weights: of a model, by name; what a module keeps as its extra state is a dictionary of numbers.
        kept: `average` puts the average in the place of the generator and of the prior; see `Kept`.
        precision: of all floating tensors: float32, or float16 where no number is too large for it.

    Raises CheckpointError for weights that are not finite.
    """
    if kept == "average":
        averaged = {name.removeprefix(AVERAGE): value for name, value in weights.items() if name.startswith(AVERAGE)}
        weights = {name: value for name, value in weights.items() if not name.startswith("averaged.")} | averaged
    made: dict[str, Tensor] = {}
    for name, value in weights.items():
        if isinstance(value, Tensor):
            if not is_finite(value):
                raise CheckpointError(f"{name} is not finite: nothing can be made of such weights")
            made[name] = packed(value.detach().cpu(), PRECISIONS[precision])
        else:
            made |= {f"{name}.{key}": torch.tensor(number, dtype=kind_of(number)) for key, number in value.items()}
    return made


def packed(value: Tensor, dtype: torch.dtype) -> Tensor:
    """Return a copy in one piece; of floats in a dtype, or in float32 where that cannot hold them."""
    if not value.is_floating_point():
        return value.contiguous().clone()
    whole = value.to(torch.float32)
    made = whole.to(dtype)
    return (made if is_finite(made) else whole).contiguous().clone()


def kind_of(number: float) -> torch.dtype:
    """Return the dtype that holds a number of an extra state exactly."""
    return torch.int64 if isinstance(number, int) else torch.float64


def from_tensors(tensors: Mapping[str, Tensor], name: str) -> dict[str, Any]:
    """Return the state dictionary that `to_tensors` was given, in float32.

    Raises CheckpointError for a tensor of another dtype than it writes; shapes and names are for the model to check.
    """
    made: dict[str, Any] = {}
    extras: dict[str, dict[str, float]] = {}
    for key, value in tensors.items():
        owner, extra, number = key.rpartition(f"{EXTRA}.")
        if extra and value.dim() == 0 and value.dtype in (torch.int64, torch.float64):
            extras.setdefault(f"{owner}{EXTRA}", {})[number] = value.item()
        elif value.is_floating_point() and value.dtype not in PRECISIONS.values():
            raise CheckpointError(f"{name}: {key} is {value.dtype}, which is none of {', '.join(PRECISIONS)}")
        else:
            made[key] = value.to(torch.float32) if value.is_floating_point() else value
    return made | extras

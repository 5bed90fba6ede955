"""Values from a file, compared with those that are expected in their place."""

from typing import Any

from torch import Tensor

from zoo.engine.checkpoints.checkpoint_file import is_finite
from zoo.engine.errors import CheckpointError


def check_alike_tensor(found: Any, expected: Tensor, name: str) -> None:
    """Raise CheckpointError unless `found` is a finite tensor of the same shape and the same kind of number."""
    if not isinstance(found, Tensor) or found.shape != expected.shape:
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise CheckpointError(f"{name} is {shape} in the checkpoint, not {tuple(expected.shape)}")
    if found.is_floating_point() != expected.is_floating_point() or (
        not found.is_floating_point() and found.dtype != expected.dtype
    ):
        raise CheckpointError(f"{name} is {found.dtype} in the checkpoint, not {expected.dtype}")
    if not is_finite(found):
        raise CheckpointError(f"{name} is not finite in the checkpoint: nothing can be made of such weights")


def check_alike(found: Any, expected: Any, name: str) -> None:
    """Raise CheckpointError unless plain values have the keys and the types of the expected ones, and are finite."""
    if isinstance(expected, dict):
        if not isinstance(found, dict) or found.keys() != expected.keys():
            raise CheckpointError(f"{name} does not hold {', '.join(map(str, expected)) or 'nothing'}")
        for key, value in expected.items():
            check_alike(found[key], value, f"{name}.{key}")
        return
    kinds: Any = (int, float) if type(expected) in (int, float) else type(expected)
    if expected is None:
        kinds = (type(None), int, float, str)
    if not isinstance(found, kinds) or isinstance(found, bool) != isinstance(expected, bool):
        raise CheckpointError(f"{name} is a {type(found).__name__}, not a {type(expected).__name__}")
    if isinstance(expected, Tensor) and found.shape != expected.shape:
        raise CheckpointError(f"{name} has shape {tuple(found.shape)}, not {tuple(expected.shape)}")
    if not is_finite(found) and is_finite(expected):
        raise CheckpointError(f"{name} is {found}")


def check_counters(found: Any, name: str) -> None:
    """Raise CheckpointError for counters of a loop that count backwards or are no numbers."""
    if isinstance(found, dict):
        for key, value in found.items():
            check_counters(value, f"{name}.{key}")
    elif isinstance(found, list):
        for value in found:
            check_counters(value, name)
    elif not isinstance(found, int) or not 0 <= found < 2**53:
        raise CheckpointError(f"{name} is {found}, which counts nothing")

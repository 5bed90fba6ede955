"""Checks of a model's arguments, and their plain form."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Copy dictionaries and lists, with lists for tuples and Python's numbers for numpy's.

    On these, YAML, JSON and a checkpoint that is read without pickle agree.
    """
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def check_name(argument: str, name: str, table: Mapping[str, Any]) -> None:
    """Raise a ValueError if `table` has no such name."""
    if name not in table:
        raise ValueError(f"{argument} must be one of {', '.join(table)}; got {name!r}")


def check_arguments(
    image_shape: Sequence[int],
    latent_dim: int,
    schedule: str,
    critic_steps: int,
    accumulate: int,
    lr_decay: Sequence[int] | None,
) -> None:
    """Raise a ValueError that names the argument that no model can have."""
    if len(image_shape) != 3 or min(image_shape) < 1:
        raise ValueError(f"image_shape must be (channels, height, width), each at least 1, got {tuple(image_shape)}")
    for name, value in (("latent_dim", latent_dim), ("critic_steps", critic_steps), ("accumulate", accumulate)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if schedule != "alternate" and critic_steps != 1:
        raise ValueError(f"schedule {schedule} chooses for itself who moves: critic_steps must be 1")
    if lr_decay is not None and not (len(lr_decay) == 2 and 0 <= lr_decay[0] < lr_decay[1]):
        raise ValueError(f"lr_decay must be two steps, the first before the second, got {lr_decay}")


def check_named(argument: str, options: Any, table: Mapping[str, Any]) -> None:
    """Raise a ValueError unless options are None, or a dictionary with a `name` of the table."""
    if options is not None and (not isinstance(options, dict) or options.get("name") not in table):
        raise ValueError(f"{argument} must be a dictionary with a name of {', '.join(table)}; got {options!r}")

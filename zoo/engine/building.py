"""Anything that is built from a table by name and plain options: one clear line where it cannot be."""

import inspect
import warnings
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from torch import nn

Module = TypeVar("Module", bound=nn.Module)


def build(cls: type[Module], *arguments: Any, options: dict[str, Any]) -> Module:
    """Build a module; an option it does not have is a ValueError that names those it has."""
    names = list(inspect.signature(cls).parameters)[len(arguments) :]
    for option in options:
        if option not in names:
            raise ValueError(f"{cls.__name__} has no option {option!r}; it takes: {', '.join(names) or 'none'}")
    hints = get_type_hints(cls.__init__)
    for option, value in options.items():
        if get_origin(hints[option]) is Literal and value not in get_args(hints[option]):
            raise ValueError(f"{cls.__name__}: {option} must be one of {get_args(hints[option])}, got {value!r}")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")  # which is an error below
            module = cls(*arguments, **options)
    except (TypeError, IndexError, RuntimeError) as error:
        raise ValueError(f"{cls.__name__} cannot be built with {options}: {str(error).splitlines()[0]}") from error
    if any(not weight.numel() for weight in module.parameters()):
        raise ValueError(f"{cls.__name__}: a layer has no weights with {options}: widths must be at least 1")
    return module


def build_named(table: Mapping[str, type[Module]], options: Mapping[str, Any], *arguments: Any) -> Module:
    """Build what the `name` in options is in a table, with the other options."""
    return build(table[options["name"]], *arguments, options=beside_name(options))


def beside_name(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options but the name."""
    return {key: value for key, value in options.items() if key != "name"}

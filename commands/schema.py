"""The JSON schema of recipes, by which editors complete and check them: made of the classes' arguments.

`make schema` writes it to configs/schema.json. A file of yours says in its first line where it is:

    # yaml-language-server: $schema=.../configs/schema.json
"""

import inspect
import json
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from lightning.pytorch import Trainer

import callbacks
import datamodules
import zoo
from commands import catalogue
from commands.run_callbacks import CALLBACKS, snake_case

FILE = catalogue.FOLDER / "schema.json"
PLAIN = {bool: "boolean", int: "integer", float: "number", str: "string", types.NoneType: "null"}


def make() -> dict[str, Any]:
    """Return the schema of a recipe: model, data, trainer, the callbacks' options."""
    properties = {
        "seed_everything": {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0}]},
        "name": {"type": ["string", "null"]},
        "loggers": {"type": "array", "items": {"enum": ["wandb", "csv", "tensorboard"]}},
        "init_from": {"type": ["string", "null"]},
        "ckpt_path": {"type": ["string", "null"]},
        "model": one_of("zoo", models()),
        "data": one_of("datamodules", [getattr(datamodules, name) for name in catalogue.load()["data"]]),
        "trainer": options_of(Trainer),
    }
    properties |= {snake_case(name): options_of(getattr(callbacks, name)) for name in CALLBACKS}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A recipe of ganzoo",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def models() -> list[type]:
    """Return the classes of the zoo."""
    return [getattr(zoo, name) for name in catalogue.load()["models"]]


def one_of(module: str, classes: Sequence[type]) -> dict[str, Any]:
    """Return the schema of a class by its path and its arguments; a class of the user's own may be anything."""
    paths = [f"{module}.{cls.__name__}" for cls in classes]
    known = [
        {"if": {"properties": {"class_path": {"const": path}}}, "then": {"properties": {"init_args": options_of(cls)}}}
        for path, cls in zip(paths, classes, strict=True)
    ]
    path = {"anyOf": [{"enum": paths}, {"type": "string"}]}
    return {"type": "object", "properties": {"class_path": path, "init_args": {"type": "object"}}, "allOf": known}


def options_of(cls: type) -> dict[str, Any]:
    """Return the schema of a class's arguments, those of its bases too where it passes them on."""
    found: dict[str, Any] = {}
    for base in cls.__mro__:
        if "__init__" not in vars(base) or base is object:
            continue
        maker = vars(base)["__init__"]
        parameters, hints = inspect.signature(maker).parameters.values(), get_type_hints(maker)
        named = [each for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)]
        for each in named[1:]:  # the first is self
            found.setdefault(each.name, kind_of(hints.get(each.name, Any)) | default_of(each.default))
        if not any(each.kind == each.VAR_KEYWORD for each in parameters):
            break
    return {"type": "object", "properties": found, "additionalProperties": False}


def default_of(value: Any) -> dict[str, Any]:
    """Return what an editor shows as the default, where JSON has it."""
    return {"default": value} if isinstance(value, bool | int | float | str | list | dict) else {}


def kind_of(hint: Any) -> dict[str, Any]:
    """Return the schema of a type; {}, which takes anything, for what JSON does not know."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint in PLAIN:
        return {"type": PLAIN[hint]}
    if is_typeddict(hint):
        properties = {name: kind_of(each) for name, each in get_type_hints(hint).items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if origin is Literal:
        return {"enum": [*inner]}
    if origin in (Union, types.UnionType):
        kinds = [kind_of(each) for each in inner]
        return {} if {} in kinds else {"anyOf": kinds}
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return {"type": "object"}
    if inspect.isclass(origin) and issubclass(origin, Sequence):
        return {"type": "array", "items": kind_of(inner[0])} if len({*inner} - {...}) == 1 else {"type": "array"}
    return {"type": "object"} if hint is dict else {}


def write(file: Path = FILE) -> None:
    """Write the schema."""
    file.write_text(json.dumps(make(), indent=1, sort_keys=True) + "\n")

"""The list of recipes with parameter counts: computed from the models, and stored so that a list takes no seconds.

`make catalogue` computes it anew; a test compares it with the models.
"""

import importlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "configs"
FILE = Path(__file__).with_name("catalogue.json")


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all recipes in a folder, in alphabetical order."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load() -> dict[str, Any]:
    """Return the names of models, networks, priors, schedules, data and scorers, and the recipes' rows by name."""
    stored: dict[str, Any] = json.loads(FILE.read_text())
    return stored


def rows(wanted: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of recipes; those of recipes that are not stored are computed now."""
    stored = load()["recipes"]
    return [stored[name] if name in stored else describe(name) for name in wanted]


def build(part: dict[str, Any], **extra: Any) -> Any:
    """Build the object of a `class_path` and its `init_args`."""
    module, name = part["class_path"].rsplit(".", 1)
    cls = getattr(importlib.import_module(module), name)
    return cls(**part.get("init_args", {}), **extra)


def parts(name: str) -> tuple[Any, Any]:
    """Return a recipe's data module, of which nothing is read, and its model, without memory for its weights."""
    import yaml
    from torch import device

    from commands.parser import classes_of

    recipe = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    data = build(recipe["data"])
    with warnings.catch_warnings(), device("meta"):
        warnings.simplefilter("ignore")  # what a model advises against is said in training
        return data, build(recipe["model"], image_shape=data.image_shape, num_classes=classes_of(data))


def describe(name: str) -> dict[str, Any]:
    """Describe a recipe as a row: name, model, data, paper, and parameter counts of the model it builds.

    Counts are those of the networks' sources: Keras' summary has batch norm's running statistics among them, the
    others have not. The `trainable` ones are the weights alone.
    """
    from zoo.networks import count_parameters

    data, model = parts(name)
    return {
        "name": name,
        "model": type(model).__name__,
        "data": type(data).__name__.removesuffix("DataModule"),
        "paper": model.paper,
        "generator_parameters": count_parameters(model.generator),
        "critic_parameters": count_parameters(model.critic),
        "prior_parameters": count_parameters(model.prior),
        "generator_trainable": sum(p.numel() for p in model.generator.parameters()),
        "critic_trainable": sum(p.numel() for p in model.critic.parameters()),
    }


def make() -> dict[str, Any]:
    """Compute what `load` returns."""
    import datamodules
    import zoo
    from zoo.networks import NETWORKS
    from zoo.priors import PRIORS
    from zoo.schedules import SCHEDULES
    from zoo.scores.scorers import INDEX

    models = [name for name in zoo.__all__ if isinstance(getattr(zoo, name), type)]
    data = [name for name in datamodules.__all__ if name.endswith("DataModule") and name != "ImageDataModule"]
    lists = {"models": models, "data": data, "networks": [*NETWORKS], "priors": [*PRIORS], "schedules": [*SCHEDULES]}
    return lists | {"scorers": [*INDEX, "inception"], "recipes": {name: describe(name) for name in names()}}


def write() -> None:
    """Keep what there is."""
    FILE.write_text(json.dumps(make(), indent=1) + "\n")

"""Differences of a checkpoint and a model, told before anything is loaded."""

import inspect
import json
from pathlib import Path
from typing import Any

from zoo.engine.checkpoints.checkpoint_file import check_top, read_file
from zoo.engine.module import AdversarialModule

# What of a model a checkpoint's weights depend on; the rest may differ where nothing is trained.
ARCHITECTURE = {
    "class", "image_shape", "network", "generator_options", "critic_options", "prior", "prior_options", "latent_dim"
}  # fmt: skip


def differences(saved: dict[str, Any], model: AdversarialModule, to_train: bool) -> list[str]:
    """Return what a checkpoint says otherwise than `model`, a sentence for each difference that matters.

    Every hyperparameter matters `to_train`, since optimizers and counters go on where they were; otherwise those that
    the weights depend on.
    """
    theirs = comparable(defaults(type(model)) | with_average(saved)) | {"class": saved["model_class"]}
    ours = comparable(model.hparams) | {"class": type(model).__name__}
    return [
        f"{key} is {theirs.get(key)} in the checkpoint, {ours.get(key)} in the configuration"
        for key in sorted(set(ours) | set(theirs))
        if theirs.get(key) != ours.get(key) and (to_train or key in ARCHITECTURE)
    ]


def read(path: Path) -> dict[str, Any]:
    """Return the checkpoint at `path`; its tensors stay on disk until they are looked at. Raises CheckpointError."""
    saved = read_file(path)
    check_top(saved, str(path))
    return saved


def defaults(model: type[AdversarialModule]) -> dict[str, Any]:
    """Return the defaults of the model's arguments: what a checkpoint meant before an argument existed."""
    signatures = (
        inspect.signature(cls.__init__).parameters
        for cls in reversed(model.__mro__)
        if issubclass(cls, AdversarialModule)
    )
    named = {name: value.default for parameters in signatures for name, value in parameters.items()}
    return {name: value for name, value in named.items() if value is not inspect.Parameter.empty}


def with_average(saved: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's hyperparameters, with the average that a callback kept before the model did."""
    held: dict[str, Any] = saved["hyper_parameters"]
    extra = saved["state_dict"].get("averaged._extra_state", {})
    if held.get("average") is None and "decay" in extra:
        return held | {"average": {"name": "steps", "decay": extra["decay"]}}
    return held


def comparable(hyperparameters: Any) -> dict[str, Any]:
    """Return hyperparameters as they compare: tuples are lists, what is no scalar is its text."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(hyperparameters), default=str))
    return plain

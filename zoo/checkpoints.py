"""Whether a checkpoint belongs to a model, before anything is loaded from it."""

import inspect
import json
from pathlib import Path
from typing import Any

import torch

from zoo.gan import GAN

# What of a model a checkpoint's weights depend on; the rest may differ where nothing is trained.
ARCHITECTURE = {
    "class", "image_shape", "network", "generator_options", "critic_options", "prior", "prior_options", "latent_dim"
}  # fmt: skip


def differences(path: Path, model: GAN, to_train: bool) -> list[str]:
    """What the checkpoint at `path` says otherwise than `model`, a sentence for each difference that matters.

    Every hyperparameter matters `to_train`, since optimizers and counters go on where they were; otherwise those that
    the weights depend on. Raises ValueError for a file that is no checkpoint of this zoo; never runs code from it.
    """
    saved = read(path)
    theirs = comparable(defaults(type(model)) | saved["hyper_parameters"]) | {"class": saved["model_class"]}
    ours = comparable(model.hparams) | {"class": type(model).__name__}
    return [
        f"{key} is {theirs.get(key)} in the checkpoint, {ours.get(key)} in the configuration"
        for key in sorted(set(ours) | set(theirs))
        if theirs.get(key) != ours.get(key) and (to_train or key in ARCHITECTURE)
    ]


def trained_steps(path: Path) -> int:
    """How many steps the checkpoint's weights were trained. Raises ValueError as `differences`."""
    return int(read(path)["global_step"])


def read(path: Path) -> dict[str, Any]:
    """The checkpoint; its tensors stay on disk until they are looked at."""
    try:
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        missing = {"hyper_parameters", "model_class", "global_step"} - set(saved)
    except Exception as error:  # torch raises half a dozen kinds, with pages of advice
        raise ValueError(f"{path} is no checkpoint of this zoo ({type(error).__name__})") from error
    if missing:
        raise ValueError(f"{path} is no checkpoint of this zoo: it has no {', '.join(sorted(missing))}")
    return saved


def defaults(model: type[GAN]) -> dict[str, Any]:
    """What the model's arguments are where nobody says: what a checkpoint meant before an argument existed."""
    signatures = (inspect.signature(cls.__init__).parameters for cls in reversed(model.__mro__) if issubclass(cls, GAN))
    named = {name: value.default for parameters in signatures for name, value in parameters.items()}
    return {name: value for name, value in named.items() if value is not inspect.Parameter.empty}


def comparable(hyperparameters: Any) -> dict[str, Any]:
    """Hyperparameters as they compare: tuples are lists, what is no scalar is its text."""
    made: dict[str, Any] = json.loads(json.dumps(dict(hyperparameters), default=str))
    return made

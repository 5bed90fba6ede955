"""Bundles: a trained model as a folder of plain files, without optimizers and without pickle.

| file | holds |
| --- | --- |
| `model.safetensors` | every tensor of the model's state: generator (the average where there is one), prior, critic |
| `config.json` | class, hyperparameters, step, images, data, recipe, command, scores, version, sha256 of the weights |
| `README.md` | a model card |
| `samples.png` | the first seeds; of a conditional model a row for each label |
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from zoo.engine.checkpoints.checkpoint_file import check_top
from zoo.engine.errors import CheckpointError
from zoo.files.regular_files import open_regular
from zoo.files.whole_files import whole_file
from zoo.files.whole_folders import whole_folder
from zoo.hub.card import card
from zoo.hub.config import Training, describe, read_config, to_text
from zoo.hub.pictures import png
from zoo.hub.seeds import SeedSampler
from zoo.hub.showing import samples_picture
from zoo.hub.tensors import from_tensors, kept_of, to_tensors

WEIGHTS, CONFIG, CARD, SAMPLES = "model.safetensors", "config.json", "README.md", "samples.png"
FILES = WEIGHTS, CONFIG, CARD, SAMPLES
MAX_BYTES = 2**36  # of the weights: no file that claims more is read


def write(
    saved: dict[str, Any],
    sampler: SeedSampler,
    folder: Path,
    training: Training = Training(),  # noqa: B008  # a tuple does not change
    half: bool = False,
    both: bool = False,
) -> None:
    """Write a bundle, whole or not at all; one that is there is replaced.

    Args:
        saved: a checkpoint that was checked: model_class, hyper_parameters, state_dict, global_step, schedule.
        sampler: of the same weights.
        folder: the bundle; it may hold nothing else.
        training: what is known beside the checkpoint.
        half: floating tensors in float16, half the size: read back as float32.
        both: the trained generator beside its average.

    Raises:
        OSError: it cannot be written, or something else is there.
        ValueError: a hyperparameter is no plain value.
    """
    kept, precision = kept_of(saved["state_dict"], both), "float16" if half else "float32"
    weights = save_tensors(to_tensors(saved["state_dict"], kept, precision), metadata={"format": "pt"})
    config = describe(saved, training, hashlib.sha256(weights).hexdigest(), precision, kept)
    contents = {WEIGHTS: weights, CONFIG: to_text(config).encode(), CARD: card(config, len(weights)).encode()}
    contents[SAMPLES] = png(samples_picture(sampler))
    with whole_folder(folder, FILES) as partial:
        for name, content in contents.items():
            with whole_file(partial / name) as file:
                file.write(content)


def saved_of(model: Any) -> dict[str, Any]:
    """Return what a checkpoint of a model holds, its optimizers aside."""
    return {
        "model_class": type(model).__name__,
        "hyper_parameters": dict(model.hparams),
        "state_dict": model.state_dict(),
        "global_step": model.trained_steps,
        "schedule": model.schedule.state_dict(),
    }


def read(folder: Path) -> dict[str, Any]:
    """Return a bundle in the form of a checkpoint, to be compared with the model of its class.

    Raises CheckpointError for a file that is missing, changed, or no bundle's.
    """
    config = read_config(folder / CONFIG)
    content = read_weights(folder / WEIGHTS, config["weights"]["sha256"])
    try:
        tensors: Mapping[str, Any] = load_tensors(content)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} holds no tensors ({type(error).__name__})") from error
    saved = {
        "model_class": config["class"],
        "hyper_parameters": config["hyperparameters"],
        "state_dict": from_tensors(tensors, str(folder / WEIGHTS)),
        "global_step": config["step"],
        "schedule": config["schedule"],
    }
    check_top(saved, str(folder))
    return saved


def read_weights(path: Path, sha256: str) -> bytes:
    """Return a file's bytes. Raises CheckpointError unless they have this sha256."""
    try:
        with open_regular(path) as file:
            if (size := os.fstat(file.fileno()).st_size) > MAX_BYTES:
                raise CheckpointError(f"{path} has {size:,} bytes: no model of this zoo does")
            content = file.read()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise CheckpointError(
            f"{path} is not what its config.json says: sha256 is {found[:12]}..., not {sha256[:12]}..."
        )
    return content

"""The frozen networks that the scores look through: classifiers shipped in `weights/`, a user's own, or Inception."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load

from zoo.engine.checkpoints.alike import check_alike_tensor
from zoo.engine.checkpoints.checkpoint_file import read_file
from zoo.engine.errors import CheckpointError
from zoo.scores.classifier import Classifier
from zoo.scores.scorer import Scorer, ScorerError

FOLDER = Path(__file__).parent / "weights"

#: Of the shipped classifiers, by name: sha256, image_shape, num_classes, width, max_width, stages, test_accuracy, ...
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())

#: What a Classifier's weights depend on, and the most that any of it may be.
SIZES = "image_shape", "num_classes", "width", "max_width", "stages"
MAX_SIZE = 16384


def load_scorer(name: str) -> Scorer:
    """Load the scorer called `name`, on the CPU; torch's random state stays as it was.

    Args:
        name: a shipped classifier (a key of INDEX), `inception`, or the path of a Classifier's checkpoint (.ckpt).

    Raises:
        ScorerError: it cannot be had, or is not what it should be.
    """
    with torch.random.fork_rng(devices=[]):  # networks draw first weights, only to have them replaced
        if name in INDEX:
            return load_shipped(name, FOLDER / f"{name}.safetensors", INDEX[name])
        if name == "inception":
            from zoo.scores.inception_network import load_inception  # it takes a second, and few need it

            return load_inception()
        if Path(name).is_file():
            return load_checkpoint(Path(name))
    known = ", ".join([*INDEX, "inception"])
    raise ScorerError(f"no scorer and no file is called {name!r}: give one of {known}, or a Classifier's checkpoint")


def load_shipped(name: str, path: Path, entry: dict[str, Any]) -> Scorer:
    """Load the classifier in the safetensors file `path`, if that is the file that `entry` describes."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ScorerError(f"{path}: {error.strerror}; install the package anew") from error
    if (digest := hashlib.sha256(content).hexdigest()) != entry["sha256"]:
        raise ScorerError(f"{path}: sha256 is {digest}, not {entry['sha256']}; install the package anew")
    model = Classifier(**{key: entry[key] for key in SIZES})
    model.load_state_dict(load(content))
    return of_classifier(name, model)


def load_checkpoint(path: Path) -> Scorer:
    """Load the Classifier whose training saved the checkpoint `path`; its path is its name."""
    if path.suffix == ".safetensors":
        raise ScorerError(f"{path}: such files ship with the zoo; for your own: ganzoo scorer --out NAME.ckpt")
    try:
        saved = read_file(path)
        if (kind := saved.get("model_class")) != Classifier.__name__:
            raise ScorerError(f"{path}: is the checkpoint of a {kind}; a scorer must be a {Classifier.__name__}")
        options = {key: saved["hyper_parameters"][key] for key in SIZES}
        if problem := what_is_wrong(options, saved["state_dict"]):
            raise ScorerError(f"{path}: {problem}; train it anew: ganzoo scorer --out NAME.ckpt")
    except (CheckpointError, KeyError, TypeError) as error:
        raise ScorerError(f"{path}: is no Classifier's checkpoint ({error})") from error
    model = Classifier(**options)
    model.load_state_dict(saved["state_dict"])
    return of_classifier(str(path), model)


def what_is_wrong(sizes: dict[str, Any], weights: dict[str, Any]) -> str | None:
    """Return why weights from a file are not those of a Classifier of these sizes; None if they are.

    The sizes are from the file too: a network of them is made without memory until the weights are seen to be there.
    """
    shape = sizes["image_shape"]
    numbers = [*shape, *(size for name, size in sizes.items() if name != "image_shape")]
    are_sizes = all(type(size) is int and 1 <= size <= MAX_SIZE for size in numbers)
    if len(shape) != 3 or not are_sizes or 2 ** sizes["stages"] > MAX_SIZE:
        return f"a Classifier of sizes {sizes} cannot be"
    with torch.device("meta"):
        expected = Classifier(**sizes).state_dict()
    try:
        if expected.keys() != weights.keys():
            raise CheckpointError("names of weights are not those of the sizes it states")
        for name, value in expected.items():
            check_alike_tensor(weights[name], value, name)
    except CheckpointError as error:
        return str(error)
    return None


def of_classifier(name: str, model: Classifier) -> Scorer:
    """Build a scorer that looks through `model`."""
    return Scorer(name, model, model.image_shape, model.num_features, model.num_classes)

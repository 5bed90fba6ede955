"""A bundle's `config.json`, written and read as data."""

import inspect
import json
import math
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

from zoo.engine.errors import CheckpointError
from zoo.files.regular_files import open_regular

FORMAT = 1
MAX_BYTES = 2**20  # of the file
#: The keys of a configuration, and which types each may have.
KEYS: dict[str, tuple[type, ...]] = {
    "format": (int,),
    "ganzoo": (str,),
    "class": (str,),
    "hyperparameters": (dict,),
    "recipe": (str, type(None)),
    "data": (str, type(None)),
    "command": (str, type(None)),
    "step": (int,),
    "images": (int, type(None)),
    "schedule": (dict,),
    "scores": (dict, type(None)),
    "weights": (dict,),
}
WEIGHTS = {"sha256": r"[0-9a-f]{64}", "precision": "float32|float16", "generator": "average|trained|both"}
SCORES: dict[str, tuple[type, ...]] = {
    "scorer": (str, type(None)), "samples": (int,), "generated": (dict,), "real": (dict,),
}  # fmt: skip
#: The images that scores are of: those of a test unless a bundle says `val`.
SPLIT: dict[str, tuple[type, ...]] = {"split": (str,)}


class Training(NamedTuple):
    """Facts of a training that are not in the checkpoint.

    Attributes:
        recipe: its name.
        command: that trained it.
        scores: what `test` wrote of these weights, as `scores.json` has it: scorer, samples and, for each score, what
            is `generated` and `real`; or of a validation, with `split` val.
    """

    recipe: str | None = None
    command: str | None = None
    scores: dict[str, Any] | None = None


def describe(saved: dict[str, Any], training: Training, sha256: str, precision: str, kept: str) -> dict[str, Any]:
    """Return the configuration of a bundle.

    Args:
        saved: a checkpoint; without a record of data and images where a user's own loop trained it.
        training: what else is known.
        sha256: of the file of weights.
        precision: of the weights.
        kept: which generator they are.
    """
    seen = saved.get("callbacks", {}).get("Speed", {}).get("images_seen")
    data = saved.get("data", {}).get("data")
    return {
        "format": FORMAT,
        "ganzoo": own_version(),
        "class": saved["model_class"],
        "hyperparameters": saved["hyper_parameters"],
        "recipe": training.recipe,
        "data": data.removesuffix("DataModule") if isinstance(data, str) else None,
        "command": training.command,
        "step": saved["global_step"],
        "images": seen if isinstance(seen, int) else None,
        "schedule": saved["schedule"],
        "scores": by_kind(training.scores) if training.scores else None,
        "weights": {"sha256": sha256, "precision": precision, "generator": kept},
    }


def by_kind(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a test with all generated scores together, then all real ones, less those that are none."""
    made: dict[str, Any] = {"scorer": result.get("scorer"), "samples": result.get("samples", 0)}
    if "split" in result:
        made["split"] = result["split"]
    for kind in ("generated", "real"):
        rows = {name: row.get(kind) for name, row in result.get("scores", {}).items()}
        made[kind] = {name: value for name, value in rows.items() if value is not None}
    return made


def own_version() -> str:
    """Return this package's version; `unknown` where it is not installed."""
    try:
        return version("ganzoo-lightning")
    except PackageNotFoundError:
        return "unknown"


def to_text(config: dict[str, Any]) -> str:
    """Return a configuration as JSON. Raises ValueError for what JSON does not have."""
    try:
        return json.dumps(config, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    except TypeError as error:
        raise ValueError(f"a bundle holds plain values only: {error}") from error


def read_config(path: Path) -> dict[str, Any]:
    """Return a configuration that somebody may have sent. Raises CheckpointError for what is none."""
    try:
        with open_regular(path) as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    if len(content) > MAX_BYTES:
        raise CheckpointError(f"{path} has more than {MAX_BYTES:,} bytes: it is no bundle's")
    try:
        config = json.loads(content, parse_constant=refuse, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is no JSON of a bundle ({type(error).__name__}: {error})") from error
    check_config(config, str(path))
    return config  # type: ignore[no-any-return]


def refuse(constant: str) -> None:
    """Raise ValueError: JSON knows no NaN and no Infinity."""
    raise ValueError(f"{constant} is no number")


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return pairs as a dictionary. Raises ValueError for a key that is there twice, or a number beyond all floats."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a key is there twice")
    if any(isinstance(value, float) and not math.isfinite(value) for value in made.values()):
        raise ValueError("a number is too large")
    return made


def check_config(config: Any, name: str) -> None:
    """Raise CheckpointError unless all parts are there, each of its type."""
    if not isinstance(config, dict) or config.get("format") != FORMAT:
        found = config.get("format") if isinstance(config, dict) else type(config).__name__
        raise CheckpointError(f"{name}: format is {found!r}, not {FORMAT}: no bundle, or one of a later ganzoo")
    check_types(config, KEYS, name)
    for key, pattern in WEIGHTS.items():
        value = config["weights"].get(key)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise CheckpointError(f"{name}: weights.{key} is {value!r}")
    if config["step"] < 0 or (config["images"] or 0) < 0:
        raise CheckpointError(f"{name}: step is {config['step']}, images {config['images']}")
    if (scores := config["scores"]) is not None:
        check_types(scores, SCORES | (SPLIT if "split" in scores else {}), f"{name}: scores")
        values = [*scores["generated"].values(), *scores["real"].values()]
        if not all(isinstance(value, int | float) for value in values):
            raise CheckpointError(f"{name}: scores that are no numbers")


def check_types(found: dict[str, Any], keys: dict[str, tuple[type, ...]], name: str) -> None:
    """Raise CheckpointError unless a dictionary has these keys, each with a value of one of the types."""
    if different := sorted(found.keys() ^ keys.keys()):
        told = "has no" if different[0] in keys else "has an unknown"
        raise CheckpointError(f"{name} {told} {different[0]!r}")
    for key, kinds in keys.items():
        if type(found[key]) not in kinds:
            raise CheckpointError(f"{name}: {key} is a {type(found[key]).__name__}, not a {kinds[0].__name__}")


def classes_of(arguments: dict[str, Any]) -> int | None:
    """Return how many classes a generator of the zoo's networks takes; None where it takes none, as its critic may."""
    from zoo.networks import NETWORKS  # imports torch, which the table of shipped models needs not

    pair = NETWORKS.get(arguments.get("network", ""))
    takes = pair is None or "num_classes" in inspect.signature(pair.generator).parameters
    return arguments.get("num_classes") if takes else None

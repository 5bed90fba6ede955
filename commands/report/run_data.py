"""The files of a run's folder, read as data that somebody may have sent."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from zoo.files.regular_files import open_regular

#: Bytes of a file, parts of a configuration, curves and points of each, at most.
MAX_BYTES, MAX_PARTS, MAX_CURVES, MAX_POINTS = 2**26, 3000, 100, 200_000
MAX_YAML = 2**17  # bytes: its reader takes seconds for a megabyte
#: What says where things lie on one machine: of no use to others.
PLACES = "trainer.default_root_dir", "data.init_args.data_dir", "ckpt_path"

Curve = list[tuple[int, float]]
"""Steps and values, by step."""


class RunData(NamedTuple):
    """A run.

    Attributes:
        folder: where it lies.
        name: what it is called on the page, unlike the other ones.
        configuration: values as text, by their dotted names.
        made_with: versions, commit and command.
        curves: what was logged, by name.
        scores: what `ganzoo test` wrote: samples, scorer, step, and `scores`.
        ending: why and when training ended.
        notes: what could not be read, in a line each.
    """

    folder: Path
    name: str
    configuration: dict[str, str]
    made_with: dict[str, str]
    curves: dict[str, Curve]
    scores: dict[str, Any]
    ending: str
    notes: list[str]


def read_run(folder: Path) -> RunData:
    """Return what a folder says. What cannot be read is a note. Raises ValueError for what is no run's folder."""
    if not any((folder / name).is_file() for name in ("config.yaml", "metrics.csv")):
        raise ValueError(f"{folder} is no run's folder: no config.yaml and no metrics.csv in it")
    found: dict[str, Any] = {}
    notes = []
    for attribute, (name, parse) in PARSERS.items():
        found[attribute] = parse("")
        try:
            found[attribute] = parse(content(folder, name).decode())
        except FileNotFoundError:
            continue
        except (OSError, ValueError, csv.Error, yaml.YAMLError, RecursionError) as error:
            why = getattr(error, "strerror", None) or str(error).partition("\n")[0] or type(error).__name__
            notes.append(f"{name} was not read: {why}")
    return RunData(folder=folder, name=name_of(folder), notes=notes, **found)


def name_of(folder: Path) -> str:
    """Return what a run is called: by its folder, and under runs/ by its recipe too."""
    whole = folder.absolute()
    return f"{whole.parent.name}/{whole.name}" if whole.parent.parent.name == "runs" else whole.name


def content(folder: Path, name: str) -> bytes:
    """Return a file of a folder. Raises OSError, and ValueError for one that leads out of it or is too large."""
    path = inside(folder, name)
    limit = MAX_YAML if path.suffix == ".yaml" else MAX_BYTES
    with open_regular(path) as file:
        held = file.read(limit + 1)
    if len(held) > limit:
        raise ValueError(f"more than {limit:,} bytes")
    return held


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file. Raises ValueError where links lead out of the folder: what is sent reads nothing."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError("a link that leads out of the run's folder")
    return path


def settings(text: str) -> dict[str, str]:
    """Return YAML as text by dotted names, less places on a machine."""
    loaded = yaml.safe_load(text)
    flat: dict[str, str] = {}
    for name, value in parts(loaded, "") if loaded and isinstance(loaded, dict) else ():
        flat[name] = value
        if len(flat) > MAX_PARTS:
            raise ValueError(f"more than {MAX_PARTS:,} settings")
    return {name: value for name, value in flat.items() if name not in PLACES}


def parts(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """Give the dotted names and the texts of nested dictionaries and lists, one by one: aliases multiply them."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from parts(each, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(each, dict | list | tuple) for each in value):
        for number, each in enumerate(value):
            yield from parts(each, f"{name}.{number}")
    else:
        yield name, str(value)[:1000]


def curves(text: str) -> dict[str, Curve]:
    """Return the finite values of each column of a CSV log, by its steps; several rows may have one step."""
    found: dict[str, dict[int, float]] = {}
    for number, row in enumerate(csv.DictReader(io.StringIO(text))):
        if number >= MAX_POINTS:
            raise ValueError(f"more than {MAX_POINTS:,} rows")
        step = finite(row.pop("step", None))
        for name, value in row.items():
            if step is not None and name and (y := finite(value)) is not None:
                found.setdefault(name, {})[int(step)] = y
                if len(found) > MAX_CURVES:
                    raise ValueError(f"more than {MAX_CURVES} columns")
    return {name: sorted(points.items()) for name, points in sorted(found.items())}


def finite(value: Any) -> float | None:
    """Return a number that can be drawn; None for what is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 1e100 else None  # nan is not, either


def scores(text: str) -> dict[str, Any]:
    """Return the result of a test: only what is text or a number where one is due."""
    loaded = json.loads(text) if text else {}
    rows = loaded.get("scores") if isinstance(loaded, dict) else None
    if not isinstance(rows, dict):
        return {}
    kept = {
        str(name): {kind: finite(row.get(kind)) for kind in ("generated", "real")}
        for name, row in list(rows.items())[:MAX_CURVES]
        if isinstance(row, dict)
    }
    return {key: finite(loaded.get(key)) for key in ("step", "samples")} | {
        "scorer": str(loaded.get("scorer"))[:1000],
        "scores": kept,
    }


def ending(text: str) -> str:
    """Return the last line of a log that says why training ended; nothing without one."""
    said = [line.partition(" INFO ")[2] for line in text.splitlines() if " INFO ended at step " in line]
    return said[-1] if said else ""


#: For each attribute of RunData its file, and what reads it.
PARSERS: dict[str, tuple[str, Any]] = {
    "configuration": ("config.yaml", settings),
    "made_with": ("environment.yaml", settings),
    "curves": ("metrics.csv", curves),
    "scores": ("scores.json", scores),
    "ending": ("log.txt", ending),
}

"""The recipes: one YAML file each, found by name from any directory."""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from configs import catalogue

FOLDER = Path(__file__).parent


def names(folder: Path = FOLDER) -> list[str]:
    """All recipes, in alphabetical order."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def find(config: str, folder: Path = FOLDER) -> Path:
    """The file that `config` means: a path, or the name of a recipe. ValueError where it is neither."""
    path = Path(config)
    if path.is_file():
        return path
    if config in names(folder):
        return folder / f"{config}.yaml"
    raise ValueError(f"no file and no recipe is called {config!r}; the recipes are: {', '.join(names(folder))}")


def check(path: Path) -> Path:
    """The same path. ValueError where the file is no YAML mapping."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds no settings, such as `trainer: {{max_steps: 100}}`")
    return path


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as aligned text."""
    columns = ["name", "model", "data", "paper", "generator_parameters", "critic_parameters", "prior_parameters"]
    titles = [column.replace("_parameters", "") for column in columns]
    cells = [titles] + [[f"{row[c]:,}" if isinstance(row[c], int) else row[c] for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = []
    for line in cells:
        left = [cell.ljust(width) for cell, width in zip(line[:4], widths[:4], strict=True)]
        right = [cell.rjust(width) for cell, width in zip(line[4:], widths[4:], strict=True)]
        lines.append("  ".join(left + right))
    return "\n".join(lines)


def recipes_to_paths(words: Sequence[str], folder: Path = FOLDER) -> list[str]:
    """The same words, with every recipe's name after --config or -c turned into its file. Files are checked.

    Raises ValueError for what is neither a file nor a recipe, or no YAML.
    """
    made: list[str] = []
    for word in words:
        attached = re.match(r"--config=|-c=?(?=[^-])", word)
        if made and made[-1] in ("--config", "-c"):
            word = str(check(find(word, folder)))
        elif attached:
            word = f"--config={check(find(word[attached.end() :], folder))}"
        made.append(word)
    return made


def list_recipes(words: list[str]) -> None:
    """Prints the recipes and what is in them."""
    parser = argparse.ArgumentParser("ganzoo list", description="The recipes, for --config.", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="as JSON rather than a table")
    as_json = parser.parse_args(words).json
    rows = catalogue.rows(names())
    print(json.dumps(rows, indent=2) if as_json else table(rows))

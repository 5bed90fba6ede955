"""The recipes: one YAML file each, found by name from any directory."""

import argparse
import json
import re
from collections.abc import Sequence
from itertools import islice, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any, NoReturn

import yaml

from commands import catalogue, installed, messages
from commands.catalogue import FOLDER, names
from commands.moved import translated_arguments

# Options that the parser must see before all others, in this order.
LEADERS = {"--config": 1, "-c": 1, "--model": 2, "--data": 2}


def find(config: str, folder: Path = FOLDER) -> Path:
    """Return the file that `config` means: a path, or the name of a recipe. Raise ValueError where it is neither."""
    path = Path(config)
    if path.is_file():
        return path
    if config in names(folder):
        return folder / f"{config}.yaml"
    raise ValueError(f"no file and no recipe is called {config!r}; the recipes are: {', '.join(names(folder))}")


def check(path: Path) -> Path:
    """Return the path. Raise ValueError where the file is no YAML mapping."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: holds no settings, such as `trainer: {{max_steps: 100}}`")
    return path


def table(rows: list[dict[str, Any]]) -> str:
    """Format rows as aligned text."""
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


def recipes_to_paths(argv: Sequence[str], folder: Path = FOLDER) -> list[str]:
    """Return the arguments with every recipe's name after --config or -c turned into its file. Files are checked.

    Raises ValueError for what is neither a file nor a recipe, or no YAML.
    """
    paths: list[str] = []
    for argument in argv:
        attached = re.match(r"--config=|-c=?(?=[^-])", argument)
        if paths and paths[-1] in ("--config", "-c"):
            argument = str(check(find(argument, folder)))
        elif argument.startswith("-config"):
            raise ValueError(f"{argument} has one dash: did you mean --config?")
        elif attached:
            argument = f"--config={check(find(argument[attached.end() :], folder))}"
        paths.append(argument)
    return translated_arguments(paths)


def files_first(argv: Sequence[str]) -> list[str]:
    """Return the arguments of a command with its configurations first, then its classes, then all other options.

    The parser reads from left to right: a file would undo what stands before it, and arguments that stand before their
    class would come with the defaults of another.
    """
    groups: list[tuple[int, list[str]]] = []
    rest = iter(argv[1:])
    for argument in rest:
        rank = LEADERS.get(argument.partition("=")[0], 3)
        groups.append((rank, [argument, *islice(rest, 1)] if argument in LEADERS else [argument]))
    return [*argv[:1], *(argument for _, group in sorted(groups, key=itemgetter(0)) for argument in group)]


def check_classes(argv: Sequence[str]) -> None:
    """Raise ValueError for a file with arguments of a model or of data whose class no file before it says."""
    known: set[str] = set()
    for before, argument in pairwise(argv):
        attached = argument.startswith("--config=")
        if not attached and before not in ("--config", "-c"):
            continue
        path = argument.removeprefix("--config=")
        for key, part in yaml.safe_load(Path(path).read_text()).items():
            if key not in ("model", "data"):
                continue
            if not isinstance(part, dict) or "class_path" in part:
                known.add(key)
            elif key not in known:
                raise ValueError(
                    f"{path}: {key} has arguments and no class_path: give the recipe that it changes first"
                )


class ListParser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and end with status 2."""
        messages.fail(2, f"list: {message} (see ganzoo list --help)")


def list_recipes(argv: list[str]) -> None:
    """Print the recipes and what is in them."""
    parser = ListParser("ganzoo list", description="The recipes, for --config.", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="as JSON rather than a table")
    as_json = parser.parse_args(argv).json
    rows = catalogue.rows(names())
    print(json.dumps(rows, indent=2) if as_json else table(rows))
    if not as_json and (others := installed.models()):
        print("\nModels of other packages, for --model:")
        print(*(f"{name}  {path}" for name, path in others.items()), sep="\n")

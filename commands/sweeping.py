"""`ganzoo sweep`: a run for each seed and each combination of values, for Weights & Biases or as plain commands."""

import io
import itertools
import re
import shlex
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import yaml

from commands.numbers import numbers
from commands.plain import PlainParser, report

SEED = "seed_everything"
#: Runs at most.
MOST = 1000
KINDS = ".yaml", ".yml", ".sh"
#: As JSON and W&B write numbers; all else is handed on as it was typed.
WHOLE, REAL = r"[+-]?\d{1,15}", r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?"

Grid = dict[str, list[str]]


def parser() -> PlainParser:
    """Return what reads the command's arguments."""
    made = PlainParser("sweep", "A run for each seed and each combination of values: a sweep file of W&B, or commands.")
    made.add_argument(
        "--config", required=True, action="append", metavar="RECIPE", help="as for fit; again, to change it"
    )
    made.add_argument("--seeds", default="0-2", metavar="LIST", help="numbers and ranges (default: 0-2)")
    made.add_argument(
        "--set", action="append", default=[], metavar="NAME=A,B", help="values of an option of fit; again for another"
    )
    made.add_argument("--out", type=Path, metavar="FILE", help="FILE.yaml for wandb sweep, FILE.sh; printed without it")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name. Raises ValueError for wrong values, OSError."""
    given = parser().parse_args(argv)
    if given.out is not None and given.out.suffix.lower() not in KINDS:
        raise ValueError(f"--out must end in {', '.join(KINDS)}, got {given.out}")
    grid = grid_of(numbers("--seeds", given.seeds), given.set)
    fixed = ["fit", *(word for config in given.config for word in ("--config", config))]
    check(fixed, grid)
    if given.out is None:
        print(shell(fixed, grid), end="")
        return
    from commands.sample_files import save

    name = Path(given.config[-1]).stem
    text = f"#!/bin/sh\nset -e\n{shell(fixed, grid)}" if given.out.suffix == ".sh" else sweep_file(name, fixed, grid)
    report([save(given.out, text.encode())])


def grid_of(seeds: Sequence[int], settings: Sequence[str]) -> Grid:
    """Return the values of each option, as text. Raises ValueError for what is no setting, and for too many runs."""
    grid = {SEED: [str(seed) for seed in seeds]}
    runs = len(seeds)
    for setting in settings:
        name, equals, values = setting.partition("=")
        name = name.removeprefix("--")
        if not equals or not re.fullmatch(r"\w+(\.\w+)*", name):
            raise ValueError(f"--set {setting}: an option of fit and its values, model.init_args.critic_steps=1,5")
        if name in grid or name == "config":
            raise ValueError(f"--set {setting}: {name} is set already" + (", by --seeds" if name == SEED else ""))
        grid[name] = split(values)
        if "" in grid[name] or len(set(grid[name])) < len(grid[name]):
            raise ValueError(f"--set {setting}: values are between commas, each once")
        runs *= len(grid[name])
    if runs > MOST:
        raise ValueError(f"--seeds and --set make {runs:,} runs, more than {MOST:,}")
    return grid


def split(values: str) -> list[str]:
    """Return what stands between commas, those within brackets and quotes aside."""
    parts, depth, quote = [""], 0, ""
    for each in values:
        if each == quote:
            quote = ""
        elif not quote and each in "'\"":
            quote = each
        elif not quote:
            depth += (each in "[{(") - (each in "]})")
        if each == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += each
    return [part.strip() for part in parts]


def check(fixed: Sequence[str], grid: Grid) -> None:
    """Let fit's own parser read each value once; nothing is built or run. Ends with status 2 for what it refuses."""
    from commands import running

    first = {name: values[0] for name, values in grid.items()}
    changes = [first, *(first | {name: value} for name, values in grid.items() for value in values[1:])]
    for values in changes:
        try:
            with redirect_stdout(io.StringIO()):
                running.run([*fixed, *words(values), "--print_config"], debug=False)
        except SystemExit as end:
            if end.code:
                raise


def words(values: dict[str, str]) -> list[str]:
    """Return one run's values as words of a command, in the form and in the order in which W&B's agent writes them."""
    return [f"--{name}={value}" for name, value in sorted(values.items())]


def shell(fixed: Sequence[str], grid: Grid) -> str:
    """Return a line for each run."""
    every = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    return "".join(shlex.join(["ganzoo", *fixed, *words(values)]) + "\n" for values in every)


def sweep_file(name: str, fixed: Sequence[str], grid: Grid) -> str:
    """Return W&B's sweep file: the grid, and the command that its agent runs for each of it."""
    parameters = {option: {"values": [as_number(value) for value in values]} for option, values in grid.items()}
    content = {
        "project": "ganzoo",
        "name": name,
        "program": "ganzoo",
        "command": ["${env}", "${program}", *fixed, "${args}"],
        "method": "grid",
        "parameters": parameters,
    }
    return yaml.safe_dump(content, sort_keys=False, width=1000)


def as_number(value: str) -> Any:
    """Return a number where the text is one, for W&B's charts; else the text."""
    if re.fullmatch(WHOLE, value):
        return int(value)
    return float(value) if re.fullmatch(REAL, value) else value

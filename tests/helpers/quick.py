"""Which test files are pure units: `make quick` runs those. Read from their source, so that no list must be kept."""

import ast
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
#: What trains, is the command line, starts processes, or writes and reads whole models.
RUNS = {"Trainer", "cli", "subprocess", "multiprocessing", "hub"}
FIXTURES = {"run", "real_data"}


@cache
def imported(path):
    """Return the dotted names that a file imports, wherever in it: `from a.b import c` is a.b.c."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{each.name}" for each in node.names}
    return names


@cache
def is_quick(path):
    """Return whether neither the file nor a helper that it imports has one of RUNS or FIXTURES."""
    helpers = {TESTS.joinpath(*name.split(".")[:2]).with_suffix(".py") for name in imported(path) if "helpers." in name}
    arguments = {node.arg for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.arg)}
    words = {word for name in imported(path) for word in name.split(".")}
    return not words & RUNS and not arguments & FIXTURES and all(map(is_quick, helpers))


def quick_files():
    """Return all of them, in alphabetical order."""
    return sorted(filter(is_quick, TESTS.glob("test_*.py")))

"""Count the wrong changes of the code that the tests notice: `make mutants`, or `python tests/mutants/run.py [words]`.

Each change in the YAML files beside this one is made in a temporary copy of the tree, and the tests named for it are
run there. A change is killed if one of them fails. Words choose the changes whose file's name holds one of them. The
exit status is 1 if any change survives, 2 if the list does not fit the code.
"""

import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import NamedTuple, NoReturn

import yaml

ROOT = Path(__file__).resolve().parents[2]
COPIED = (
    "zoo",
    "callbacks",
    "datamodules",
    "configs",
    "commands",
    "benchmarks",
    "tests",
    "cli.py",
    "ganzoo_lightning.py",
    "pyproject.toml",
    "docs",
)
WORKERS = 2
SECONDS = 300  # a change that makes a test hang is noticed, too
FAILED, PASSED = 1, 0  # pytest's exit statuses
FORKS = multiprocessing.get_context("forkserver")  # what takes seconds to import is imported once
FORKS.set_forkserver_preload(["pytest", "lightning.pytorch", "torchmetrics.image", "torchvision", "sklearn.datasets"])


class Mutant(NamedTuple):
    """One wrong change: `original`, which stands once in `file`, becomes `replacement`; `tests` should notice."""

    file: str
    original: str
    replacement: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.file}: {self.original!r} -> {self.replacement!r}"


def mutants(words: list[str]) -> Iterator[Mutant]:
    """Yield the changes of the list, those whose file's name holds one of the words if there are any."""
    for path in sorted(Path(__file__).parent.glob("*.yaml")):
        for group in yaml.safe_load(path.read_text()):
            if words and not any(word in group["file"] for word in words):
                continue
            tests = tuple(f"tests/test_{name}.py" for name in group["tests"])
            for original, replacement in group["changes"]:
                yield Mutant(group["file"], original, replacement, tests)


def stale(mutant: Mutant) -> str | None:
    """Return what no longer fits the code, None if all does."""
    if missing := [name for name in (mutant.file, *mutant.tests) if not (ROOT / name).is_file()]:
        return f"{mutant.file}: there is no {missing[0]}"
    count = (ROOT / mutant.file).read_text().count(mutant.original)
    return None if count == 1 else f"{mutant.file}: {mutant.original!r} stands there {count} times, not once"


def copy_of_the_tree(folder: Path) -> Path:
    """Return a new folder with all that tests need, which a change may spoil."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, folder / name)
    return folder


def test(tree: Path, tests: tuple[str, ...]) -> NoReturn:
    """Run pytest in this process, on the copy's modules, and end with its exit status."""
    import pytest

    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)  # for the processes that tests start
    sys.path.insert(0, str(tree))
    sys.dont_write_bytecode = True  # two changes of one size within a second would look the same
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow and not network and not data"]
    sys.exit(pytest.main([*options, *tests]))


def run(tree: Path, tests: tuple[str, ...], seconds: float | None = SECONDS) -> int:
    """Return pytest's exit status, FAILED after `seconds`."""
    process = FORKS.Process(target=test, args=(tree, tests))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
        return FAILED
    return process.exitcode


def is_killed(mutant: Mutant, trees: Queue[Path]) -> bool:
    """Return whether a test fails once the change is made."""
    tree = trees.get()
    file = tree / mutant.file
    text = file.read_text()
    try:
        file.write_text(text.replace(mutant.original, mutant.replacement))
        killed = run(tree, mutant.tests) != PASSED
    finally:
        file.write_text(text)
        trees.put(tree)
    print(f"{'killed  ' if killed else 'SURVIVED'} {mutant}", flush=True)
    return killed


def main(argv: list[str]) -> int:
    """Run the list. Return the exit status."""
    os.environ["OMP_NUM_THREADS"] = "1"
    if (data := ROOT.parent / "shared" / "data").is_dir():  # reference values that are not in the tree
        os.environ.setdefault("GANZOO_DATA", str(data))
    chosen = list(mutants(argv))
    if wrong := [message for message in map(stale, chosen) if message]:
        print("the list of changes does not fit the code:", *wrong, sep="\n  ", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(WORKERS) as pool:
        trees: Queue[Path] = Queue()
        for number in range(WORKERS):
            trees.put(copy_of_the_tree(Path(folder) / str(number)))
        unchanged = tuple(sorted({name for mutant in chosen for name in mutant.tests}))
        if not chosen or run(Path(folder) / "0", unchanged, None) != PASSED:
            print("the tests must pass, or their failing shows nothing", file=sys.stderr)
            return 2
        killed = list(pool.map(lambda mutant: is_killed(mutant, trees), chosen))
    survivors = [mutant for mutant, dead in zip(chosen, killed, strict=True) if not dead]
    print(f"{sum(killed)} of {len(chosen)} changes killed ({sum(killed) / len(chosen):.0%})")
    print(*(f"survived: {mutant}" for mutant in survivors), sep="\n", end="\n" if survivors else "")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

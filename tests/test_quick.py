"""`make quick` runs pure units of every part, and nothing that trains or starts a process."""

import re

import pytest

from helpers.quick import TESTS, imported, is_quick, quick_files

ROOT = TESTS.parent


@pytest.mark.parametrize("part", ["", "engine", "networks", "scores", "augmentations"])
def test_something_of_each_part_is_quick(part):
    modules = {
        ".".join(("zoo", part, path.stem)).replace("..", ".") for path in (ROOT / "zoo" / part).glob("[a-z]*.py")
    }
    assert modules
    names = [name for path in quick_files() for name in imported(path)]
    assert any(name == each or name.startswith(f"{each}.") for name in names for each in modules)


@pytest.mark.parametrize(
    ("text", "quick"),
    [
        ("import torch\nfrom zoo import losses", True),
        ("from helpers.data import noise", True),
        ("from lightning.pytorch import Trainer", False),
        ("def test():\n    import cli", False),
        ("from subprocess import run as start", False),
        ("import torch.multiprocessing", False),
        ("from helpers.runs import small", False),
        ("from helpers.guarded import collapsed", False),
        ("def test(run, tmp_path): ...", False),
        ("def test(real_data): ...", False),
    ],
)
def test_files_that_run_something_are_told_from_their_source(tmp_path, text, quick):
    path = tmp_path / "test_x.py"
    path.write_text(text)
    assert is_quick(path) is quick


def test_make_quick_asks_for_these():
    (command,) = re.findall(r"^quick:.*\n\t(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert "pytest --quick" in command

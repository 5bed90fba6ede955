"""A checkpoint that somebody sent is data: it chooses no path, no size and no code, or it is refused in one line."""

import contextlib
import shutil
from pathlib import Path

import pytest

import cli
from helpers.checkpoints import SPOILT, drop, spoil
from helpers.command_line import error
from helpers.recipe import TINY


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The checkpoint of a run of two steps."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "tiny.yaml").write_text(TINY)
    with contextlib.chdir(folder):
        cli.main(["fit", "--config", "tiny.yaml", "--trainer.max_steps=2"])
    (path,) = folder.glob("runs/tiny/*/checkpoints/last.ckpt")
    return path


@pytest.fixture
def trained(template, tmp_path, tiny, monkeypatch):
    """A copy of it, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(template, tmp_path / "trained.ckpt"))


@pytest.mark.parametrize(("change", "causes"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_checkpoint_is_refused_in_one_line(change, causes, trained, capsys):
    spoilt = spoil(trained, change)
    status, line = error(capsys, "fit", "--config=tiny.yaml", f"--ckpt_path={spoilt}")
    assert status == 2
    assert all(text in line for text in causes), line
    assert not list(Path("runs").glob("*/*/checkpoints/*.ckpt")), "nothing was trained"


def test_what_training_alone_needs_may_be_missing_in_a_test(trained, run):
    folder = run("test", f"--ckpt_path={spoil(trained, drop('optimizer_states'))}")
    assert (folder / "scores.json").is_file()

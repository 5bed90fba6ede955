"""Nothing is left of a run that did not begin."""

import json
from pathlib import Path

import pytest

import cli
from commands import catalogue, recipes
from helpers.command_line import DATA, error

ROOT = Path(__file__).resolve().parent.parent


STOP = """
from pathlib import Path
from lightning.pytorch import Callback

class Stop(Callback):
    def __init__(self, step: int = 0, writes: bool = False):
        self.step, self.writes = step, writes
    def stop(self, trainer):
        if self.writes:
            Path(trainer.default_root_dir, "theirs.txt").write_text("kept")
        raise RuntimeError("stopped by the test")
    def setup(self, trainer, model, stage):
        if not self.step:
            self.stop(trainer)
    def on_train_batch_end(self, trainer, *given):
        if trainer.global_step >= self.step:
            self.stop(trainer)
"""


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("fit", ["--best_checkpoint.monitor=val/slided_wasserstein"]),
        ("fit", ["--scores.scorer=nothing"]),
        ("fit", [f"{DATA}batch_size=1000000"]),
        ("fit", ["--trainer.precision=three"]),
        ("fit", ["--trainer.accelerator=abacus"]),
        ("fit", ["--trainer.strategy=dpp"]),
        ("fit", ["--scores.every_n_steps=3"]),
        ("test", ["--scores.scorer=nothing"]),
        ("validate", ["--trainer.accelerator=abacus"]),
        ("predict", ["--trainer.strategy=dpp"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else value,
)
def test_a_run_that_fails_before_its_first_step_leaves_no_folder(command, argv, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, _ = error(capsys, command, "--config=tiny.yaml", *argv)
    assert status in (1, 2)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("given", "kept"),
    [({}, False), ({"writes": True}, True), ({"step": 1}, True)],
    ids=["before", "somebody wrote", "after a step"],
)
def test_only_a_folder_without_work_is_removed(given, kept, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "stopping.py").write_text(STOP)
    callback = json.dumps({"class_path": "stopping.Stop", "init_args": given})
    argv = ["--loggers=[]", "--trainer.enable_checkpointing=false", "--image_grid.every_n_steps=100"]
    with pytest.raises(RuntimeError, match="stopped by the test"):
        cli.main(["fit", "--config=tiny.yaml", f"--trainer.callbacks=[{callback}]", *argv])
    assert (tmp_path / "runs").exists() == kept


def test_the_recipes_are_found():
    assert recipes.names() == catalogue.names()

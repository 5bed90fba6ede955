"""The command line: what it makes, where, and what it says."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Callback
from lightning.pytorch.cli import LightningCLI

import callbacks
from commands import command, recipes
from helpers.checkpoints import equal
from helpers.command_line import DATA, error, printed, weights

# -- a run's folder --


def test_one_configuration_serves_every_command(run, capsys):
    folder = run("fit", "--loggers=[csv, tensorboard]")
    config = f"{folder}/config.yaml"
    last = ["--ckpt_path", f"{folder}/checkpoints/last.ckpt"]
    assert run("test", *last, config=config) is None, "test writes into the folder of the run it tests"
    assert run("predict", *last, config=config) is None
    assert run("validate", *last, config=config) is None
    capsys.readouterr()
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files >= {
        "config.yaml",
        "log.txt",
        "metrics.csv",
        "report.html",
        "samples/step_0000001.png",
        "samples/step_0000002.png",
        "samples/step_0000004.png",
        "samples/training.gif",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "test.yaml",
        "scores.json",
        "samples/test.png",
        "samples/real.png",
        "predict.yaml",
        "predictions/00000.png",
        "predictions/00005.png",
        "predictions/grid.png",
        "validate.yaml",
    }
    assert list(folder.glob("tensorboard/events.*"))
    assert "Scores of the test" in (folder / "report.html").read_text()
    assert "max_steps=4" in (folder / "log.txt").read_text()
    again = run("fit", "--config", config)
    assert equal(weights(folder / "checkpoints/last.ckpt"), weights(again / "checkpoints/last.ckpt"))


def test_two_runs_within_a_second_have_folders_of_their_own(run, monkeypatch):
    monkeypatch.setattr("commands.run_folder.time.strftime", lambda form: "2026-01-01_00-00-00")
    made = [run("fit", "--trainer.max_steps=1") for _ in range(3)]
    assert [folder.name for folder in made] == [f"2026-01-01_00-00-00{end}" for end in ("", "~1", "~2")]
    assert all((folder / "checkpoints/last.ckpt").is_file() for folder in made)


def test_runs_go_where_they_are_told(run, tmp_path):
    folder = run("fit", "--trainer.max_steps=1", f"--trainer.default_root_dir={tmp_path / 'elsewhere'}", "--name=mine")
    assert folder.parent == tmp_path / "elsewhere" / "runs" / "mine"


def test_a_run_leaves_the_process_as_it_was(run):
    before, logger = dict(os.environ), logging.getLogger("lightning.pytorch")
    handlers = list(logger.handlers)
    run("fit", "--trainer.max_steps=1")
    changed = {name for name in os.environ if os.environ[name] != before.get(name)}
    changed -= {"KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}  # scikit-learn's, when it is imported
    assert changed <= {"PL_GLOBAL_SEED", "PL_SEED_WORKERS"}, "the seed is Lightning's to set"
    assert logger.handlers == handlers


# -- recipes --


@pytest.mark.parametrize(
    "argv",
    [["--config", "quickstart"], ["--config=quickstart"], ["-c", "quickstart"], ["-cquickstart"], ["-c=quickstart"]],
    ids=" ".join,
)
def test_a_recipe_is_found_by_its_name_from_any_directory(argv, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = str(recipes.FOLDER / "quickstart.yaml")
    assert yaml.safe_load(printed(capsys, *argv)) == yaml.safe_load(printed(capsys, "--config", path))


def test_later_configurations_and_words_win(tiny, tmp_path, capsys):
    (tmp_path / "more.yaml").write_text("trainer: {max_steps: 7, log_every_n_steps: 9}\n")
    argv = ["-c", str(tiny), "-c", str(tmp_path / "more.yaml"), "--trainer.log_every_n_steps=1"]
    config = yaml.safe_load(printed(capsys, *argv))
    assert config["trainer"]["max_steps"] == 7
    assert config["trainer"]["log_every_n_steps"] == 1
    assert config["model"]["init_args"]["latent_dim"] == 4


def test_image_shape_comes_from_the_data(run):
    folder = run("fit", "--trainer.max_steps=1", f"{DATA}image_size=12")
    saved = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    assert saved["hyper_parameters"]["image_shape"] == [1, 12, 12]


def test_an_image_shape_in_a_file_is_refused_too(tiny, capsys):
    tiny.write_text(tiny.read_text().replace("network: mlp", "network: mlp\n    image_shape: [1, 28, 28]"))
    status, line = error(capsys, "fit", "--config", str(tiny))
    assert status == 2
    assert "image_shape" in line


@pytest.mark.parametrize("argv", [["--trainer.enable_progress_bar=false"], ["--trainer.enable_checkpointing=false"]])
def test_what_every_run_has_can_be_switched_off(argv, run):
    folder = run("fit", "--trainer.max_steps=1", *argv)
    assert (folder / "checkpoints").exists() == ("checkpointing" not in argv[0])


# -- checkpoints --


def test_lightning_still_has_what_is_overridden():
    assert callable(getattr(LightningCLI, "_parse_ckpt_path", None)), (
        "commands.command keeps the user's configuration by it"
    )


# -- what is seen --


def test_an_untrained_model_is_called_so(run):
    folder = run("test")
    assert "untrained" in (folder / "log.txt").read_text()


def test_the_scores_and_the_way_to_them_are_printed(run, capsys):
    folder = run("fit")
    out = capsys.readouterr().out
    assert out.startswith("WGANGP: generator ")
    assert str(folder.relative_to(Path.cwd())) in out.splitlines()[1]
    run("test", "--ckpt_path=last")
    out = capsys.readouterr().out
    assert "after 4 steps" in out
    assert "sliced_wasserstein" in out
    for name in ("scores.json", "samples/test.png"):
        assert str(folder.relative_to(Path.cwd()) / name) in out


@pytest.mark.parametrize(
    ("signals", "status"), [pytest.param([signal.SIGTERM], 143, marks=pytest.mark.slow), ([signal.SIGINT], 130)]
)
def test_a_process_told_to_end_keeps_its_step_and_says_that_it_is_not_done(signals, status, tiny, tmp_path):
    argv = ["fit", "--config", str(tiny), "--trainer.max_steps=100000", "--trainer.val_check_interval=100000"]
    path = os.pathsep.join([str(recipes.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "cli", *argv]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.PIPE) as run:
        for _ in range(600):
            if list(tmp_path.glob("runs/tiny/*/samples/step_0000010.png")):
                break
            time.sleep(0.1)
        for each in signals:
            run.send_signal(each)
        run.communicate(timeout=60)
    assert run.returncode == status
    (last,) = tmp_path.glob("runs/tiny/*/checkpoints/last.ckpt")
    assert torch.load(last, weights_only=True)["global_step"] >= 10


def test_every_callback_is_at_the_command_line():
    watching = set(callbacks.__all__) - {"WeightsAndBiases", "step_trainer"}
    assert watching == set(command.CALLBACKS)


def test_the_terminal_shows_no_warning(tiny, tmp_path):
    """What is seen in a shell, every kind of warning switched on; `weights_only` is Lightning's, about itself."""
    argv = ["fit", "--config", "quickstart", "--trainer.max_steps=3", "--loggers=[csv]"]
    environment = os.environ | {"PYTHONWARNINGS": "always", "COLUMNS": "100"}
    path = os.pathsep.join([str(recipes.FOLDER.parent), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "cli", *argv, "--trainer.accelerator=cpu"]
    done = subprocess.run(command, cwd=tmp_path, env=environment | {"PYTHONPATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr + done.stdout
    assert "weights_only" not in done.stderr
    assert "3/3" in done.stderr
    assert "run folder: runs/quickstart/" in done.stdout


class Counts(Callback):
    """A user's callback, with a hook of its own and one given to this object alone."""

    def __init__(self):
        Counts.calls = self.calls = []
        self.on_after_backward = lambda *_: self.calls.append("lambda")

    def on_before_optimizer_step(self, *_):
        """Counts."""
        self.calls.append("method")

    def on_train_start(self, trainer, module):
        """Looks at what it has left."""
        assert self.on_before_backward is None
        assert all(each.on_train_batch_start is None for each in trainer.callbacks if type(each).__name__ == "Guard")


def test_a_user_s_hooks_are_heard_and_empty_ones_are_not_asked(run):
    run("fit", f"--trainer.callbacks+={__name__}.Counts")
    calls = sys.modules[__name__].Counts.calls
    updates = 4 * 6  # steps, of five critic updates and one of the generator
    assert calls.count("method") == calls.count("lambda") == updates

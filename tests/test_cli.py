"""The command line: what it makes, where, and what it says to those who mistype."""

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
import cli
import configs
from command_line import DATA, MODEL, error, same, weights
from configs import command

# -- wrong keys, files and values --

WRONG = [
    (["fit", "--config", "nope"], "'nope'"),
    (["fit", "-c", "nope"], "'nope'"),
    (["fit", "--config=nope.yaml"], "'nope.yaml'"),
    (["fit", "--config"], "--config"),
    ([], "predict, list or scorer"),
    (["fitt"], "fitt"),
    (["fit"], "model"),
    (["fit", "--model", "zoo.GAN"], "data"),
    (["tiny", f"{MODEL}clp=1"], "'clp'"),
    (["tiny", "--trainer.max_epoch=3"], "--trainer.max_epoch"),
    (["tiny", "--trainer.max_step", "3"], "--trainer.max_step"),
    (["tiny", "--modl.lr=3"], "--modl.lr"),
    (["tiny", "stray"], "stray"),
    (["tiny", "--image_grid.every=3"], "--image_grid.every"),
    (["tiny", "--model", "zoo.Nope"], "'Nope'"),
    (["tiny", "--data", "datamodules.Nope"], "'Nope'"),
    (["tiny", "--model", "datamodules.DigitsDataModule"], "DigitsDataModule"),
    (["tiny", "--trainer.max_steps=two"], "two"),
    (["tiny", "--trainer.precision=7"], "trainer.precision"),
    (["tiny", f"{MODEL}critic_steps=0"], "critic_steps"),
    (["tiny", f"{MODEL}critic_steps=many"], "critic_steps"),
    (["tiny", f"{MODEL}network=nope"], "'nope'"),
    (["tiny", f"{MODEL}generator_options", "{hiden: [3]}"], "'hiden'"),
    (["tiny", f"{MODEL}gp_weight=-1"], "gp_weight"),
    (["tiny", f"{MODEL}gp_w=1"], "'gp_w'"),
    (["quickstart", f"{MODEL}critic_optimizer.lr=-1"], "critic_optimizer: lr"),
    (["quickstart", f"{MODEL}critic_optimizer.lr=.nan"], "critic_optimizer: lr"),
    (["tiny", f"{MODEL}critic_optimizer", "{name: adam, lr: 1e-4, betas: [1.0, 0.9]}"], "betas"),
    (["tiny", f"{MODEL}critic_optimizer", "{name: adam, lr: 1e-4, beta: 1}"], "'beta'"),
    (["tiny", f"{MODEL}critic_optimizer", "{name: sgd, lr: 1e-4, eps: 0.1}"], "'eps'"),
    (["tiny", f"{MODEL}generator_optimizer", "{name: adamm, lr: 1e-4}"], "adamm"),
    (["tiny", f"{MODEL}image_shape", "[1, 9, 9]"], "image_shape"),
    (["tiny", f"{DATA}batch_size=0"], "batch_size"),
    (["tiny", f"{DATA}size=3"], "'size'"),
    (["tiny", "--trainer.devices=0"], "devices"),
    (["tiny", "--trainer.accelerator=abacus"], "abacus"),
    (["tiny", "--trainer.val_check_interval=0"], "val_check_interval"),
    (["tiny", "--trainer.callbacks=Nope"], "Nope"),
    (["tiny", "--loggers=[wandbb]"], "wandbb"),
    (["tiny", "--best_checkpoint.monitor=nope"], "nope"),
    (["tiny", "--best_checkpoint.monitor=fid"], "val/fid"),
    (["tiny", "--best_checkpoint.monitor=val/fidd"], "val/fid?"),
    (["tiny", "--seed_everything=-1"], "seed_everything"),
    (["tiny", "--ckpt_path=nope.ckpt"], "nope.ckpt"),
    (["tiny", "--ckpt_path=last"], "last.ckpt"),
    (["tiny", "--ckpt_path=garbage.ckpt"], "garbage.ckpt"),
    (["tiny", "--trainer.default_root_dir=garbage.ckpt"], "garbage.ckpt"),
    (["fit", "--config", "broken.yaml"], "broken.yaml"),
    (["fit", "--config", "binary.yaml"], "binary.yaml"),
    (["fit", "--config", "list.yaml"], "list.yaml"),
    (["fit", "--config", "empty.yaml"], "empty.yaml"),
    (["fit", "--config", "."], "'.'"),
]


ELSEWHERE = ["--data=datamodules.MNISTDataModule", f"{DATA}data_dir=elsewhere"]


@pytest.mark.parametrize(("words", "culprit"), WRONG, ids=[" ".join(words) or "nothing" for words, _ in WRONG])
def test_what_is_wrong_is_named_in_one_line(words, culprit, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, content in (
        ("broken.yaml", b"model: [1\n  x: }"),
        ("binary.yaml", b"\xff\xfe\x00\x01"),
        ("list.yaml", b"- 1\n"),
        ("empty.yaml", b""),
        ("garbage.ckpt", b"garbage"),
    ):
        Path(name).write_bytes(content)
    recipes = {"tiny": "tiny.yaml", "quickstart": "quickstart"}
    if words[:1] and words[0] in recipes:
        words = ["fit", "--config", recipes[words[0]], *words[1:]]
    status, line = error(capsys, *words)
    assert status == 2
    assert line.startswith("ganzoo: error: ")
    assert culprit in line


def test_debug_shows_where_an_error_was_found(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words, where in (([f"{MODEL}critic_steps=0"], "in check_arguments"), ([*ELSEWHERE], "in load")):
        with pytest.raises(SystemExit):
            cli.main(["fit", "--config", "tiny.yaml", "--debug", *words])
        told = capsys.readouterr().err
        assert "ganzoo: error: " in told
        assert "Traceback" in told
        assert where in told


def test_a_mistake_leaves_no_folder(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    error(capsys, "fit", "--config", "tiny.yaml", f"{MODEL}critic_steps=0")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (ELSEWHERE, "elsewhere/MNIST/raw/"),
    ],
)
def test_wrong_data_is_named_in_one_line(words, culprit, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, line = error(capsys, "fit", "--config", "tiny.yaml", *words)
    assert status == 1
    assert culprit in line
    assert not Path("runs").exists()


def test_a_batch_that_the_data_cannot_fill_is_a_wrong_value(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, line = error(capsys, "fit", "--config", "tiny.yaml", f"{DATA}batch_size=5000")
    assert status == 2
    assert "25000 images" in line


def test_a_checkpoint_with_nothing_left_to_train_is_an_error(run, capsys):
    run("fit")
    status, line = error(capsys, "fit", "--config", "tiny.yaml", "--ckpt_path=last", "--trainer.max_steps=3")
    assert status == 2
    assert "has 4 steps" in line


def test_a_monitor_without_its_scorer_is_an_error_at_once(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    toy = "--data=datamodules.ToyDataModule"  # no classifier ships for points
    status, line = error(capsys, "fit", "--config", "tiny.yaml", toy, "--best_checkpoint.monitor=val/fid")
    assert status == 2
    assert "needs a scorer" in line


@pytest.mark.parametrize(("score", "metric"), [("recall", "precision_recall"), ("sliced_wasserstein",) * 2])
def test_a_monitor_that_is_not_computed_is_an_error_at_once(score, metric, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--scores.metrics=[fid]", f"--best_checkpoint.monitor=val/{score}"]
    status, line = error(capsys, "fit", "--config", "tiny.yaml", *words)
    assert status == 2
    assert f"add {metric} to --scores.metrics" in line


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
    assert "max_steps=4" in (folder / "log.txt").read_text()
    again = run("fit", "--config", config)
    assert same(weights(folder / "checkpoints/last.ckpt"), weights(again / "checkpoints/last.ckpt"))


def test_two_runs_within_a_second_have_folders_of_their_own(run, monkeypatch):
    monkeypatch.setattr("callbacks.run_folder.time.strftime", lambda form: "2026-01-01_00-00-00")
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


def printed(capsys, *words):
    with pytest.raises(SystemExit):
        cli.main(["fit", *words, "--print_config"])
    return yaml.safe_load(capsys.readouterr().out)


@pytest.mark.parametrize(
    "words",
    [["--config", "quickstart"], ["--config=quickstart"], ["-c", "quickstart"], ["-cquickstart"], ["-c=quickstart"]],
    ids=" ".join,
)
def test_a_recipe_is_found_by_its_name_from_any_directory(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = str(configs.FOLDER / "quickstart.yaml")
    assert printed(capsys, *words) == printed(capsys, "--config", path)


def test_later_configurations_and_words_win(tiny, tmp_path, capsys):
    (tmp_path / "more.yaml").write_text("trainer: {max_steps: 7, log_every_n_steps: 9}\n")
    config = printed(capsys, "-c", str(tiny), "-c", str(tmp_path / "more.yaml"), "--trainer.log_every_n_steps=1")
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


@pytest.mark.parametrize("words", [["--trainer.enable_progress_bar=false"], ["--trainer.enable_checkpointing=false"]])
def test_what_every_run_has_can_be_switched_off(words, run):
    folder = run("fit", "--trainer.max_steps=1", *words)
    assert (folder / "checkpoints").exists() == ("checkpointing" not in words[0])


# -- checkpoints --


def test_lightning_still_has_what_is_overridden():
    assert callable(getattr(LightningCLI, "_parse_ckpt_path", None)), (
        "configs.command keeps the user's configuration by it"
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
    words = ["fit", "--config", str(tiny), "--trainer.max_steps=100000", "--trainer.val_check_interval=100000"]
    path = os.pathsep.join([str(configs.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "cli", *words]
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
    watching = set(callbacks.__all__) - {"WeightsAndBiases"}
    assert watching == set(command.CALLBACKS)


def test_the_terminal_shows_no_warning(tiny, tmp_path):
    """What is seen in a shell, every kind of warning switched on; `weights_only` is Lightning's, about itself."""
    words = ["fit", "--config", "quickstart", "--trainer.max_steps=3", "--loggers=[csv]"]
    environment = os.environ | {"PYTHONWARNINGS": "always", "COLUMNS": "100"}
    path = os.pathsep.join([str(configs.FOLDER.parent), environment.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "cli", *words, "--trainer.accelerator=cpu"]
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

"""Pictures on dashboards: each logger by its own methods, none that can end a run."""

import inspect
import logging

import numpy as np
import pytest
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from PIL import Image

from callbacks import ImageGrid
from callbacks.pictures.dashboards import send, send_table
from commands.loggers import build_loggers
from helpers.command_line import error
from helpers.runs import Memory, digits, fit, pixels, small

PICTURE = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


class Client:
    """MLflow's client, as far as pictures go: `MlflowClient.log_image` since 2.11."""

    def __init__(self):
        self.logged = []

    def log_image(self, run_id, image, artifact_file=None, key=None, step=None, timestamp=None, synchronous=None):
        """Keep it."""
        self.logged.append((run_id, key, step, image))


class Experiment:
    """Comet's experiment, as far as pictures go."""

    def __init__(self):
        self.logged = []

    def log_image(self, image_data, name=None, overwrite=False, image_format="png", step=None):
        """Keep it."""
        self.logged.append((None, name, step, image_data))


class Board(Memory):
    """A logger with an experiment, as Lightning's own have."""

    def __init__(self, experiment):
        super().__init__()
        self.held = experiment

    @property
    def experiment(self):
        """What the dashboard's package has."""
        return self.held


class MLflow(Board):
    """As MLFlowLogger."""

    run_id = "r1"


class Own(Memory):
    """A logger of somebody's own, with a place for pictures."""

    def log_image(self, key, images, step, caption):
        """Keep it."""
        self.logged.append((key, images, step, caption))


@pytest.mark.parametrize(("logger", "run"), [(MLflow(Client()), "r1"), (Board(Experiment()), None)])
def test_mlflow_and_comet_get_the_same_picture(logger, run):
    send(logger, "samples", PICTURE, 7)
    ((of, name, step, image),) = logger.experiment.logged
    assert (of, name, step) == (run, "samples", 7)
    assert np.array_equal(image, np.asarray(PICTURE))


def test_a_logger_of_ones_own_is_asked_by_its_method():
    own = Own()
    send(own, "samples", PICTURE, 7)
    assert own.logged == [("samples", [PICTURE], 7, ["step 7"])]


def test_the_methods_are_those_of_the_loggers():
    """The names and the arguments by which they are called."""
    assert {"key", "images", "step"} <= set(inspect.signature(WandbLogger.log_image).parameters)
    assert {"key", "columns", "data", "step"} <= set(inspect.signature(WandbLogger.log_table).parameters)
    assert not hasattr(TensorBoardLogger, "log_image")
    assert not hasattr(Logger, "log_image")


def test_a_dashboard_that_refuses_is_a_line_and_no_place_is_nothing(caplog):
    class Broken(Experiment):
        def log_image(self, *_, **__):
            raise RuntimeError("quota\nexceeded")

    logging.getLogger("lightning.pytorch.ganzoo").addHandler(caplog.handler)
    try:
        send(Board(Broken()), "samples", PICTURE, 7)
        assert "no picture on Board (RuntimeError: quota exceeded)" in caplog.text
        caplog.clear()
        send(Memory(), "samples", PICTURE, 7)
        send_table(Memory(), "samples", [], 7)
        assert not caplog.text
    finally:
        logging.getLogger("lightning.pytorch.ganzoo").removeHandler(caplog.handler)


def test_every_logger_of_a_run_gets_every_picture(tmp_path):
    boards = [MLflow(Client()), Board(Experiment()), Own()]
    fit(tmp_path, small(), ImageGrid(every_n_steps=2, num_images=4), data=digits(), logger=boards, steps=4)
    drawn = [pixels(tmp_path / f"samples/step_{step:07d}.png") for step in (1, 2, 4)]
    for board in boards[:2]:
        assert [step for _, _, step, _ in board.experiment.logged] == [1, 2, 4]
        for (*_, image), picture in zip(board.experiment.logged, drawn, strict=True):
            assert np.array_equal(image, picture)
    assert [row[2] for row in boards[2].logged if row[0] == "samples"] == [1, 2, 4]


def test_a_model_is_logged_only_where_there_is_wandb(run, capsys):
    status, line = error(capsys, "fit", "--config=tiny.yaml", "--wandb.log_model=true")
    assert status == 2
    assert "--wandb.log_model: there is no wandb among --loggers" in line
    assert "log_model" in error(capsys, "fit", "--config=tiny.yaml", "--wandb.log_model=some")[1]


@pytest.mark.parametrize("log_model", [False, True, "all"])
def test_a_fit_alone_logs_its_model(log_model, tmp_path):
    (logger,) = build_loggers(["wandb"], tmp_path / "fit", "fit", None, log_model)
    assert logger._log_model == log_model
    (logger,) = build_loggers(["wandb"], tmp_path / "test", "test", None, log_model)
    assert logger._log_model is False

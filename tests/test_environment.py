"""Versions, commit and command of a run are in its folder and in every logger."""

import shlex

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from commands.environment import environment, without_secrets


def test_the_folder_says_what_the_run_was_made_with(run):
    folder = run("fit", "--trainer.max_steps=2", "--seed_everything=5")
    made = yaml.safe_load((folder / "environment.yaml").read_text())
    assert made["torch"] == torch.__version__
    assert "--seed_everything=5" in made["command"]
    assert {"python", "ganzoo-lightning", "lightning", "commit"} <= made.keys()
    assert run("fit", "--trainer.max_steps=2", config=str(folder / "config.yaml")), (
        "the configuration can be used again"
    )


def test_every_logger_has_the_whole_configuration(run):
    folder = run("fit", "--trainer.max_steps=2", "--loggers=[csv,tensorboard]", "--seed_everything=5")
    kept = yaml.safe_load((folder / "hparams.yaml").read_text())
    assert kept["configuration"]["seed_everything"] == 5
    assert kept["configuration"]["data"]["class_path"] == "datamodules.DigitsDataModule"
    assert kept["configuration"]["trainer"]["max_steps"] == 2
    assert kept["environment"]["torch"] == torch.__version__
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    (text,) = (events.Tensors(tag) for tag in events.Tags()["tensors"] if tag.startswith("configuration"))
    assert b"seed_everything: 5" in text[0].tensor_proto.string_val[0]


def test_the_command_can_be_given_to_a_shell():
    argv = ["fit", "--model.x", "{name: adam, lr: 1e-3}", "--name=a b"]
    assert shlex.split(environment(argv)["command"]) == ["ganzoo", *argv]


@pytest.mark.parametrize(
    ("argv", "kept"),
    [
        (["fit", "--wandb_key", "abc"], ["fit", "--wandb_key", "***"]),
        (["fit", "--trainer.logger.api_token=abc", "--x=1"], ["fit", "--trainer.logger.api_token=***", "--x=1"]),
        (["fit", "--config", "quickstart"], ["fit", "--config", "quickstart"]),
    ],
)
def test_secrets_are_not_written(argv, kept):
    assert without_secrets(argv) == kept
    assert "abc" not in str(environment(argv))

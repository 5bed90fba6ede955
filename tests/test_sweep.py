"""`ganzoo sweep`: a run for each seed and value, in the words of W&B's agent and of a shell."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from wandb.sdk.launch.sweeps import utils as agent
from wandb.sdk.lib.config_util import save_config_file_from_dict

import cli
from commands.sweeping import as_number, grid_of, split
from helpers.command_line import error
from helpers.recipe import TINY
from helpers.wandb_runs import records

ROOT = Path(__file__).resolve().parents[1]
LR = "model.init_args.critic_optimizer"


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe of one's own in the current folder."""
    monkeypatch.chdir(tmp_path)
    tiny = TINY.replace("latent_dim: 4", "latent_dim: 4\n    critic_optimizer: {name: adam, lr: 0.001}")
    Path("tiny.yaml").write_text(tiny)
    return "tiny.yaml"


def test_a_line_for_each_seed_and_combination(recipe, capsys):
    given = ["--seeds", "0,3", "--set", "model.init_args.critic_steps=1,5", "--set", f"--{LR}={{name: adam, lr: 1e-3}}"]
    cli.main(["sweep", "--config", recipe, *given])
    lines = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert [line[:4] for line in lines] == [["ganzoo", "fit", "--config", "tiny.yaml"]] * 4
    assert [line[4:6] for line in lines] == [
        [f"--{LR}={{name: adam, lr: 1e-3}}", f"--model.init_args.critic_steps={steps}"]
        for _ in (0, 3)
        for steps in (1, 5)
    ]
    assert [line[6] for line in lines] == [f"--seed_everything={seed}" for seed in (0, 0, 3, 3)]


def commands_of(path):
    """Return the commands that W&B's agent runs, and what it writes for each, of the grid in a sweep file."""
    sweep = yaml.safe_load(path.read_text())
    assert sweep["method"] == "grid"
    made = []
    names = list(sweep["parameters"])
    grids = [sweep["parameters"][name]["values"] for name in names]
    for number in range(max(map(len, grids))):
        values = {name: {"value": grid[number % len(grid)]} for name, grid in zip(names, grids, strict=True)}
        values = json.loads(json.dumps(values, sort_keys=True))  # as the server hands them out
        known = agent.create_sweep_command_args({"args": values})
        known |= {"env": ["/usr/bin/env"], "program": [sweep["program"]]}
        words = agent.create_sweep_command(sweep["command"])
        command = [each for word in words for each in (known[word[2:-1]] if word.startswith("${") else [word])]
        made.append((command, values))
    return made


def test_the_agent_s_commands_are_the_shell_s(recipe, capsys):
    given = ["sweep", "--config", recipe, "--seeds", "0,1", "--set", f"{LR}.lr=1e-7,0.0002", "--set", f"{LR}.name=adam"]
    cli.main([*given, "--out", "sweep.yaml"])
    assert capsys.readouterr().out == "sweep.yaml\n"
    sweep = yaml.safe_load(Path("sweep.yaml").read_text())
    assert sweep["parameters"] == {
        "seed_everything": {"values": [0, 1]},
        f"{LR}.lr": {"values": [1e-7, 0.0002]},
        f"{LR}.name": {"values": ["adam"]},
    }
    assert sweep.keys() == {"project", "name", "program", "command", "method", "parameters"}
    cli.main([*given, "--out", "sweep.sh"])
    assert subprocess.run(["sh", "-n", "sweep.sh"], check=False).returncode == 0
    head, stop, *lines = Path("sweep.sh").read_text().splitlines()
    assert (head, stop, len(lines)) == ("#!/bin/sh", "set -e", 4)
    lines = [line.replace("lr=1e-7", "lr=1e-07") for line in lines]
    for command, _ in commands_of(Path("sweep.yaml")):
        assert command[0] == "/usr/bin/env"
        assert shlex.join(command[1:]) in lines


@pytest.mark.slow
def test_the_agent_s_command_runs_as_it_stands(recipe, monkeypatch):
    folder = Path("bin")
    folder.mkdir()
    (folder / "ganzoo").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m cli "$@"\n')
    (folder / "ganzoo").chmod(0o755)
    options = ["--set", "loggers=[wandb]", "--set", "trainer.max_steps=2", "--set", "model.init_args.critic_steps=1,2"]
    cli.main(["sweep", "--config", recipe, "--seeds", "4", *options, "--out", "sweep.yaml"])
    command, values = commands_of(Path("sweep.yaml"))[1]
    save_config_file_from_dict("wandb/sweep-abc/config-run1.yaml", values)  # as the agent does
    of_agent = {"WANDB_SWEEP_ID": "abc", "WANDB_RUN_ID": "run1"}
    of_agent["WANDB_SWEEP_PARAM_PATH"] = "wandb/sweep-abc/config-run1.yaml"
    paths = {"PATH": f"{folder.absolute()}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=os.environ | of_agent | paths, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (run,) = Path("runs/tiny").iterdir()
    settings = yaml.safe_load((run / "config.yaml").read_text())
    assert settings["seed_everything"] == 4
    assert settings["model"]["init_args"]["critic_steps"] == 2
    (path,) = run.glob("wandb/offline-run-*/run-run1.wandb")
    assert "abc" in {each.run.sweep_id for each in records(path) if each.WhichOneof("record_type") == "run"}


def test_values_stand_between_commas_but_not_within_brackets_or_quotes():
    assert split("1, 5") == ["1", "5"]
    assert split("{a: 1, b: [2, 3]},null") == ["{a: 1, b: [2, 3]}", "null"]
    assert split("'a,b',c") == ["'a,b'", "c"]
    assert grid_of([0], ["--a.b=x=y"]) == {"seed_everything": ["0"], "a.b": ["x=y"]}


def test_numbers_are_numbers_and_words_stay_as_they_were_typed():
    assert [as_number(each) for each in ("3", "-1", "1e-7", ".5", "2.")] == [3, -1, 1e-7, 0.5, 2.0]
    for word in ("true", "null", "0x10", "1_000", "nan", "[1]", "adam", ""):
        assert as_number(word) == word


WRONG = {
    "a name that fit has not": (["--set", "model.init_args.critic_step=1"], "did you mean critic_steps"),
    "half an optimizer before its name": (["--set", "model.init_args.generator_optimizer.lr=1"], "'name'"),
    "a value that fit refuses": (["--set", "model.init_args.critic_steps=1,x"], "Expected a <class 'int'>"),
    "no value": (["--set", "model.init_args.critic_steps"], "an option of fit and its values"),
    "an empty value": (["--set", "model.init_args.critic_steps=1,,2"], "each once"),
    "a value twice": (["--set", "model.init_args.critic_steps=1,1"], "each once"),
    "seeds twice": (["--set", "seed_everything=1"], "set already, by --seeds"),
    "another kind": (["--out", "sweep.json"], "--out must end in .yaml"),
    "too many": (["--seeds", "0-999", "--set", "trainer.max_steps=1,2"], "2,000 runs, more than 1,000"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line(kind, recipe, capsys):
    argv, told = WRONG[kind]
    code, line = error(capsys, "sweep", "--config", recipe, *argv)
    assert (code, told in line) == (2, True), line
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]

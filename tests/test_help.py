"""Help and the list: at once, and as the models say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from commands import catalogue, messages
from zoo.networks import NETWORKS
from zoo.priors import PRIORS
from zoo.schedules import SCHEDULES

ROOT = Path(__file__).resolve().parent.parent


def printed_by(capsys, *argv):
    cli.main(argv)
    return capsys.readouterr().out


def test_the_catalogue_is_what_the_models_say():
    """After a change of a model or a recipe: make catalogue."""
    kept, made = catalogue.load(), catalogue.make()
    assert {name: made["recipes"][name] for name in kept["recipes"]} == kept["recipes"]
    assert kept | {"recipes": {}} == made | {"recipes": {}}


def test_a_recipe_that_is_not_kept_is_computed(monkeypatch, capsys):
    whole = json.loads(printed_by(capsys, "list", "--json"))
    kept = catalogue.load()
    del kept["recipes"]["quickstart"]
    monkeypatch.setattr(catalogue, "load", lambda: kept)
    assert json.loads(printed_by(capsys, "list", "--json")) == whole


def test_help_names_every_command_and_the_first_screen_every_choice(capsys):
    assert all(name in printed_by(capsys, "--help") for name in messages.COMMANDS)
    screen = printed_by(capsys, "fit", "--help")
    assert len(screen.splitlines()) <= 40
    for name in [
        *NETWORKS,
        *PRIORS,
        *SCHEDULES,
        "--trainer.max_steps",
        "batch_size",
        "optimizer.lr",
        "--trainer.devices",
    ]:
        assert name in screen, name
    assert printed_by(capsys, "--version").startswith("ganzoo ")


def test_all_options_of_the_first_screen_are_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    values = {"N": "2", "X": "0.5", "RECIPE": "quickstart", "DIR": ".", "[A,B]": "[csv]"}
    argv = []
    for line in messages.screen("fit").splitlines():
        option, _, rest = line.strip().partition(" ")
        value = rest.split()[0] if rest else ""
        if option.startswith("--") and value in values and option != "--config":
            argv.append(f"{option}={values[value]}")
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", "--config=quickstart", *argv, "--print_config=skip_null"])
    assert stop.value.code == 0, capsys.readouterr().err
    assert "max_steps: 2" in capsys.readouterr().out


def test_help_and_list_import_nothing_heavy():
    code = "import sys, ganzoo_lightning; ganzoo_lightning.main(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
    for argv in (["--help"], ["list"], ["fit", "--help"], ["--version"], ["report", "--help"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *argv],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            check=True,
        )
        assert not {"torch", "lightning", "wandb", "jsonargparse"} & set(done.stderr.split()), argv

"""A README that lies is a bug: its commands parse, its Python runs, its pictures, files and scores are there."""

import json
import re
import shlex
from pathlib import Path

import pytest

import cli
from commands import plain, recipes
from helpers.data import write_images
from zoo.scores.evaluation import METRICS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LINES = [line for language, block in BLOCKS if not language for line in block.replace("\\\n", "").splitlines()]
EVERY = [line for line in LINES if "ganzoo " in line]
PLAIN = [line for line in EVERY if line.split()[1] in plain.FILES]
COMMANDS = [line for line in EVERY if line not in PLAIN]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_parse(command, capsys, tmp_path, monkeypatch):
    write_images(tmp_path / "photos", 24)
    monkeypatch.chdir(tmp_path)
    argv = shlex.split(command)
    assert argv[0] == "ganzoo"
    with pytest.raises(SystemExit) as end:
        cli.main([*argv[1:], *([] if "--print_config" in argv else ["--print_config"])])
    assert not end.value.code, capsys.readouterr().err
    assert "class_path: " in capsys.readouterr().out


@pytest.mark.parametrize("command", PLAIN)
def test_commands_that_train_nothing_run(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = shlex.split(command)
    assert argv[0] == "ganzoo"
    cli.main(argv[1:])
    assert capsys.readouterr().out


def test_make_targets_exist():
    made = re.findall(r"^make ([\w-]+)", README, re.MULTILINE)
    assert set(made) >= {"demo", "test"}
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:.*## ", makefile, re.MULTILINE) for target in made)


def test_python_runs(tmp_path, monkeypatch):
    (code,) = [block for language, block in BLOCKS if language == "python" and "step_trainer(" in block]
    assert len([line for line in code.splitlines() if line]) == 9
    monkeypatch.chdir(tmp_path)
    shown = {}
    few = "step_trainer(2, accelerator='cpu', log_every_n_steps=1, enable_progress_bar=False)"
    exec(code.replace("step_trainer(1000)", few), shown)
    line = "images = model.sample(64)  # [{}, {}, {}, {}] in [-1, 1]".format(*shown["images"].shape)
    assert line in code
    model = shown["WGANGP"].load_from_checkpoint(tmp_path / "digits.ckpt")
    assert model.trained_steps == 2
    assert model.sample(64).shape == (64, *shown["data"].image_shape)


def test_links_and_pictures_lead_somewhere():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if not link.startswith("http")]
    assert len([link for link in links if link.endswith((".png", ".gif"))]) >= 4
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_every_recipe_is_named_with_a_link():
    assert {name for name in recipes.names() if f"[{name}](configs/{name}.yaml)" not in README} == set()


def test_the_classifiers_accuracies_are_those_of_the_index():
    index = json.loads((ROOT / "zoo" / "scores" / "weights" / "index.json").read_text())
    for name, percent in (("digits", "99.4 %"), ("mnist", "99.5 %"), ("flowers", "73 %")):
        places = len(percent.partition(".")[2].split()[0]) if "." in percent else 0
        assert f"{100 * index[name]['test_accuracy']:.{places}f} %" == percent
        assert percent in README.replace("\n", " ")


def test_the_kept_scores_are_whole():
    every = {"critic_gap"} | {key for keys in METRICS.values() for key in keys}
    younger = {"density", "coverage", "authenticity", "ct_score", "mifid"}
    of_labels = {"class_accuracy", "class_fid"}  # of conditional models
    for file in (ROOT / "docs" / "scores").glob("*.json"):
        assert every - younger - of_labels <= json.loads(file.read_text())["scores"].keys() <= every, file.name


def test_the_scores_are_those_of_the_runs():
    """Row by row: the recipe's scores.json, as `ganzoo test` wrote it."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in README.splitlines()
        if re.match(r"\| (\*real|\[\w+\]\(configs/)", line)
    ]
    keys = ["fid", "inception_score", "modified_inception_score", "precision", "recall"]
    real = {"digits": "quickstart", "MNIST": "gan_mlp_mnist", "flowers": "wgan_gp_flowers", "CIFAR-10": "sngan_cifar10"}
    for row in rows:
        of_real = row[0].startswith("*real")
        name = real[row[0].strip("*").split()[1]] if of_real else re.match(r"\[(\w+)\]", row[0]).group(1)
        result = json.loads((ROOT / "docs" / "scores" / f"{name}.json").read_text())
        for key, value in zip(keys, row[4:9], strict=True):
            score = result["scores"][key]["real" if of_real else "generated"]
            digits = len(value.partition(".")[2])
            assert float(value) == pytest.approx(score, abs=0.5001 * 10**-digits), (name, key)
        assert of_real or row[2].replace(",", "") == str(result["step"])
    headings = sum(row[0].startswith("*real") for row in rows)
    assert len(rows) == headings + len(list((ROOT / "docs" / "scores").glob("*.json")))

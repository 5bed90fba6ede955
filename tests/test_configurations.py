"""Two configurations, and arguments beside them."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import cli
from helpers.command_line import MODEL, error

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("model: {init_args: {gp_weight: 5.0}}", {"class": "zoo.WGANGP", "gp_weight": 5.0, "latent_dim": 4}),
        ("trainer: {max_steps: 9}", {"max_steps": 9, "latent_dim": 4, "class": "zoo.WGANGP"}),
        ("data: {init_args: {batch_size: 8}}", {"batch_size": 8, "predict_samples": 6}),
        ("model: {class_path: zoo.GAN}", {"class": "zoo.GAN", "latent_dim": 4}),
        ("model: {init_args: {generator_options: {norm: none}}}", {"generator_options": {"norm": "none"}}),
    ],
    ids=["model", "trainer", "data", "class", "dictionary"],
)
def test_the_second_configuration_changes_the_first(second, expected, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "second.yaml").write_text(second)
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", "--config=tiny.yaml", "--config=second.yaml", "--print_config=skip_null"])
    assert stop.value.code == 0
    found = yaml.safe_load(capsys.readouterr().out)
    flat = {"class": found["model"]["class_path"]} | found["model"]["init_args"] | found["data"]["init_args"]
    flat |= found["trainer"]
    assert {key: flat[key] for key in expected} == expected


@pytest.mark.parametrize(
    "argv",
    [
        ["--trainer.max_steps=9", "--config=tiny.yaml"],
        ["--trainer.max_steps", "9", "--config", "tiny.yaml"],
        [f"{MODEL}latent_dim=4", "--trainer.max_steps=9", "-c", "tiny.yaml"],
        ["--trainer.max_steps=9", f"{MODEL}latent_dim=4", "--model", "WGANGP", "-ctiny.yaml"],
    ],
    ids=" ".join,
)
def test_arguments_win_wherever_they_stand(argv, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        cli.main(["fit", *argv, "--print_config"])
    found = yaml.safe_load(capsys.readouterr().out)
    assert found["trainer"]["max_steps"] == 9
    assert found["model"]["class_path"] == "zoo.WGANGP"
    assert found["model"]["init_args"]["critic_steps"] == 5, "the class's own default"


def test_arguments_before_their_class_are_refused(tiny, tmp_path, monkeypatch, capsys):
    """They would come with another class's defaults: WGAN-GP with one critic step."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part.yaml").write_text("model: {init_args: {latent_dim: 7}}")
    for argv in (["-c", "part.yaml", "-c", "tiny.yaml"], ["--config=part.yaml", "--model=WGANGP"]):
        status, line = error(capsys, "fit", *argv)
        assert status == 2
        assert "part.yaml" in line
        assert "first" in line


def test_options_old_names_mean_the_new_ones_in_files_and_words(tmp_path):
    """The configuration of a run that was made before they moved goes on."""
    old = tmp_path / "old.yaml"
    moved = "component_grid: {num_images: 7}\nguard: {min_variety: 0.3}\ngenerator_ema: {decay: 0.9}\n"
    old.write_text(
        (ROOT / "configs" / "lsgan_mnist.yaml").read_text().replace("    average:", "    # average:") + moved
    )
    options = ["--component_grid.num_images=7", "--guard.min_variety=0.3", "--generator_ema.decay", "0.9"]
    for argv in (["--config", str(old)], ["--config", "lsgan_mnist", *options]):
        done = subprocess.run(
            [sys.executable, "cli.py", "fit", *argv, "--print_config"], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        config = yaml.safe_load(done.stdout)
        assert config["label_grid"]["num_images"] == 7
        assert config["guard"]["min_diversity"] == 0.3
        assert config["model"]["init_args"]["average"] == {"name": "steps", "decay": 0.9}

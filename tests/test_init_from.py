"""Trainings that begin from trained weights: what is taken, what is not, and that a resumed one takes nothing again."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

import zoo
from helpers.bundles import trained, write
from helpers.checkpoints import equal, put, spoil
from helpers.command_line import MODEL, error, weights
from helpers.models import MARKS, STILL, build, every_model
from helpers.runs import fit, small
from zoo.engine.errors import CheckpointError
from zoo.hub import bundle, showing, sources
from zoo.hub.fine_tuning import SHOWN, tensors_of_players

pytestmark = MARKS
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def few_images(monkeypatch):
    """In the pictures, which are not what is tested."""
    monkeypatch.setattr(showing, "IMAGES", 2)
    monkeypatch.setattr(showing, "COLUMNS", 2)


# -- what is taken --


@every_model
def test_both_players_are_the_bundles_and_nothing_of_its_training_is(cls, tmp_path):
    """The generator is the average; BEGAN's k and the like are of one training."""
    source, model = trained(cls), build(cls)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    taken = zoo.init_from(model, write(source, tmp_path / "b"))
    assert [taken.reshaped, taken.missing, taken.unused] == [[], [], []]
    assert equal(model.sampler.state_dict(), source.averaged.module.state_dict())
    assert equal(model.critic.state_dict(), source.critic.state_dict())
    assert not equal(model.sampler.state_dict(), source.sampler.state_dict())
    others = model.state_dict().keys() - tensors_of_players(model).keys()
    assert others == {name for name, _ in model.named_buffers(recurse=False)}
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in others)
    assert set(taken.fitting) | others == set(before)
    assert model.training
    assert model.trained_steps == 0


def test_a_checkpoint_gives_the_trained_generator_and_the_average_begins_from_it(tmp_path):
    source = small(average={"name": "steps", "decay": 0.5})
    fit(tmp_path, source, steps=3).save_checkpoint(path := tmp_path / "a.ckpt", weights_only=False)
    model = small(average={"name": "steps"}, generator_optimizer=STILL)
    zoo.init_from(model, path)
    assert equal(model.generator.state_dict(), source.generator.state_dict())
    fit(tmp_path, model, steps=2)
    assert model.averaged.updates == 2
    weight = model.averaged.module.generator.state_dict()
    for name, parameter in source.generator.named_parameters():
        assert torch.allclose(weight[name], parameter, rtol=1e-6), name
    assert not torch.equal(next(source.averaged.module.generator.parameters()), next(source.generator.parameters()))


def test_other_classes_keep_what_they_share_and_the_rest_is_listed(tmp_path):
    folder = write(trained(zoo.ACGAN), tmp_path / "b")
    model = build(zoo.ACGAN, num_classes=5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    taken = zoo.init_from(model, folder)
    state, held = model.state_dict(), sources.read(folder).saved["state_dict"]
    other = {name for name in state if state[name].shape != held[name].shape}
    assert {"classifier.weight", "classifier.bias"} <= other
    assert {each.split()[0] for each in taken.reshaped} == other
    for name, value in state.items():
        assert torch.equal(value, before[name] if name in other else held[name]), name
    told = str(taken)
    assert "classifier 0 of 2" in told
    assert "classifier.bias (3,), here (5,)" in told


def test_other_players_are_listed_and_the_list_has_an_end(tmp_path):
    folder = write(trained(zoo.WGANGP, critic_options={"hidden": [8, 9, 10, 11, 12]}), tmp_path / "b")
    model = small(zoo.ACGAN, network="mlp", image_shape=(1, 4, 4), num_classes=3, latent_dim=3)
    taken = zoo.init_from(model, folder)
    assert {"classifier.weight", "classifier.bias"} <= set(taken.missing)
    assert len(taken.unused) > SHOWN
    assert f"and {len(taken.unused) - SHOWN} more" in str(taken)
    assert len(str(taken)) < 1000


def test_nothing_is_changed_where_no_weight_fits(tmp_path):
    """A bias that fits by chance is none."""
    model, source = small(), trained(zoo.WGANGP, critic_options={"hidden": [9]}, generator_options={"hidden": [9]})
    assert model.critic.body[-1].bias.shape == source.critic.body[-1].bias.shape
    before = {name: value.clone() for name, value in model.state_dict().items()}
    folder = write(source, tmp_path / "b")
    with pytest.raises(CheckpointError, match=r"nothing of .*b, a WGANGP, fits: none of its weights"):
        zoo.init_from(model, folder)
    assert equal(model.state_dict(), before)


def test_an_average_that_a_model_has_is_forgotten(tmp_path):
    model = small()
    model.averaged = model.new_average()
    zoo.init_from(model, write(trained(zoo.WGANGP, **TINY), tmp_path / "b"))
    assert model.averaged is None


# -- a file is data --


def test_a_source_is_data(tmp_path):
    model = small()
    fit(tmp_path, model, steps=1).save_checkpoint(path := tmp_path / "a.ckpt", weights_only=False)
    weight = "critic.body.1.weight"
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for value, message in ((torch.full((8, 64), torch.nan), f"{weight} is not finite"), ("x", None)):
        spoilt = spoil(path, put("state_dict", weight, value=value))
        if message:
            with pytest.raises(CheckpointError, match=message):
                zoo.init_from(model, spoilt)
        else:
            assert weight in zoo.init_from(model, spoilt).missing
    counts = zoo.init_from(model, spoil(path, put("state_dict", weight, value=torch.zeros(8, 64).long())))
    assert counts.reshaped == [f"{weight} (8, 64) torch.int64, here (8, 64)"]
    assert equal(model.state_dict(), before)
    named = spoil(path, put("state_dict", "a\x1b[2J\n" * 99, value=torch.zeros(1)))
    assert str(zoo.init_from(model, named)).isprintable() is False  # its own line ends
    assert "\x1b" not in str(zoo.init_from(model, named))
    folder = write(trained(zoo.WGANGP), tmp_path / "b")
    (folder / bundle.WEIGHTS).write_bytes((folder / bundle.WEIGHTS).read_bytes()[:-1] + b"\x00")
    with pytest.raises(CheckpointError, match="sha256"):
        zoo.init_from(build(zoo.WGANGP), folder)


def test_no_class_of_the_source_is_needed(tmp_path):
    """Weights alone are taken: who made them need not be imported."""
    folder = write(trained(zoo.WGANGP), tmp_path / "b")
    config = json.loads((folder / bundle.CONFIG).read_text()) | {"class": "os.system"}
    (folder / bundle.CONFIG).write_text(json.dumps(config))
    assert zoo.init_from(build(zoo.WGANGP), folder).model_class == "os.system"


# -- at the command line --


@pytest.fixture
def source(run):
    """A bundle of the tiny recipe's model, in the current folder."""
    return write(trained(zoo.WGANGP, **TINY), Path("source"))


TINY = {
    "image_shape": (1, 8, 8),
    "generator_options": {"hidden": [8]},
    "critic_options": {"hidden": [8]},
    "latent_dim": 4,
}
FIXED = [f"{MODEL}{player}_optimizer={{name: sgd, lr: 0.0}}" for player in ("generator", "critic")]


def test_a_run_begins_from_the_weights_and_says_so(run, source, capsys):
    folder = run("fit", "--init_from=source", "--trainer.max_steps=1", *FIXED)
    held = sources.read(source).saved["state_dict"]
    saved = weights(folder / "checkpoints/last.ckpt")
    parameters = dict(zoo.WGANGP(**TINY).named_parameters())
    assert all(torch.equal(saved[name], held[name]) for name in parameters)
    log = (folder / "log.txt").read_text()
    assert "from source, WGANGP after 12 steps: tensors that fit: critic 4 of 4, generator 9 of 9" in log
    made_with = yaml.safe_load((folder / "environment.yaml").read_text())["init_from"]
    config = json.loads((source / bundle.CONFIG).read_text())
    assert made_with == {
        "source": "source", "class": "WGANGP", "step": 12, "sha256": config["weights"]["sha256"], "fitting": 13,
        "not_fitting": 0,
    }  # fmt: skip
    assert yaml.safe_load((folder / "config.yaml").read_text())["init_from"] == "source"


def test_a_resumed_run_never_looks_at_the_source_again(run, source):
    whole = run("fit", "--init_from=source")
    half = run("fit", "--init_from=source", "--trainer.max_steps=2")
    shutil.rmtree(source)
    config = str(half / "config.yaml")
    resumed = run("fit", "--ckpt_path=last", "--trainer.max_steps=4", config=config)
    again = run("fit", "--init_from=source", "--ckpt_path=auto", "--trainer.max_steps=6")
    assert equal(*(weights(each / "checkpoints/last.ckpt") for each in (whole, resumed)))
    assert torch.load(again / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 6
    assert "init_from" not in yaml.safe_load((resumed / "environment.yaml").read_text())


def test_what_cannot_be_meant_is_one_line(run, source, capsys):
    plain = run("fit", "--trainer.max_steps=2")
    last = plain / "checkpoints/last.ckpt"
    for argv, causes in (
        (["fit", "--init_from=source", f"--ckpt_path={last}"], ["--init_from", "--ckpt_path", "one of them"]),
        (["fit", "--init_from=source", "--ckpt_path=auto"], ["auto", "began with none", "--name"]),
        (["test", "--init_from=source"], ["--init_from is for fit"]),
        (["fit", "--init_from=r3gan_mnist"], ["nothing of r3gan_mnist, a R3GAN, fits"]),
        (["fit", "--init_from=nobody"], ["no model is called 'nobody'", "quickstart"]),
        (["fit", "--init_from=tiny.yaml"], ["tiny.yaml is no checkpoint of this zoo"]),
        (["fit", "--init_frm=source"], ["--init_from"]),
    ):
        command, *rest = argv
        status, line = error(capsys, command, "--config=tiny.yaml", *rest)
        assert status == 2
        assert all(cause in line for cause in causes), line
    assert len(list(plain.parent.iterdir())) == 1
    config = plain / "config.yaml"
    config.write_text(config.read_text().replace("init_from: null", "init_from: gone"))
    run("test", "--ckpt_path=last", config=str(config))  # its own weights, whatever it began with
    assert (plain / "scores.json").is_file()


@pytest.mark.slow
@pytest.mark.ddp
def test_two_processes_begin_from_the_same_weights(run, source):
    argv = ["fit", "--config=tiny.yaml", "--init_from=source", "--trainer.max_steps=1", "--trainer.devices=2", *FIXED]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *argv], env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (done.stdout + done.stderr).count("tensors that fit") == 1
    (path,) = Path().glob("runs/tiny/*/checkpoints/last.ckpt")
    held = sources.read(source).saved["state_dict"]
    parameters = dict(zoo.WGANGP(**TINY).named_parameters())
    assert all(torch.equal(weights(path)[name], held[name]) for name in parameters)

"""Harm that a checkpoint of somebody's could do beside its weights: to files, to memory, to callbacks."""

import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

import zoo
from helpers.checkpoints import MOMENT, WEIGHT, equal, put, spoil
from helpers.command_line import error, weights
from helpers.runs import digits, small, trainer
from zoo.engine.checkpoints.checkpoint_file import read_file
from zoo.engine.checkpoints.trusted_optimizers import trial_state
from zoo.engine.errors import CheckpointError


@pytest.fixture
def trained(run, tmp_path):
    """The checkpoint of a run of two steps, outside of its run."""
    return Path(
        shutil.copy(run("fit", "--trainer.max_steps=2") / "checkpoints" / "last.ckpt", tmp_path / "trained.ckpt")
    )


def laughs(saved):
    """Thirty lists, each of which holds the last one nine times: 9 ** 30 values in a few bytes."""
    many = [0.0]
    for _ in range(30):
        many = [many] * 9
    saved["hyper_parameters"]["critic_options"] = many


def test_a_list_that_never_ends_is_refused(trained, capsys):
    status, line = error(capsys, "fit", "--config=tiny.yaml", f"--ckpt_path={spoil(trained, laughs)}")
    assert (status, "too many values" in line) == (2, True), line


def test_a_small_file_stays_small(trained, tmp_path, capsys):
    """Zeros pack a thousandfold; torch itself never packs."""
    packed = tmp_path / "packed.ckpt"
    with zipfile.ZipFile(trained) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for member in source.infolist():
            target.writestr(member.filename, source.read(member) + bytes(10_000_000) * ("data/0" in member.filename))
    assert packed.stat().st_size < 1_000_000
    status, line = error(capsys, "test", "--config=tiny.yaml", f"--ckpt_path={packed}")
    assert (status, "packed" in line) == (2, True), line


def test_a_file_that_never_ends_is_refused(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.ckpt")
    status, line = error(capsys, "test", "--config=tiny.yaml", "--ckpt_path=pipe.ckpt")
    assert status == 2
    assert "pipe.ckpt" in line


def test_a_checkpoint_removes_and_writes_nothing_of_its_choice(trained, tmp_path, run):
    """Lightning takes the paths of files to remove from the checkpoint, and removes folders as well as files."""
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "thesis.txt").write_text("years")
    address = f"local://{kept}"  # Lightning removes no local path outside of its folder, but anything elsewhere

    def change(saved):
        for state in saved["callbacks"].values():
            if "best_k_models" in state:
                del state["dirpath"]  # which Lightning takes for its own folder
                state["best_k_models"] = {address: torch.tensor(9e9)}
                state["kth_best_model_path"] = state["best_model_path"] = state["last_model_path"] = address
                state["kth_value"] = torch.tensor(9e9)

    resumed = run("fit", f"--ckpt_path={spoil(trained, change)}")
    assert (resumed / "checkpoints" / "best.ckpt").is_file(), "the resumed run's best is its own"
    assert (kept / "thesis.txt").read_text() == "years"


def test_lightnings_own_checkpoints_are_not_led_astray_either(tmp_path):
    """From Python, with a ModelCheckpoint of the user's, which saves and removes at every step."""
    kept = tmp_path / "kept.ckpt"
    kept.write_text("years")
    address = f"local://{kept}"
    own = ModelCheckpoint(monitor="train/critic_loss", every_n_train_steps=1, save_top_k=1)
    first = trainer(tmp_path / "sender", own, steps=2, log_every_n_steps=1)
    first.fit(small(), digits())
    first.save_checkpoint(path := tmp_path / "sent.ckpt", weights_only=False)

    def change(saved):
        state = saved["callbacks"][own.state_key]
        del state["dirpath"]
        state |= {"best_k_models": {address: torch.tensor(9e9)}, "kth_best_model_path": address}
        state |= {"kth_value": torch.tensor(9e9), "best_model_path": address}

    again = ModelCheckpoint(monitor="train/critic_loss", every_n_train_steps=1, save_top_k=1)
    trainer(tmp_path / "user", again, steps=6, log_every_n_steps=1).fit(
        small(), digits(), ckpt_path=spoil(path, change)
    )
    assert kept.read_text() == "years"
    assert again.best_model_path != address


def test_a_checkpoint_chooses_no_rate(trained, run):
    """The optimizers' options are the configuration's, whatever the file says."""

    def change(saved):
        for state in saved["optimizer_states"]:
            state["param_groups"][0] |= {"lr": 1e9, "maximize": True}

    honest, misled = run("fit", f"--ckpt_path={trained}"), run("fit", f"--ckpt_path={spoil(trained, change)}")
    one, other = (weights(each / "checkpoints" / "last.ckpt") for each in (honest, misled))
    assert equal(one, other)


def test_python_is_protected_as_the_command_line_is(tmp_path):
    first = trainer(tmp_path, steps=2)
    first.fit(small(), digits())
    first.save_checkpoint(path := tmp_path / "whole.ckpt", weights_only=False)
    spoilt = spoil(path, put(*MOMENT, value=torch.zeros(1)))
    with pytest.raises(CheckpointError, match=r"exp_avg is \(1,\) in the checkpoint"):
        trainer(tmp_path, steps=3).fit(small(), digits(), ckpt_path=spoilt)
    nan = spoil(path, put("state_dict", WEIGHT, value=torch.full((8, 64), torch.nan)), "nan")
    with pytest.raises(CheckpointError, match="not finite"):
        zoo.WGANGP.load_from_checkpoint(nan)
    assert isinstance(zoo.WGANGP.load_from_checkpoint(spoilt), zoo.WGANGP), "optimizers are not needed to sample"


def test_lightnings_early_stopping_is_resumed_and_cannot_be_confused(tmp_path):
    patient = EarlyStopping("train/critic_loss", patience=100)
    first = trainer(tmp_path, patient, steps=2)
    first.fit(small(), digits())
    first.save_checkpoint(path := tmp_path / "whole.ckpt", weights_only=False)
    trainer(tmp_path, EarlyStopping("train/critic_loss", patience=100), steps=3).fit(small(), digits(), ckpt_path=path)
    spoilt = spoil(path, put("callbacks", patient.state_key, "best_score", value="x"))
    with pytest.raises(CheckpointError, match="best_score is a str"):
        trainer(tmp_path, EarlyStopping("train/critic_loss", patience=100), steps=3).fit(
            small(), digits(), ckpt_path=spoilt
        )


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"name": "adam", "lr": 1.0}, {"step", "exp_avg", "exp_avg_sq"}),
        ({"name": "rmsprop", "lr": 1.0}, {"step", "square_avg"}),
        ({"name": "sgd", "lr": 1.0, "momentum": 0.5}, {"momentum_buffer"}),
    ],
)
def test_what_an_optimizer_keeps_is_known(config, keys):
    assert trial_state(config).keys() == keys


@pytest.mark.parametrize("optimizer", ["rmsprop", "sgd"])
def test_every_optimizer_resumes(optimizer, run):
    argv = [
        f"--model.init_args.{player}_optimizer={{name: {optimizer}, lr: 1e-4}}" for player in ("critic", "generator")
    ]
    half = run("fit", "--trainer.max_steps=2", *argv)
    assert run("fit", f"--ckpt_path={half}/checkpoints/last.ckpt", *argv)


def test_tensors_stay_on_disk_until_they_are_looked_at(trained):
    saved = read_file(trained)
    assert saved["state_dict"][WEIGHT].shape == (8, 64)

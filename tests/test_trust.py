"""A checkpoint that somebody sent is data: it chooses no path, no size and no code, or it is refused in one line."""

import contextlib
import os
import shutil
import zipfile
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

import cli
import zoo
from command_line import error, same, weights
from conftest import TINY
from small_runs import digits, small, trainer
from zoo.checkpoint_file import read_file
from zoo.errors import CheckpointError
from zoo.trusted_optimizers import trial_state


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The checkpoint of a run of two steps."""
    folder = tmp_path_factory.mktemp("template")
    (folder / "tiny.yaml").write_text(TINY)
    with contextlib.chdir(folder):
        cli.main(["fit", "--config", "tiny.yaml", "--trainer.max_steps=2"])
    (path,) = folder.glob("runs/tiny/*/checkpoints/last.ckpt")
    return path


@pytest.fixture
def trained(template, tmp_path, tiny, monkeypatch):
    """A copy of it, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copy(template, tmp_path / "trained.ckpt"))


def spoil(path, change, name="spoilt"):
    """A copy of a checkpoint, changed."""
    saved = torch.load(path, weights_only=True)
    result = change(saved)
    torch.save(saved if result is None else result, spoilt := path.with_name(f"{name}.ckpt"))
    return spoilt


def first(saved):
    """What the critic's optimizer keeps of the first weight."""
    return saved["optimizer_states"][0]["state"][0]


def put(*keys, value):
    """A change that puts a value at a path of keys."""

    def change(saved):
        *way, last = keys
        for key in way:
            saved = saved[key]
        saved[last] = value

    return change


def drop(*keys):
    """A change that removes what lies at a path of keys."""

    def change(saved):
        *way, last = keys
        for key in way:
            saved = saved[key]
        del saved[last]

    return change


WEIGHT = "critic.body.1.weight"
LOOP = "loops", "fit_loop"
MOMENT = "optimizer_states", 0, "state", 0, "exp_avg"
SPOILT = {
    "a moment of one number": (put(*MOMENT, value=torch.zeros(1)), ["critic", "exp_avg", "(1,)"]),
    "a moment of integers": (put(*MOMENT, value=torch.zeros(8, 64, dtype=torch.int64)), ["exp_avg", "int64"]),
    "a moment that is no tensor": (put(*MOMENT, value=1.0), ["exp_avg", "float"]),
    "a moment that is nan": (put(*MOMENT, value=torch.full((8, 64), torch.nan)), ["exp_avg", "not finite"]),
    "two moments in one place": (
        lambda saved: first(saved).update(exp_avg_sq=first(saved)["exp_avg"]),
        ["shares its place"],
    ),
    "bytes that nobody needs": (put("schedule", "x", value=torch.zeros(2**23)), ["bytes, more than"]),
    "no moment": (drop(*MOMENT), ["critic", "exp_avg"]),
    "a step that is a list": (put(*MOMENT[:-1], "step", value=[1.0]), ["step"]),
    "no state of one weight": (drop(*MOMENT[:-1]), ["critic", "3 weights"]),
    "no state of any weight": (put("optimizer_states", 1, "state", value={}), ["generator", "0 weights"]),
    "one optimizer": (drop("optimizer_states", 1), ["optimizers"]),
    "no optimizers": (drop("optimizer_states"), ["optimizers"]),
    "groups of more weights": (
        put("optimizer_states", 0, "param_groups", 0, "params", value=[0, 1, 2, 3, 4, 5]),
        ["4 weights"],
    ),
    "groups that are text": (put("optimizer_states", 0, "param_groups", value="x"), ["4 weights"]),
    "a weight of another shape": (put("state_dict", WEIGHT, value=torch.zeros(8, 63)), [WEIGHT, "(8, 64)"]),
    "a weight of integers": (put("state_dict", WEIGHT, value=torch.zeros(8, 64).long()), [WEIGHT, "int64"]),
    "a weight that is nan": (put("state_dict", WEIGHT, value=torch.full((8, 64), torch.nan)), [WEIGHT, "not finite"]),
    "a weight that is text": (put("state_dict", WEIGHT, value="x"), [WEIGHT, "str"]),
    "a weight less": (drop("state_dict", WEIGHT), ["no", WEIGHT]),
    "a weight more": (put("state_dict", "more", value=torch.zeros(1)), ["unknown more"]),
    "a weight that is one number, many times": (
        put("state_dict", WEIGHT, value=torch.zeros(1).expand(8, 64)),
        ["place"],
    ),
    "a weight whose numbers overlap": (
        put("state_dict", WEIGHT, value=torch.zeros(100).as_strided((8, 64), (1, 1))),
        ["place"],
    ),
    "a sparse weight": (put("state_dict", WEIGHT, value=torch.zeros(8, 64).to_sparse()), ["plain numbers"]),
    "a complex weight": (put("state_dict", WEIGHT, value=torch.zeros(8, 64) * 1j), ["plain numbers"]),
    "a weight without numbers": (put("state_dict", WEIGHT, value=torch.zeros(8, 64, device="meta")), ["plain numbers"]),
    "hyperparameters that are a list": (put("hyper_parameters", value=[1]), ["hyper_parameters", "list"]),
    "a hyperparameter that is a list": (put("hyper_parameters", "latent_dim", value=[4]), ["latent_dim", "[4]"]),
    "weights that are a list": (put("state_dict", value=[]), ["state_dict", "list"]),
    "a name that is a number": (put("state_dict", 3, value=torch.zeros(1)), ["names"]),
    "steps that are text": (put("global_step", value="2"), ["global_step", "str"]),
    "steps below 0": (put("global_step", value=-2), ["global_step", "-2"]),
    "other steps than were counted": (put("global_step", value=1), ["1 steps"]),
    "no schedule": (drop("schedule"), ["schedule"]),
    "a schedule of text": (put("schedule", "made", value="x"), ["schedule.made", "str"]),
    "a version that is none": (put("pytorch-lightning_version", value="x"), ["pytorch-lightning_version"]),
    "a counter below 0": (put(*LOOP, "epoch_progress", "total", "ready", value=-1), ["epoch_progress", "-1"]),
    "a counter of text": (put(*LOOP, "epoch_progress", "total", "ready", value="x"), ["epoch_progress"]),
    "no counters": (drop(*LOOP), ["fit_loop"]),
    "half of the counters": (drop(*LOOP, "epoch_progress"), ["fit_loop"]),
    "the guard's memory is a number": (put("callbacks", "Guard", value={"suspected": 3}), ["Guard.suspected"]),
    "a callback's state is a list": (put("callbacks", "Speed", value=[1]), ["Speed"]),
    "a list, not a dictionary": (lambda saved: [saved], ["a list"]),
}


@pytest.mark.parametrize(("change", "told"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_checkpoint_is_refused_in_one_line(change, told, trained, capsys):
    spoilt = spoil(trained, change)
    status, line = error(capsys, "fit", "--config=tiny.yaml", f"--ckpt_path={spoilt}")
    assert status == 2
    assert all(text in line for text in told), line
    assert not list(Path("runs").glob("*/*/checkpoints/*.ckpt")), "nothing was trained"


def test_what_training_alone_needs_may_be_missing_in_a_test(trained, run):
    run("test", f"--ckpt_path={spoil(trained, drop('optimizer_states'))}")


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
    assert same(one, other)


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
    words = [
        f"--model.init_args.{player}_optimizer={{name: {optimizer}, lr: 1e-4}}" for player in ("critic", "generator")
    ]
    half = run("fit", "--trainer.max_steps=2", *words)
    assert run("fit", f"--ckpt_path={half}/checkpoints/last.ckpt", *words)


def test_tensors_stay_on_disk_until_they_are_looked_at(trained):
    saved = read_file(trained)
    assert saved["state_dict"][WEIGHT].shape == (8, 64)


def test_no_command_without_a_checkpoint_is_disturbed(run):
    cli.main(["test", "--config", "tiny.yaml"])

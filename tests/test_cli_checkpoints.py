"""Checkpoints at the command line: found, resumed, and refused where they are another model's or none."""

import os
import pickle
from pathlib import Path

import pytest
import torch

import cli
from helpers.checkpoints import equal
from helpers.command_line import DATA, MODEL, error, weights


def test_a_resumed_run_is_the_run_that_never_stopped(run):
    whole = run("fit")
    half = run("fit", "--trainer.max_steps=2")
    resumed = run("fit", "--ckpt_path=last")
    assert resumed != half
    assert equal(weights(whole / "checkpoints/last.ckpt"), weights(resumed / "checkpoints/last.ckpt"))
    assert torch.load(resumed / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 4


def test_last_and_best_are_those_of_the_newest_run(run, capsys):
    first, second = run("fit", "--trainer.max_steps=2"), run("fit", "--seed_everything=1")
    for name in ("last", "best"):
        os.utime(first / f"checkpoints/{name}.ckpt", (1, 1))
        run("test", f"--ckpt_path={name}")
        assert f"{second.name}/checkpoints/{name}.ckpt" in (second / "log.txt").read_text()
    assert not (first / "scores.json").exists()


@pytest.fixture
def trained(run):
    """The checkpoint of a run of two steps."""
    return run("fit", "--trainer.max_steps=2") / "checkpoints" / "last.ckpt"


@pytest.mark.parametrize(
    ("command", "argv", "causes"),
    [
        ("fit", [f"{MODEL}gp_weight=7"], ["gp_weight", "10.0", "7.0"]),
        ("fit", [f"{MODEL}critic_steps=2"], ["critic_steps", "5", "2"]),
        ("fit", [f"{MODEL}latent_dim=3"], ["latent_dim", "4", "3"]),
        ("test", [f"{MODEL}latent_dim=3"], ["latent_dim", "4", "3"]),
        ("predict", [f"{MODEL}generator_options", "{hidden: [9]}"], ["generator_options", "[8]", "[9]"]),
        ("validate", [f"{DATA}image_size=9"], ["image_shape", "[1, 8, 8]", "[1, 9, 9]"]),
        ("test", ["--config=other.yaml"], ["class", "WGANGP", "GAN"]),
        ("fit", ["--config=other.yaml"], ["class", "WGANGP", "GAN"]),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_a_checkpoint_of_another_model_is_refused(command, argv, causes, trained, tiny, tmp_path, run, capsys):
    other = tiny.read_text().replace("zoo.WGANGP", "zoo.GAN")
    (tmp_path / "other.yaml").write_text(other)
    status, line = error(capsys, command, "--config", "tiny.yaml", *argv, f"--ckpt_path={trained}")
    assert status == 2
    assert all(text in line for text in [str(trained), *causes]), line


def test_what_is_not_trained_may_differ(trained, run):
    """Where nothing is trained, the penalty's weight and the optimizers say nothing about the weights."""
    run("test", f"--ckpt_path={trained}", f"{MODEL}gp_weight=7", f"{MODEL}critic_optimizer", "{name: sgd, lr: 1}")
    assert list(Path().rglob("scores.json"))


def test_options_in_another_order_are_the_same(trained, run, tiny):
    optimizers = "critic_optimizer: {eps: 1.0e-8, betas: [0.0, 0.9], lr: 1.0e-4, name: adam}"
    tiny.write_text(tiny.read_text().replace("latent_dim: 4", f"latent_dim: 4\n    {optimizers}"))
    folder = run("fit", f"--ckpt_path={trained}")
    assert (folder / "checkpoints" / "last.ckpt").is_file()


def test_a_checkpoint_that_is_older_than_an_option_had_its_default(trained, run):
    saved = torch.load(trained, weights_only=True)
    assert saved["hyper_parameters"].pop("reuse_critic_noise") is False
    torch.save(saved, trained)
    run("fit", f"--ckpt_path={trained}")


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("command", ["fit", "test"])
@pytest.mark.parametrize("kind", ["truncated", "pickle", "bomb", "foreign"])
def test_a_file_that_is_no_checkpoint_is_refused(kind, command, trained, tmp_path, capsys):
    path = tmp_path / f"{kind}.ckpt"
    if kind == "truncated":
        path.write_bytes(trained.read_bytes()[:-500])
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Bomb(str(tmp_path / "exploded"))))
    elif kind == "bomb":
        torch.save(torch.load(trained, weights_only=True) | {"bomb": Bomb(str(tmp_path / "exploded"))}, path)
    else:
        torch.save({"weights": torch.zeros(3)}, path)
    status, line = error(capsys, command, "--config", "tiny.yaml", f"--ckpt_path={path}")
    assert status == 2
    assert str(path) in line
    assert not (tmp_path / "exploded").exists()


def test_the_bomb_would_explode(tmp_path):
    pickle.loads(pickle.dumps(Bomb(str(tmp_path / "exploded"))))
    assert (tmp_path / "exploded").exists()


def test_a_restartable_run_starts_then_resumes_then_has_nothing_to_do(run, capsys):
    first = run("fit", "--ckpt_path=auto", "--trainer.max_steps=2")
    assert torch.load(first / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2
    second = run("fit", "--ckpt_path=auto", "--trainer.max_steps=4")
    assert second != first
    assert f"{first.name}/checkpoints/last.ckpt" in (second / "log.txt").read_text()
    with pytest.raises(SystemExit) as end:
        cli.main(["fit", "--config=tiny.yaml", "--ckpt_path=auto", "--trainer.max_steps=4"])
    assert end.value.code == 0
    assert "nothing is left to train" in capsys.readouterr().out
    assert len(list(first.parent.iterdir())) == 2
    status, line = error(capsys, "test", "--config", "tiny.yaml", "--ckpt_path=auto")
    assert status == 2
    assert "auto is for fit" in line


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--seed_everything=7"], "seed is 0, not 7"),
        ([f"{DATA}batch_size=9"], "images_per_step is"),
        ([f"{DATA}sampling=replacement"], "sampling is epoch, not replacement"),
        ([f"{DATA}flip=true"], "flip is False, not True"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_run_does_not_go_on_with_other_images(argv, message, trained, capsys):
    status, line = error(capsys, "fit", "--config", "tiny.yaml", *argv, f"--ckpt_path={trained}")
    assert status == 2
    assert message in line

"""Wrong arguments, keys, files and values at the command line: one line that names them."""

from pathlib import Path

import pytest

import cli
from helpers.command_line import DATA, MODEL, error

WRONG = [
    (["fit", "--config", "nope"], "'nope'"),
    (["fit", "-c", "nope"], "'nope'"),
    (["fit", "--config=nope.yaml"], "'nope.yaml'"),
    (["fit", "--config"], "--config"),
    ([], "list or scorer"),
    (["fitt"], "fitt"),
    (["fit"], "model"),
    (["fit", "--model", "zoo.GAN"], "data"),
    (["tiny", f"{MODEL}clp=1"], "'clp'"),
    (["tiny", "--trainer.max_epoch=3"], "--trainer.max_epoch"),
    (["tiny", "--trainer.max_step", "3"], "--trainer.max_step"),
    (["tiny", "--modl.lr=3"], "--modl.lr"),
    (["tiny", "stray"], "stray"),
    (["tiny", "--image_grid.every=3"], "--image_grid.every"),
    (["tiny", "--model", "zoo.Nope"], "'Nope'"),
    (["tiny", "--data", "datamodules.Nope"], "'Nope'"),
    (["tiny", "--model", "datamodules.DigitsDataModule"], "DigitsDataModule"),
    (["tiny", "--trainer.max_steps=two"], "two"),
    (["tiny", "--trainer.precision=7"], "trainer.precision"),
    (["tiny", f"{MODEL}critic_steps=0"], "critic_steps"),
    (["tiny", f"{MODEL}critic_steps=many"], "critic_steps"),
    (["tiny", f"{MODEL}network=nope"], "'nope'"),
    (["tiny", f"{MODEL}generator_options", "{hiden: [3]}"], "'hiden'"),
    (["tiny", f"{MODEL}gp_weight=-1"], "gp_weight"),
    (["tiny", f"{MODEL}gp_w=1"], "'gp_w'"),
    (["quickstart", f"{MODEL}critic_optimizer.lr=-1"], "critic_optimizer: lr"),
    (["quickstart", f"{MODEL}critic_optimizer.lr=.nan"], "critic_optimizer: lr"),
    (["tiny", f"{MODEL}critic_optimizer", "{name: adam, lr: 1e-4, betas: [1.0, 0.9]}"], "betas"),
    (["tiny", f"{MODEL}critic_optimizer", "{name: adam, lr: 1e-4, beta: 1}"], "'beta'"),
    (["tiny", f"{MODEL}critic_optimizer", "{name: sgd, lr: 1e-4, eps: 0.1}"], "'eps'"),
    (["tiny", f"{MODEL}generator_optimizer", "{name: adamm, lr: 1e-4}"], "adamm"),
    (["tiny", f"{MODEL}image_shape", "[1, 9, 9]"], "image_shape"),
    (["tiny", f"{DATA}batch_size=0"], "batch_size"),
    (["tiny", f"{DATA}size=3"], "'size'"),
    (["tiny", "--trainer.devices=0"], "devices"),
    (["tiny", "--trainer.accelerator=abacus"], "abacus"),
    (["tiny", "--trainer.val_check_interval=0"], "val_check_interval"),
    (["tiny", "--trainer.callbacks=Nope"], "Nope"),
    (["tiny", "--loggers=[wandbb]"], "wandbb"),
    (["tiny", "--best_checkpoint.monitor=nope"], "nope"),
    (["tiny", "--best_checkpoint.monitor=fid"], "val/fid"),
    (["tiny", "--best_checkpoint.monitor=val/fidd"], "val/fid?"),
    (["tiny", "--seed_everything=-1"], "seed_everything"),
    (["tiny", "--ckpt_path=nope.ckpt"], "nope.ckpt"),
    (["tiny", "--ckpt_path=last"], "last.ckpt"),
    (["tiny", f"{MODEL}accumulate=3"], "accumulate=3"),
    (["tiny", f"{MODEL}generator_options", "{hidden: [0]}"], "widths must be at least 1"),
    (["tiny", f"{MODEL}prior=gaussian_mixture", f"{MODEL}prior_options", "{sigma_init: null}"], "sigma_init"),
    (["tiny", f"{MODEL}prior=gaussian_mixture", f"{MODEL}prior_options", "{sampling: stratified, components: 3}"], "3"),
    (["tiny", "--name=../x"], "--name ../x"),
    (["tiny", "--scores.every_n_steps=3", "--trainer.val_check_interval=2"], "every_n_steps 3"),
    (["tiny", "--last_checkpoint.every_n_steps=0"], "LastCheckpoint: every_n_steps"),
    (["tiny", "--ckpt_path=garbage.ckpt"], "garbage.ckpt"),
    (["tiny", "--trainer.default_root_dir=garbage.ckpt"], "garbage.ckpt"),
    (["fit", "--config", "broken.yaml"], "broken.yaml"),
    (["fit", "--config", "binary.yaml"], "binary.yaml"),
    (["fit", "--config", "list.yaml"], "list.yaml"),
    (["fit", "--config", "empty.yaml"], "empty.yaml"),
    (["fit", "--config", "."], "'.'"),
]


ELSEWHERE = ["--data=datamodules.MNISTDataModule", f"{DATA}data_dir=elsewhere"]


@pytest.mark.parametrize(("argv", "culprit"), WRONG, ids=[" ".join(argv) or "nothing" for argv, _ in WRONG])
def test_what_is_wrong_is_named_in_one_line(argv, culprit, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, content in (
        ("broken.yaml", b"model: [1\n  x: }"),
        ("binary.yaml", b"\xff\xfe\x00\x01"),
        ("list.yaml", b"- 1\n"),
        ("empty.yaml", b""),
        ("garbage.ckpt", b"garbage"),
    ):
        Path(name).write_bytes(content)
    recipes = {"tiny": "tiny.yaml", "quickstart": "quickstart"}
    if argv[:1] and argv[0] in recipes:
        argv = ["fit", "--config", recipes[argv[0]], *argv[1:]]
    status, line = error(capsys, *argv)
    assert status == 2
    assert line.startswith("ganzoo: error: ")
    assert culprit in line


def test_debug_shows_where_an_error_was_found(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for argv, where in (([f"{MODEL}critic_steps=0"], "in check_arguments"), ([*ELSEWHERE], "in load")):
        with pytest.raises(SystemExit):
            cli.main(["fit", "--config", "tiny.yaml", "--debug", *argv])
        message = capsys.readouterr().err
        assert "ganzoo: error: " in message
        assert "Traceback" in message
        assert where in message


def test_a_mistake_leaves_no_folder(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    error(capsys, "fit", "--config", "tiny.yaml", f"{MODEL}critic_steps=0")
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("argv", "culprit"),
    [
        (ELSEWHERE, "elsewhere/MNIST/raw/"),
    ],
)
def test_wrong_data_is_named_in_one_line(argv, culprit, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, line = error(capsys, "fit", "--config", "tiny.yaml", *argv)
    assert status == 1
    assert culprit in line
    assert not Path("runs").exists()


def test_a_batch_that_the_data_cannot_fill_is_a_wrong_value(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, line = error(capsys, "fit", "--config", "tiny.yaml", f"{DATA}batch_size=5000")
    assert status == 2
    assert "25000 images" in line


def test_a_checkpoint_with_nothing_left_to_train_is_an_error(run, capsys):
    run("fit")
    status, line = error(capsys, "fit", "--config", "tiny.yaml", "--ckpt_path=last", "--trainer.max_steps=3")
    assert status == 2
    assert "has 4 steps" in line


def test_a_monitor_without_its_scorer_is_an_error_at_once(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    toy = "--data=datamodules.ToyDataModule"  # no classifier ships for points
    status, line = error(capsys, "fit", "--config", "tiny.yaml", toy, "--best_checkpoint.monitor=val/fid")
    assert status == 2
    assert "needs a scorer" in line


@pytest.mark.parametrize(("score", "metric"), [("recall", "precision_recall"), ("sliced_wasserstein",) * 2])
def test_a_monitor_that_is_not_computed_is_an_error_at_once(score, metric, tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    argv = ["--scores.metrics=[fid]", f"--best_checkpoint.monitor=val/{score}"]
    status, line = error(capsys, "fit", "--config", "tiny.yaml", *argv)
    assert status == 2
    assert f"add {metric} to --scores.metrics" in line

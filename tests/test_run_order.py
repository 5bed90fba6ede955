"""Which checkpoint a command means, and what is kept of a run that ends badly."""

import os
import shutil

import pytest
import torch

from callbacks import LastCheckpoint
from helpers.command_line import error
from helpers.runs import digits, small, trainer
from zoo.engine.errors import NothingSavedError


def age(run, seconds):
    """Set the times of all files of a run."""
    for path in run.rglob("*"):
        os.utime(path, (seconds, seconds))


def resumed_from(run):
    return next(line for line in (run / "log.txt").read_text().splitlines() if "Restoring states" in line)


def test_the_newest_run_survives_a_clock_that_went_back(run, tmp_path):
    first, second = run("fit", "--trainer.max_steps=2"), run("fit", "--trainer.max_steps=2")
    earlier = second.with_name("1999-12-31_23-59-59")  # what the second would be called by such a clock
    second.rename(earlier)
    age(first, 2_000_000_000)
    age(earlier, 1_000_000_000)
    assert earlier.name in resumed_from(run("fit", "--ckpt_path=last"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", None], ids=["empty", "broken", "no file"])
def test_auto_falls_back_to_what_can_be_read_and_says_so(content, run):
    first, second = run("fit", "--trainer.max_steps=2"), run("fit", "--trainer.max_steps=2")
    broken = second / "checkpoints" / "last.ckpt"
    broken.unlink()
    broken.write_bytes(content) if content is not None else os.mkfifo(broken)
    third = run("fit", "--ckpt_path=auto")
    assert f"{first.name}/checkpoints/last.ckpt" in resumed_from(third)


def test_auto_says_which_it_left_out(run, monkeypatch):
    run("fit", "--trainer.max_steps=2")
    broken = run("fit", "--trainer.max_steps=2") / "checkpoints" / "last.ckpt"
    broken.write_bytes(b"")
    messages = []
    monkeypatch.setattr("commands.resuming.log.warning", lambda text, *values: messages.append(text % values))
    run("fit", "--ckpt_path=auto")
    assert len(messages) == 1
    assert f"{broken.parents[1].name}/checkpoints/last.ckpt" in messages[0]
    assert "(empty)" in messages[0]


def test_auto_does_not_begin_anew_where_all_are_broken(run, capsys):
    broken = run("fit", "--trainer.max_steps=2") / "checkpoints" / "last.ckpt"
    broken.write_bytes(b"")
    status, line = error(capsys, "fit", "--config=tiny.yaml", "--ckpt_path=auto")
    assert status == 2
    assert broken.parents[1].name in line


def test_auto_begins_where_there_is_nothing(run):
    assert run("fit", "--trainer.max_steps=2", "--ckpt_path=auto")


def test_a_runs_own_configuration_means_that_run(run):
    first = run("fit", "--trainer.max_steps=2")
    second = run("fit", "--trainer.max_steps=2", "--seed_everything=1")
    run("test", "--ckpt_path=last", config=str(first / "config.yaml"))
    assert (first / "scores.json").is_file()
    assert not (second / "scores.json").exists()
    resumed = run("fit", "--ckpt_path=last", "--trainer.max_steps=4", config=str(first / "config.yaml"))
    assert str(first) in resumed_from(resumed)


def test_what_a_killed_process_left_is_removed(run):
    first = run("fit", "--trainer.max_steps=2")
    left = first / "checkpoints" / ".last.ckpt.0a1b2c3d.part"
    left.write_bytes(b"half")
    run("fit", "--ckpt_path=last")
    assert not left.exists()


def test_a_picture_that_cannot_be_written_costs_no_checkpoint(run, tmp_path, monkeypatch):
    """A file lies where the folder of the pictures should be."""
    monkeypatch.setattr(
        "callbacks.pictures.pictures.samples_folder", lambda trainer: tmp_path / "in_the_way" / "samples"
    )
    (tmp_path / "in_the_way").write_text("")
    folder = run("fit")
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 4
    assert "no picture" in (folder / "log.txt").read_text()


NAN = "--model.init_args.generator_optimizer={name: sgd, lr: 1e38}"


def test_a_run_whose_weights_were_never_finite_does_not_end_well(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    status, line = error(capsys, "fit", "--config=tiny.yaml", NAN)
    assert status == 1
    assert "nothing was kept" in line
    assert not list(tmp_path.glob("runs/*/*/checkpoints/last.ckpt"))


def spoil(model):
    with torch.no_grad():
        next(model.generator.parameters()).fill_(torch.nan)


def test_a_run_that_was_finite_once_keeps_that(tmp_path):
    from lightning.pytorch import Callback

    class Spoil(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            if trainer.global_step == 3:
                spoil(pl_module)

    trainer(tmp_path, Spoil(), LastCheckpoint(every_n_steps=2)).fit(small(), digits())
    assert torch.load(tmp_path / "checkpoints/last.ckpt", weights_only=True)["global_step"] == 2
    with pytest.raises(NothingSavedError, match="step 4"):
        trainer(tmp_path / "other", Spoil(), LastCheckpoint(every_n_steps=4)).fit(small(), digits())


@pytest.mark.parametrize("of", ["running statistics", "moments"])
def test_what_will_spoil_the_weights_is_not_saved_either(of, tmp_path):
    from lightning.pytorch import Callback

    class Spoil(Callback):
        def on_train_batch_end(self, trainer, pl_module, *_):
            if of == "moments":
                next(iter(trainer.optimizers[0].state.values()))["exp_avg"].fill_(torch.nan)
            else:
                next(buffer for buffer in pl_module.buffers() if buffer.is_floating_point() and buffer.numel()).fill_(
                    torch.inf
                )

    model = small(generator_options={"hidden": [8, 8], "norm": "batch"})
    with pytest.raises(NothingSavedError):
        trainer(tmp_path, Spoil(), LastCheckpoint(every_n_steps=4)).fit(model, digits())


def test_numbers_grow_whatever_is_removed(run):
    first, second = run("fit", "--trainer.max_steps=2"), run("fit", "--trainer.max_steps=2")
    shutil.rmtree(first)
    third = run("fit", "--trainer.max_steps=2")
    assert [int((each / "number.txt").read_text()) for each in (second, third)] == [1, 2]

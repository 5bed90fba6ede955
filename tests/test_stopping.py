"""How runs end: when they are asked to, when another process of theirs is gone, and what each end says."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping

from callbacks import LastCheckpoint
from commands import recipes
from commands.ending import Ending
from commands.interrupts import Interrupts
from datamodules import DigitsDataModule
from helpers.runs import small, trainer

# -- epochs --


def fifty():
    """Five steps an epoch for `small`."""
    return DigitsDataModule(batch_size=50)


@pytest.mark.parametrize("stop", [1, 3, 4, 5, 7, 10, 12])
def test_a_run_stopped_amid_an_epoch_makes_as_many_epochs_in_the_end(stop, tmp_path):
    path = tmp_path / "checkpoints" / "last.ckpt"
    trainer(tmp_path, LastCheckpoint(), steps=stop).fit(small(), fifty())
    rest = trainer(tmp_path, steps=-1, max_epochs=3)
    rest.fit(small(), fifty(), ckpt_path=path, weights_only=True)
    assert (rest.global_step, rest.current_epoch) == (15, 3)


# -- why --


class AskToStop(Callback):
    """At step 3."""

    def on_train_batch_end(self, trainer, *_):
        """Lightning's."""
        trainer.should_stop = trainer.global_step == 3


@pytest.mark.parametrize(
    ("callbacks", "options", "told"),
    [
        ([], {"steps": 2}, "ended at step 2: max_steps 2 reached"),
        ([], {"steps": -1, "max_epochs": 1}, "ended at step 5: max_epochs 1 reached"),
        ([], {"steps": -1, "max_time": {"seconds": 0.001}}, "max_time reached"),
        ([AskToStop()], {"steps": 9}, "ended at step 3: a callback asked for it"),
        (
            [EarlyStopping("train/critic_loss", patience=1, stopping_threshold=1e9, check_on_train_epoch_end=True)],
            {"steps": 9, "max_epochs": 4},
            "ended at step 5: early stopping, Stopping threshold reached",
        ),
    ],
    ids=["steps", "epochs", "time", "callback", "early stopping"],
)
def test_every_end_says_which_step_and_why(callbacks, options, told, tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr("commands.ending.log.info", lambda text, *values: lines.append(text % values))
    trainer(tmp_path, Ending(), *callbacks, **options).fit(small(), fifty())
    assert len(lines) == 1
    assert told in lines[0]


def test_the_end_is_in_the_log_of_the_run(run):
    assert "ended at step 4: max_steps 4 reached" in (run("fit") / "log.txt").read_text()


# -- requests --


def test_the_first_request_is_a_flag_and_the_second_an_exception():
    told = []
    interrupts = Interrupts()
    interrupts.running, interrupts.forward = True, told.append
    interrupts.handle(signal.SIGINT, None)
    assert interrupts.received == told == [signal.SIGINT]
    assert interrupts.status == 130
    interrupts.handle(signal.SIGTERM, None)  # a scheduler that asks again is patient
    with pytest.raises(KeyboardInterrupt):
        interrupts.handle(signal.SIGINT, None)


@pytest.mark.parametrize(("signum", "end"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_where_nothing_runs_a_request_is_an_end(signum, end):
    with pytest.raises(end) as stop:
        Interrupts().handle(signum, None)
    assert end is KeyboardInterrupt or stop.value.code == 143


# -- real processes --


def start(folder, *words, devices=2, **environment):
    path = os.pathsep.join([str(recipes.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "cli", "fit", "--config=quickstart", "--trainer.accelerator=cpu"]
    command += [f"--trainer.devices={devices}", "--trainer.max_steps=1000000", "--loggers=[csv]"]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [*command, *words],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_for_steps(run, folder):
    """Until training is under way."""
    deadline = time.monotonic() + 120
    while not list(folder.glob("runs/*/*/samples/step_0000100.png")):
        assert run.poll() is None, (folder / "log").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(run):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(run.pid)], capture_output=True, text=True, check=True)
    return [int(pid) for pid in listed.stdout.split() if pid.isdigit() and is_rank(int(pid))]


def is_rank(pid):
    path = Path(f"/proc/{pid}/cmdline")
    return path.exists() and b"fit" in path.read_bytes()


def ended(run, folder, seconds=40):
    """The exit status, and what was printed; nothing of the run may be left."""
    try:
        status = run.wait(timeout=seconds)
        deadline = time.monotonic() + seconds
        while group := subprocess.run(["pgrep", "-g", str(run.pid)], capture_output=True, text=True).stdout.split():
            assert time.monotonic() < deadline, group
            time.sleep(0.1)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log[-3000:]
    return status, log


def terminal(run):
    os.killpg(run.pid, signal.SIGINT)


def scheduler(run):
    os.killpg(run.pid, signal.SIGTERM)


def one_rank(run):
    os.kill(children(run)[0], signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.ddp
@pytest.mark.parametrize(
    ("ask", "status", "words"),
    [
        (terminal, 130, []),
        (scheduler, 143, []),
        (one_rank, 143, []),
        (terminal, 130, ["--data.init_args.num_workers=1"]),
        (terminal, 130, ["--trainer.val_check_interval=5"]),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGTERM to a rank", "Ctrl-C with workers", "Ctrl-C and many validations"],
)
def test_two_processes_stop_together_and_keep_the_step(ask, status, words, tmp_path):
    run = start(tmp_path, *words)
    wait_for_steps(run, tmp_path)
    begun = time.monotonic()
    ask(run)
    found, log = ended(run, tmp_path)
    assert found == status
    assert time.monotonic() - begun < 30
    (path,) = tmp_path.glob("runs/*/*/checkpoints/last.ckpt")
    step = torch.load(path, weights_only=True)["global_step"]
    assert step >= 100
    assert f"ended at step {step}: " in log


@pytest.mark.slow
@pytest.mark.parametrize(("ask", "status"), [(terminal, 130), (scheduler, 143)])
def test_one_process_with_workers_ends_after_the_step(ask, status, tmp_path):
    run = start(tmp_path, "--data.init_args.num_workers=2", devices=1)
    wait_for_steps(run, tmp_path)
    ask(run)
    assert ended(run, tmp_path)[0] == status
    assert list(tmp_path.glob("runs/*/*/checkpoints/last.ckpt"))


@pytest.mark.slow
@pytest.mark.ddp
def test_a_second_ctrl_c_stops_at_once_even_where_a_rank_hangs(tmp_path):
    run = start(tmp_path)
    wait_for_steps(run, tmp_path)
    os.kill(children(run)[0], signal.SIGSTOP)
    begun = time.monotonic()
    for _ in range(2):
        os.kill(run.pid, signal.SIGINT)
        time.sleep(0.5)
    assert ended(run, tmp_path)[0] == 130
    assert time.monotonic() - begun < 15


@pytest.mark.slow
@pytest.mark.ddp
@pytest.mark.parametrize(
    ("signum", "told"), [(signal.SIGKILL, "was killed by SIGKILL"), (signal.SIGSTOP, "no sign of life for 10 seconds")]
)
def test_a_rank_that_is_gone_ends_the_others_with_one_line(signum, told, tmp_path):
    run = start(tmp_path, GANZOO_RANK_TIMEOUT="10")
    wait_for_steps(run, tmp_path)
    (rank,) = children(run)
    os.kill(rank, signum)
    status, log = ended(run, tmp_path)
    assert status == 1
    assert len(re.findall("ganzoo: error", log)) == 1
    assert f"rank 1, process {rank}" in log
    assert told in log


@pytest.mark.slow
@pytest.mark.ddp
def test_the_first_rank_gone_ends_the_others(tmp_path):
    run = start(tmp_path)
    wait_for_steps(run, tmp_path)
    os.kill(run.pid, signal.SIGKILL)
    log = ended(run, tmp_path)[1]
    assert f"rank 0, process {run.pid}, is gone" in log


@pytest.mark.slow
@pytest.mark.ddp
def test_a_first_rank_that_is_stopped_ends_the_others(tmp_path):
    """The ranks meet in a store that lies in it, and stands still with it."""
    run = start(tmp_path, GANZOO_RANK_TIMEOUT="10")
    wait_for_steps(run, tmp_path)
    (rank,) = children(run)
    os.kill(run.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 40
    while "rank 0, " not in (log := (tmp_path / "log").read_text()):
        assert time.monotonic() < deadline, log[-2000:]
        time.sleep(0.2)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    while is_rank(rank):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "Traceback" not in log

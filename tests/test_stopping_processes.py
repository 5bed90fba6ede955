"""Runs of several processes are asked to stop, or lose one."""

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

from commands import recipes


def start(folder, *argv, devices=2, **environment):
    path = os.pathsep.join([str(recipes.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "cli", "fit", "--config=quickstart", "--trainer.accelerator=cpu"]
    command += [f"--trainer.devices={devices}", "--trainer.max_steps=1000000", "--loggers=[csv]"]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [*command, *argv],
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
    ("ask", "status", "argv"),
    [
        (terminal, 130, []),
        (scheduler, 143, []),
        (one_rank, 143, []),
        (terminal, 130, ["--data.init_args.num_workers=1"]),
        (terminal, 130, ["--trainer.val_check_interval=5"]),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGTERM to a rank", "Ctrl-C with workers", "Ctrl-C and many validations"],
)
def test_two_processes_stop_together_and_keep_the_step(ask, status, argv, tmp_path):
    run = start(tmp_path, *argv)
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
    ("signum", "message"),
    [(signal.SIGKILL, "was killed by SIGKILL"), (signal.SIGSTOP, "no sign of life for 10 seconds")],
)
def test_a_rank_that_is_gone_ends_the_others_with_one_line(signum, message, tmp_path):
    run = start(tmp_path, GANZOO_RANK_TIMEOUT="10")
    wait_for_steps(run, tmp_path)
    (rank,) = children(run)
    os.kill(rank, signum)
    status, log = ended(run, tmp_path)
    assert status == 1
    assert len(re.findall("ganzoo: error", log)) == 1
    assert f"rank 1, process {rank}" in log
    assert message in log


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

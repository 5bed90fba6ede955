"""Runs of the real command, killed without warning, on one process and on two: what resumes is what never died."""

import csv
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from commands import recipes
from helpers.checkpoints import equal

pytestmark = pytest.mark.slow

RECIPE = """
model:
  class_path: zoo.{model}
  init_args: {{latent_dim: 4, generator_options: {{hidden: [8]}}, critic_options: {{hidden: [8]}},
    average: {{name: steps, decay: 0.9}}, {more}}}
data:
  class_path: datamodules.DigitsDataModule
  init_args: {{image_size: 8, batch_size: 50, flip: true, num_workers: {workers}}}
trainer: {{max_steps: 400, val_check_interval: 30, log_every_n_steps: 1, accelerator: cpu, devices: {devices}}}
last_checkpoint: {{every_n_steps: 7}}
scores: {{num_samples: 40}}
image_grid: {{every_n_steps: 100}}
loggers: [csv]
"""
FAST = "{name: adam, lr: 0.02, betas: [0.5, 0.9]}"
CASES = {
    "mixture and threshold": (
        "DeLiGAN",
        f"schedule: deligan_toy, critic_optimizer: {FAST}, generator_optimizer: {FAST}",
        0,
        1,
    ),
    "workers": ("WGANGP", "critic_steps: 2", 2, 1),
    "two processes": ("WGANGP", "critic_steps: 2", 0, 2),
}


def start(folder, *argv):
    path = os.pathsep.join([str(recipes.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "cli", "fit", "--config", "recipe.yaml", *argv]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def finish(folder, *argv):
    run = start(folder, *argv)
    try:
        assert run.wait(timeout=300) == 0, (folder / "log").read_text()[-2000:]
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    return max(folder.glob("runs/recipe/*"), key=lambda path: path.stat().st_mtime_ns)


def saved_step(folder):
    """Of the newest checkpoint; 0 without one."""
    for path in folder.glob("runs/recipe/*/checkpoints/last.ckpt"):
        return torch.load(path, weights_only=True)["global_step"]
    return 0


def logged(folder):
    """Step -> what metrics.csv says of it, speed aside."""
    values = {}
    with (folder / "metrics.csv").open() as file:
        for row in csv.DictReader(file):
            kept = {name: value for name, value in row.items() if value and name not in ("step", "images_per_second")}
            values.setdefault(int(row["step"]), {}).update(kept)
    return values


@pytest.mark.parametrize("case", CASES)
def test_killed_at_any_moment_a_run_resumes_as_if_it_had_not_been(tmp_path, case):
    model, more, workers, devices = CASES[case]
    folders = [tmp_path / "whole", tmp_path / "killed"]
    for folder in folders:
        folder.mkdir()
        text = RECIPE.format(model=model, more=more, workers=workers, devices=devices)
        (folder / "recipe.yaml").write_text(text)
    whole = finish(folders[0])
    run = start(folders[1])
    deadline = time.monotonic() + 200
    while saved_step(folders[1]) < 40:
        assert run.poll() is None, (folders[1] / "log").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    stopped = saved_step(folders[1])
    assert 40 <= stopped < 400
    resumed = finish(folders[1], "--ckpt_path=last")
    assert resumed.name != whole.name
    ends = [torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True) for folder in (whole, resumed)]
    for key in ("state_dict", "optimizer_states", "schedule", "global_step", "data"):
        assert equal(ends[0][key], ends[1][key]), key
    before, after = logged(whole), logged(resumed)
    assert sorted(after) == [step for step in before if step > stopped]
    assert all(after[step] == before[step] for step in after)
    last = Path("samples") / "step_0000400.png"
    assert (whole / last).read_bytes() == (resumed / last).read_bytes()


@pytest.mark.ddp
def test_two_nodes_of_torchrun_are_one_run_in_one_folder(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = ["fit", "--config", "quickstart", "--trainer.accelerator=cpu", "--trainer.devices=1"]
    argv += ["--trainer.num_nodes=2", "--trainer.max_steps=6", "--trainer.val_check_interval=3", "--loggers=[csv]"]
    path = os.pathsep.join([str(recipes.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    nodes = []
    for rank in range(2):
        launcher = [sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1"]
        launcher += [f"--node-rank={rank}", "--master-addr=127.0.0.1", f"--master-port={port}", "-m", "cli"]
        with (tmp_path / f"{rank}.log").open("w") as log:
            nodes.append(
                subprocess.Popen(
                    launcher + argv,
                    cwd=tmp_path,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )
    try:
        assert [node.wait(timeout=240) for node in nodes] == [0, 0], (tmp_path / "0.log").read_text()[-2000:]
    finally:
        for node in nodes:
            if node.poll() is None:
                os.killpg(node.pid, signal.SIGKILL)
    (folder,) = tmp_path.glob("runs/quickstart/*")
    assert torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 6
    assert len((folder / "metrics.csv").read_text().splitlines()) > 1


@pytest.mark.ddp
def test_fewer_held_out_images_than_processes_is_an_error_not_a_hang(tmp_path):
    (tmp_path / "pictures").mkdir()
    for number in range(10):
        Image.new("L", (8, 8), number).save(tmp_path / "pictures" / f"{number}.png")
    argv = ["--model=GAN", "--data=FolderDataModule", "--data.init_args.folder=pictures"]
    argv += ["--data.init_args.image_size=8", "--data.init_args.batch_size=2", "--trainer.max_steps=2"]
    argv += ["--trainer.devices=2", "--trainer.accelerator=cpu", "--loggers=[csv]"]
    (tmp_path / "recipe.yaml").write_text("{}")
    run = start(tmp_path, *argv)
    try:
        assert run.wait(timeout=120) == 2
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    log = (tmp_path / "log").read_text()
    assert "1 held-out images are too few for 2 processes" in log
    assert "Traceback" not in log

"""Disks that are full: the last checkpoint stays whole, and the run ends with one line."""

import errno
import os
import subprocess
import sys

import pytest
import torch

from commands import recipes
from commands.checkpoint_io import AtomicCheckpointIO


def test_a_failed_save_leaves_the_old_checkpoint_and_no_other_file(tmp_path, monkeypatch):
    path, io_ = tmp_path / "last.ckpt", AtomicCheckpointIO()
    io_.save_checkpoint({"step": 1}, path)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*last\.ckpt"):
        io_.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


@pytest.mark.slow  # a process of its own
def test_a_full_disk_ends_the_run_with_its_last_checkpoint_whole(tmp_path):
    """A limit on the size of files stands for the disk: it is set once the first checkpoint is there."""
    recipe = """
    model: {class_path: zoo.GAN, init_args: {latent_dim: 4, critic_options: {hidden: [512]}}}
    data: {class_path: datamodules.DigitsDataModule, init_args: {batch_size: 50, image_size: 8}}
    trainer: {max_steps: 8, val_check_interval: 1000, accelerator: cpu, enable_progress_bar: false}
    last_checkpoint: {every_n_steps: 2}
    loggers: [csv]
    """
    (tmp_path / "tiny.yaml").write_text(recipe)
    path = os.pathsep.join([str(recipes.FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    script = (
        "import resource, cli\n"
        "from callbacks import LastCheckpoint\n"
        "save = LastCheckpoint.save\n"
        "def saved(self, trainer):\n"
        "    save(self, trainer)\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "LastCheckpoint.save = saved\n"
        "cli.main(['fit', '--config', 'tiny.yaml'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ganzoo: error: ")
    assert "last.ckpt: File too large" in last
    assert "Traceback" not in done.stderr
    (folder,) = tmp_path.glob("runs/tiny/*/checkpoints")
    assert [file.name for file in folder.iterdir()] == ["last.ckpt"]
    assert torch.load(folder / "last.ckpt", weights_only=True)["global_step"] == 2

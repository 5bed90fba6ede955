"""A job of SLURM that is told to end: it keeps its last step and asks to be run again."""

import os
import signal
import stat

import torch
from lightning.pytorch import Callback

import cli

SLURM = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "1", "SLURM_JOB_NAME": "train", "SLURM_PROCID": "0"}
SLURM |= {"SLURM_LOCALID": "0", "SLURM_NODEID": "0", "SLURM_NODELIST": "here", "SLURM_NTASKS_PER_NODE": "1"}


class Tell(Callback):
    """What `--signal=SIGUSR1@90` does, at step 2."""

    def on_train_batch_end(self, trainer, *_):
        """Lightning's."""
        if trainer.global_step == 2:
            os.kill(os.getpid(), signal.SIGUSR1)


def test_a_job_that_is_told_to_end_is_requeued(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n')
    scontrol.chmod(scontrol.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{scontrol.parent}{os.pathsep}{os.environ['PATH']}")
    before = signal.getsignal(signal.SIGUSR1)
    try:
        status = None
        try:
            cli.main(["fit", "--config=tiny.yaml", "--trainer.callbacks+=test_slurm.Tell"])
        except SystemExit as end:
            status = end.code
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert status == 128 + signal.SIGUSR1
    assert (tmp_path / "asked").read_text().split() == ["requeue", "7"]
    (path,) = tmp_path.glob("runs/*/*/checkpoints/last.ckpt")
    assert torch.load(path, weights_only=True)["global_step"] == 2

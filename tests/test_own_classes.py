"""A user's own classes, in folders that may be called as ours are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.command_line import DATA, MODEL

ROOT = Path(__file__).resolve().parent.parent


MINE = '''
import torch
from torch import nn
from datamodules import ImageDataModule, Images
from zoo import GAN, losses
from zoo.networks import NETWORKS, Pair

class Flat(nn.Module):
    def __init__(self, latent_dim, image_shape, width=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(latent_dim, 12), nn.Tanh(), nn.Unflatten(1, image_shape))
    def forward(self, latents):
        return self.body(latents)

class Look(nn.Module):
    def __init__(self, image_shape):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(12, 1), nn.Flatten(0))
    def forward(self, images):
        return self.body(images)

NETWORKS["flat"] = Pair(Flat, Look)

class LSGAN(GAN):
    """Least squares GAN (arXiv:1611.04076)."""
    paper = "arXiv:1611.04076"
    def critic_loss(self, real, fake):
        on_real, on_fake = self.critic_outputs(real, fake)
        return (losses.mean((on_real - 1).square()) + losses.mean(on_fake.square())) / 2
    def generator_loss(self, real, fake):
        (on_fake,) = self.critic_outputs(fake)
        return losses.mean((on_fake - 1).square()) / 2

class Noise(ImageDataModule):
    num_classes = 2
    image_shape = (3, 2, 2)
    def load(self):
        images = torch.randint(0, 256, (40, 3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        part = Images(images, torch.zeros(40, dtype=torch.int64))
        return {"train": part, "val": part, "test": part}
'''


@pytest.fixture
def own(tmp_path):
    """A folder with a user's module, and folders that are called as ours are."""
    (tmp_path / "mine.py").write_text(MINE)
    for name in ("callbacks", "configs", "datamodules", "ganzoo", "zoo"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the user')\n")
    (tmp_path / "cli.py").write_text("raise ImportError('the user')\n")
    return tmp_path


START = f"import sys; sys.path.pop(0); sys.path.append({str(ROOT)!r}); import ganzoo_lightning; ganzoo_lightning.main()"


def ganzoo(folder, *argv, path=""):
    """The command as it is installed: its own file's folder, not the current one, comes first on the path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} if path else {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", START, *argv]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("path", [pytest.param("", marks=pytest.mark.slow), "."], ids=["plain", "PYTHONPATH=."])
def test_own_classes_in_the_current_folder_work_and_ours_win(own, path):
    assert "quickstart" in ganzoo(own, "list", path=path).stdout
    argv = ["fit", "--model=mine.LSGAN", f"{MODEL}network=flat", "--data=mine.Noise", f"{DATA}batch_size=4"]
    argv += ["--trainer.max_steps=2", "--trainer.accelerator=cpu", "--trainer.devices=1", "--loggers=[csv]"]
    done = ganzoo(own, *argv, path=path)
    assert done.returncode == 0, done.stderr[-2000:]
    (checkpoint,) = own.glob("runs/LSGAN/*/checkpoints/last.ckpt")
    if path:
        return  # a process takes seconds
    done = ganzoo(own, "predict", *argv[1:5], f"--ckpt_path={checkpoint}", "--loggers=[csv]", path=path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list(own.glob("runs/LSGAN/*/predictions/*.png"))) > 1


@pytest.mark.slow
@pytest.mark.ddp
def test_own_classes_work_in_two_processes(own):
    (own / "start.py").write_text(START)
    argv = ["fit", "--model=mine.LSGAN", f"{MODEL}network=flat", "--data=mine.Noise", f"{DATA}batch_size=4"]
    argv += ["--trainer.max_steps=2", "--trainer.accelerator=cpu", "--trainer.devices=2", "--loggers=[csv]"]
    bin_folder = own / "bin"
    bin_folder.mkdir()
    (own / "start.py").rename(bin_folder / "ganzoo")
    done = subprocess.run(
        [sys.executable, str(bin_folder / "ganzoo"), *argv],
        cwd=own,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(own.glob("runs/LSGAN/*/checkpoints/last.ckpt"))

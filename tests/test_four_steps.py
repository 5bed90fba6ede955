"""CONTRIBUTING's four steps, taken in a copy of the repository: a new GAN needs them and nothing else."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PAPER = '''"""PearsonGAN: Mao et al., Least Squares Generative Adversarial Networks, arXiv:1611.04076."""

from typing import Any, ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.gan import GAN


class PearsonGAN(GAN):
    """Least squares that minimise Pearson's chi^2 (arXiv:1611.04076, Equation 8).

    Args:
        network: see GAN.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1611.04076"

    def __init__(self, network: str = "flat", **kwargs: Any) -> None:
        super().__init__(network=network, **kwargs)

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute ((f(x) - 1)^2 + (f(G(z)) + 1)^2) / 2."""
        return losses.least_squares_critic(*self.critic_outputs(real, fake), a=-1.0)

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute f(G(z))^2 / 2."""
        return losses.least_squares_generator(*self.critic_outputs(fake), c=0.0)
'''
NETWORK = '''"""Linear layers of one sort."""

from math import prod

from torch import Tensor, nn

from zoo.networks.critic import SequentialCritic
from zoo.networks.pair import Pair


class FlatGenerator(nn.Module):
    """A linear layer and tanh.

    Args:
        latent_dim: D.
        image_shape: (C, H, W).
    """

    def __init__(self, latent_dim: int, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        linear = nn.Linear(latent_dim, prod(image_shape))
        self.body = nn.Sequential(linear, nn.Tanh(), nn.Unflatten(1, image_shape))

    def forward(self, latents: Tensor) -> Tensor:
        """Map latents [N, D] to images [N, C, H, W]."""
        images: Tensor = self.body(latents)
        return images


class FlatCritic(SequentialCritic):
    """Two linear layers.

    Args:
        image_shape: (C, H, W).
        hidden: units.
    """

    def __init__(self, image_shape: tuple[int, int, int], *, hidden: int = 8) -> None:
        super().__init__()
        self.num_features = hidden
        linear = nn.Linear(prod(image_shape), hidden)
        self.body = nn.Sequential(nn.Flatten(), linear, nn.LeakyReLU(0.2), nn.Linear(hidden, 1))


PAIR = Pair(FlatGenerator, FlatCritic)
'''
RECIPE = """\
# Pearson's chi^2 (arXiv:1611.04076) on digits.
model:
  class_path: zoo.PearsonGAN
  init_args: {network: flat, latent_dim: 16}
data:
  class_path: datamodules.DigitsDataModule
  init_args: {batch_size: 32}
trainer: {max_steps: 200}
"""
TEST = '''"""PearsonGAN: its losses by hand."""

import pytest
import torch

import zoo
from helpers.papers import images_of, reading


def test_the_losses_are_those_of_the_paper():
    model = reading(zoo.PearsonGAN)
    real, fake = images_of([2.0, 0.0]), images_of([-2.0, 1.0])
    assert model.critic_loss(real, fake).item() == pytest.approx((1 + 1) / 4 + (1 + 4) / 4)
    assert model.generator_loss(real, fake).item() == pytest.approx((4 + 1) / 4)
'''


def changed(path, pattern, replacement):
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1, f"{path}: {pattern}"
    path.write_text(text)


@pytest.mark.slow
def test_a_gan_is_added_by_four_steps_and_nothing_else(tmp_path):
    copy = tmp_path / "ganzoo"
    left_out = shutil.ignore_patterns(".*", "images", "runs", "data", "__pycache__", "*.egg-info", "pretrained")
    shutil.copytree(ROOT, copy, ignore=left_out)
    shutil.copytree(ROOT / "zoo" / "hub" / "pretrained", copy / "zoo" / "hub" / "pretrained")
    # 1. One file; and one for its networks, with a line in the table.
    (copy / "zoo" / "pearson_gan.py").write_text(PAPER)
    (copy / "zoo" / "networks" / "flat.py").write_text(NETWORK)
    table = copy / "zoo" / "networks" / "__init__.py"
    changed(table, r"    dcgan,\n", "    dcgan,\n    flat,\n")
    changed(table, r'    "dcgan": dcgan.PAIR,\n', '    "dcgan": dcgan.PAIR,\n    "flat": flat.PAIR,\n')
    # 2. Its name.
    catalogue = copy / "zoo" / "__init__.py"
    changed(catalogue, r"    from zoo.infogan", "    from zoo.pearson_gan import PearsonGAN\n    from zoo.infogan")
    changed(catalogue, r'"InfoGAN",', '"InfoGAN", "PearsonGAN",')
    # 3. One recipe.
    (copy / "configs" / "pearson_digits.yaml").write_text(RECIPE)
    environment = os.environ | {"PYTHONPATH": str(copy)}
    in_copy = {"cwd": copy, "env": environment, "capture_output": True, "text": True}
    write = "from commands import catalogue; catalogue.write()"
    assert subprocess.run([sys.executable, "-c", write], **in_copy).returncode == 0
    # 4. One test.
    (copy / "tests" / "test_pearson_gan.py").write_text(TEST)

    shared = ["zoo", "resume", "labels", "sampling", "bundles", "recipes", "networks", "network_shapes", "critics"]
    files = [f"tests/test_{name}.py" for name in ["pearson_gan", *shared]]
    chosen = "PearsonGAN or pearson_digits or flat or pearson_gan"
    options = ["-q", "-p", "no:cacheprovider", "-k", chosen]
    done = subprocess.run([sys.executable, "-m", "pytest", *options, *files], **in_copy)
    assert done.returncode == 0, done.stdout[-4000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 25

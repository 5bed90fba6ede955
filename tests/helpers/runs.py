"""A small model, small data and a quiet Trainer for what watches a run, and a logger that remembers."""

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from PIL import Image

from callbacks import LastCheckpoint, StepBar
from datamodules import DigitsDataModule
from helpers.models import loader
from zoo import WGANGP

BATCH, CRITIC_STEPS = 4, 5


class Memory(Logger):
    """Keep what is logged: a list of (step, values)."""

    name, version = "memory", ""

    def __init__(self):
        super().__init__()
        self.logged = []

    def log_metrics(self, metrics, step=None):
        """Keep the metrics."""
        self.logged.append((step, dict(metrics)))

    def log_hyperparams(self, *_):
        """Keep nothing."""

    def values(self, name):
        """Return what was logged under that name, by step."""
        return {step: metrics[name] for step, metrics in self.logged if name in metrics}


def small(model=WGANGP, **kwargs):
    torch.manual_seed(0)
    options = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}, "latent_dim": 4}
    return model(**{"image_shape": (1, 8, 8), "critic_steps": CRITIC_STEPS} | options | kwargs)


def digits(**kwargs):
    return DigitsDataModule(**{"batch_size": BATCH} | kwargs)


def trainer(folder, *callbacks, steps=4, **options):
    """Build a quiet Trainer for the CPU: it validates, saves and shows a bar only where asked, or by its callbacks."""
    defaults = {"accelerator": "cpu", "devices": 1, "max_steps": steps, "log_every_n_steps": 1, "logger": False}
    defaults |= {"limit_val_batches": 0, "num_sanity_val_steps": 0, "enable_model_summary": False}
    defaults["enable_progress_bar"] = any(isinstance(each, StepBar) for each in callbacks)
    defaults["enable_checkpointing"] = any(isinstance(each, LastCheckpoint | ModelCheckpoint) for each in callbacks)
    return Trainer(default_root_dir=folder, callbacks=[*callbacks], **defaults | options)


def fit(folder, model, *callbacks, steps=4, data=None, val=None, ckpt_path=None, **options):
    """Train for some steps, on batches of two noise images unless there are data; return the Trainer."""
    player = trainer(folder, *callbacks, steps=steps, **options)
    player.fit(model, loader(model, steps) if data is None else data, val, ckpt_path=ckpt_path)
    return player


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)

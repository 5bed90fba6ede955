"""A small model, small data and a quiet Trainer for what watches a run, and a logger that remembers."""

import numpy as np
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from PIL import Image

from callbacks import LastCheckpoint, StepBar
from datamodules import DigitsDataModule
from zoo import WGANGP

BATCH, CRITIC_STEPS = 4, 5


class Memory(Logger):
    """Keeps what is logged: a list of (step, values)."""

    name, version = "memory", ""

    def __init__(self):
        super().__init__()
        self.logged = []

    def log_metrics(self, metrics, step=None):
        """Lightning's."""
        self.logged.append((step, dict(metrics)))

    def log_hyperparams(self, *_):
        """Lightning's; not kept."""

    def values(self, name):
        """What was logged under that name, by step."""
        return {step: metrics[name] for step, metrics in self.logged if name in metrics}


def small(model=WGANGP, **kwargs):
    torch.manual_seed(0)
    options = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}, "latent_dim": 4}
    return model(**{"image_shape": (1, 8, 8), "critic_steps": CRITIC_STEPS} | options | kwargs)


def digits(**kwargs):
    return DigitsDataModule(batch_size=BATCH, **kwargs)


def trainer(folder, *callbacks, steps=4, logger=False, **kwargs):
    defaults = {"log_every_n_steps": 2, "limit_val_batches": 0, "num_sanity_val_steps": 0}
    return Trainer(
        default_root_dir=folder,
        max_steps=steps,
        callbacks=list(callbacks),
        logger=logger,
        accelerator="cpu",
        devices=1,
        enable_progress_bar=any(isinstance(callback, StepBar) for callback in callbacks),
        enable_model_summary=False,
        enable_checkpointing=any(isinstance(c, LastCheckpoint | ModelCheckpoint) for c in callbacks),
        **(defaults | kwargs),
    )


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)

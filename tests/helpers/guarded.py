"""Short runs of tiny models with a guard, and a generator that has collapsed."""

import torch
from lightning.pytorch import Trainer
from torch import nn

import zoo
from callbacks import BestCheckpoint, LastCheckpoint
from datamodules import DigitsDataModule

SMALL = {"generator_options": {"hidden": [16]}, "critic_options": {"hidden": [16]}, "latent_dim": 4}


def fit(folder, model, *callbacks, steps=12, ckpt_path=None, **options):
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        default_root_dir=folder,
        max_steps=steps,
        logger=False,
        enable_checkpointing=any(isinstance(each, LastCheckpoint | BestCheckpoint) for each in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        callbacks=[*callbacks],
        **{"log_every_n_steps": 1, "val_check_interval": 4, "check_val_every_n_epoch": None} | options,
    )
    trainer.fit(model, DigitsDataModule(batch_size=20), ckpt_path=ckpt_path)
    return trainer


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("Guard")]


class Constant(nn.Module):
    """A generator that has one image."""

    def __init__(self):
        super().__init__()
        self.image = nn.Parameter(torch.zeros(1, 8, 8))

    def forward(self, latents):
        """The same for all."""
        return self.image.expand(len(latents), 1, 8, 8).tanh()


def collapsed():
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL)
    model.generator = Constant()
    return model

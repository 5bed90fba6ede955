"""Short runs of tiny models with a guard, and a generator that has collapsed."""

import torch
from torch import nn

import zoo
from helpers.runs import digits, fit

SMALL = {"generator_options": {"hidden": [16]}, "critic_options": {"hidden": [16]}, "latent_dim": 4}


def train(folder, model, *callbacks, **options):
    """Train twelve steps on the digits, with a validation at every fourth, unless `options` say otherwise."""
    often = {"steps": 12, "limit_val_batches": 1.0, "val_check_interval": 4, "check_val_every_n_epoch": None}
    return fit(folder, model, *callbacks, data=digits(batch_size=20), **often | options)


def warnings_of(caplog):
    return [record.getMessage() for record in caplog.records if record.getMessage().startswith("Guard")]


class Constant(nn.Module):
    """A generator that has one image."""

    def __init__(self):
        super().__init__()
        self.image = nn.Parameter(torch.zeros(1, 8, 8))

    def forward(self, latents):
        """Return the same image for all latents."""
        return self.image.expand(len(latents), 1, 8, 8).tanh()


def collapsed():
    model = zoo.GAN(image_shape=(1, 8, 8), **SMALL)
    model.generator = Constant()
    return model

# ---
# jupyter:
#   jupytext:
#     text_representation:
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A tour in two minutes
#
# Load a trained generator, sample, go from one digit to another, train a GAN of eight lines, look at its scores. On a
# laptop, without a download. `make notebook` makes a notebook of this file and runs it; in Jupyter with the jupytext
# extension it opens as it is.

# %%
import logging

import matplotlib.pyplot as plt
import torch

import zoo
from callbacks import Scores, step_trainer
from datamodules import DigitsDataModule
from zoo import GAN, losses

logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)


def show(images, columns=8):
    """Draw grey images [N, 1, H, W] in [-1, 1], some of them in a row."""
    framed = torch.nn.functional.pad(images, (1, 1, 1, 1), value=-0.5)
    rows = [torch.cat([*each[:, 0]], 1) for each in framed.split(columns)]
    plt.figure(figsize=(columns * 0.7, len(rows) * 0.7))
    plt.imshow(torch.cat(rows), cmap="gray", vmin=-1, vmax=1)
    plt.axis("off")
    plt.show()


# %% [markdown]
# ## A generator that ships
#
# `ganzoo pretrained` lists them. This one takes the digit that it is to draw; image k is a function of the seed and k.

# %%
model = zoo.from_pretrained("acgan_mnist")
show(model.sample(40, torch.Generator().manual_seed(0), labels=torch.arange(10).repeat_interleave(4)), columns=4 * 5)

# %% [markdown]
# Between two latents, for a three:

# %%
ends = torch.randn(2, model.latent_dim, generator=torch.Generator().manual_seed(3))
angle = torch.arccos(torch.nn.functional.cosine_similarity(*ends, dim=0))
turns = torch.linspace(0, 1, 16)[:, None]
way = (torch.sin((1 - turns) * angle) * ends[0] + torch.sin(turns * angle) * ends[1]) / torch.sin(angle)
with torch.no_grad():
    show(model(way, torch.full((16,), 3)), columns=16)

# %% [markdown]
# ## A GAN of eight lines
#
# A paper changes what the players minimise. Here is the hinge loss (arXiv:1705.02894); R1, a penalty that any model can
# have, is one entry of a list.


# %%
class HingeGAN(GAN):
    """The critic wants real images above 1 and fakes below -1; the generator wants its fakes above."""

    def critic_loss(self, real, fake):
        return losses.hinge_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real, fake):
        return losses.hinge_generator(*self.critic_outputs(fake))


# %%
adam = {"name": "adam", "lr": 1e-3, "betas": [0.0, 0.99]}
data = DigitsDataModule(batch_size=64)
mine = HingeGAN(
    image_shape=data.image_shape,
    latent_dim=32,
    generator_options={"hidden": [128, 256]},
    critic_options={"hidden": [256, 128]},
    critic_optimizer=adam,
    generator_optimizer=adam,
    regularisers=[{"name": "r1", "gamma": 0.3}],
    average={"name": "steps", "decay": 0.99},
)


class Curve(Scores):
    """Remember what each validation says."""

    def on_validation_end(self, trainer, model):
        super().on_validation_end(trainer, model)
        values = trainer.callback_metrics
        curve.append((trainer.global_step, float(values["val/fid"]), float(values["val/inception_score"])))


curve = []
trainer = step_trainer(1500, Curve(), accelerator="cpu")
trainer.fit(mine, data)
show(mine.sample(32, torch.Generator().manual_seed(0)))

# %% [markdown]
# ## Scores
#
# FID and Inception Score through the classifier of digits that ships, once in 150 steps. FID falls to 0 for real
# images, up to what 360 samples can tell; the Inception Score of the real ones is 9.4.

# %%
steps, fid, inception = zip(*curve, strict=True)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(steps, fid)
left.set(xlabel="step", ylabel="FID", yscale="log")
right.plot(steps, inception)
right.axhline(9.4, linestyle="--", color="gray")
right.set(xlabel="step", ylabel="Inception Score")
plt.show()

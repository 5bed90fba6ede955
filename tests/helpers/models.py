"""Every model of the zoo, found automatically, small enough to train in milliseconds, and a watch on its moves."""

import inspect

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import zoo
from zoo.networks import NETWORKS

MARKS = [
    pytest.mark.usefixtures("fixed_seed"),
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no `val_dataloader`"),
    # ModelCheckpoint, of every module that optimizes by hand:
    pytest.mark.filterwarnings("ignore:.*no pre-optimization state was saved"),
]

MODELS = [cls for cls in (getattr(zoo, name) for name in zoo.__all__) if isinstance(cls, type)]
MODELS = [cls for cls in MODELS if issubclass(cls, zoo.GAN)]
every_model = pytest.mark.parametrize("cls", MODELS, ids=lambda cls: cls.__name__)

SHAPE, SEED = (1, 4, 4), 11  # SEED is that of `fixed_seed`
MLP = {"generator_options": {"hidden": [8]}, "critic_options": {"hidden": [8]}, "latent_dim": 3}
CONV = {"network": "keras_conv", "image_shape": (1, 8, 8), "latent_dim": 3}
STILL = {"name": "sgd", "lr": 0.0}


def build(cls, **kwargs):
    """Build the model, of its own network at that network's least sizes unless one is given."""
    tiny = {"num_classes": 3} if cls.is_conditional or cls.learns_classes else {}
    if "network" in kwargs:
        return cls(**{"image_shape": SHAPE} | tiny | kwargs)
    defaults = [inspect.signature(base.__init__).parameters.get("network") for base in cls.__mro__[:-1]]
    network = next(each.default for each in defaults if each is not None)
    latent_dim, image_shape, generator, critic = NETWORKS[network].tiny
    tiny |= {"latent_dim": latent_dim, "image_shape": image_shape, "generator_options": {**generator}}
    return cls(**tiny | {"critic_options": {**critic}} | kwargs)


def loader(model, steps=4, n=2, dtype=torch.float32):
    """Load batches of n images for each critic update, every image another."""
    images = torch.rand(steps * n * model.critic_steps, *model.image_shape, dtype=dtype) * 2 - 1
    labels = [torch.arange(len(images)) % model.num_classes] if model.reads_labels else []
    return DataLoader(TensorDataset(images, *labels), batch_size=n * model.critic_steps)


def latents_for(model, n):
    """Return what a model is called with: z [n, D], and labels where its generator takes them."""
    labels = [torch.arange(n) % model.prior.num_labels] if model.generator_takes_labels else []
    return [torch.randn(n, model.prior.dim), *labels]


def weights(network):
    return [parameter.detach().clone() for parameter in network.parameters()]


def buffers(*networks):
    return [buffer.clone() for network in networks for buffer in network.buffers()]


def same(some, others):
    return len(some) == len(others) and all(torch.equal(*pair) for pair in zip(some, others, strict=True))


def watched(cls):
    """Return the model's class with a note of each update: who, on which images, from which latents, what changed."""

    class Watched(cls):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.moves, self.current_losses, self.latents = [], [], []
            self.prior.register_forward_hook(lambda prior, args, latents: self.latents.append(latents.z.detach()))

        def update_critic(self, real, counted):
            self.watch("critic", super().update_critic, real, counted)

        def update_generator(self, real, counted):
            return self.watch("generator", super().update_generator, real, counted)

        def current_generator_loss(self, real, move):
            loss = super().current_generator_loss(real, move)
            self.current_losses.append((loss, self.latents.pop()))
            return loss

        def watch(self, who, move, real, counted):
            self.latents.clear()  # of lazy regularisers and of `adapt`
            players = {"critic": self.critic, "generator": nn.ModuleList([self.generator, self.prior])}
            before = {name: weights(player) for name, player in players.items()}
            gradients = [parameter.grad for parameter in self.critic.parameters()]
            gradients = [None if gradient is None else gradient.clone() for gradient in gradients]
            step = self.global_step
            loss = move(real, counted)
            kept = all(
                old is None or torch.equal(old, parameter.grad)
                for old, parameter in zip(gradients, self.critic.parameters(), strict=True)
            )
            self.moves.append(
                {
                    "who": who,
                    "step": step,
                    "counted": self.global_step - step,
                    "real": real.images.clone(),
                    "latents": self.latents.pop(),
                    "changed": [name for name, player in players.items() if not same(before[name], weights(player))],
                    "critic": weights(self.critic),
                    "critic_gradients_kept": kept,
                }
            )
            assert not self.latents  # no draw that no move used
            return loss

    Watched.__name__ = cls.__name__
    return Watched


def is_plain(value):
    """Return whether JSON could hold it: dicts with strings for keys, lists, strings, numbers, None."""
    if isinstance(value, dict):
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)

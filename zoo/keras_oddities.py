"""Oddities of the Keras sources, which the papers do not have: options that repeat those runs, off by default."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import softplus

from zoo import losses
from zoo.engine.arguments import check_name
from zoo.engine.batch import Batch
from zoo.engine.players import Players
from zoo.engine.sampler import evaluating
from zoo.engine.schedule import Schedule


class KerasOddities(Players):
    """Mixin of GAN: its arguments `fake_mode`, `critic_update`, `reuse_critic_noise`, and what follows from them.

    Attributes:
        fake_mode: `eval` makes the critic's fakes with batch norm's running statistics: the Keras GAN calls `predict`.
        critic_update: `separate` takes two optimizer steps for each critic update, -log D(x), then -log(1 - D(G(z))):
            the Keras GAN calls `train_on_batch` twice. Each sees a batch of its own kind alone in batch norm.
        reuse_critic_noise: the generator moves on the latents of the critic's last update, as in the Keras WGAN-GP.
    """

    fake_mode: str
    critic_update: str
    reuse_critic_noise: bool
    schedule: Schedule
    critic_loss: Callable[[Batch, Batch], Tensor]

    def settle_oddities(self, hparams: Any, plain_loss: Any, schedule: str) -> None:
        """Take the three arguments. Raise ValueError for what cannot be, or not together with others."""
        self.fake_mode, self.critic_update = hparams["fake_mode"], hparams["critic_update"]
        self.reuse_critic_noise = hparams["reuse_critic_noise"]
        check_name("fake_mode", self.fake_mode, dict.fromkeys(("train", "eval")))
        check_name("critic_update", self.critic_update, dict.fromkeys(("joint", "separate")))
        if self.critic_update == "separate" and type(self).critic_loss is not plain_loss:
            raise ValueError(f"critic_update separate is for the logistic loss: {type(self).__name__} has its own")
        if self.reuse_critic_noise and schedule != "alternate":
            raise ValueError(f"reuse_critic_noise is for schedule alternate: {schedule} draws its own latents")

    def making_fakes(self) -> AbstractContextManager[None]:
        """Return the context in which the critic's fakes are made."""
        networks: list[nn.Module] = [self.generator] if self.fake_mode == "eval" else []
        return evaluating(*networks)

    def repeats_draws(self, move: int) -> bool:
        """Return whether an update, by its number in the step, draws what the other of the last two draws."""
        return self.reuse_critic_noise and move >= self.schedule.moves - 2

    @property
    def critic_terms(self) -> list[Callable[[Batch, Batch], Tensor]]:
        """Return the losses of the optimizer steps that make one critic update."""
        if self.critic_update == "joint":
            return [self.critic_loss]
        on_real = lambda real, fake: losses.mean(softplus(-self.critic_outputs(real)[0]))  # noqa: E731
        on_fake = lambda real, fake: losses.mean(softplus(self.critic_outputs(fake)[0]))  # noqa: E731
        return [on_real, on_fake]

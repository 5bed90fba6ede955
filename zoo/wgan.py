"""WGAN with weight clipping: Arjovsky et al., Wasserstein GAN, arXiv:1701.07875."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN

RMSPROP: OptimizerConfig = {"name": "rmsprop", "lr": 5e-5}


class WGAN(GAN):
    """The critic's weights are kept in a box, and with them its slope (arXiv:1701.07875, Algorithm 1).

    Args:
        clip: c; every weight of the critic is in [-c, c] after each of its updates.
        clip_buffers: clip batch norm's running statistics too, as the Keras WGAN does; they are no weights.
        critic_steps: n_critic.
        generator_optimizer: RMSprop with the paper's alpha 5e-5: it found momentum, and Adam with it, unstable.
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1701.07875"

    def __init__(
        self,
        clip: float = 0.01,
        clip_buffers: bool = False,
        critic_steps: int = 5,
        generator_optimizer: OptimizerConfig = RMSPROP,
        critic_optimizer: OptimizerConfig = RMSPROP,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            critic_steps=critic_steps,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )
        if not 0 < clip < float("inf"):
            raise ValueError(f"clip must be finite and above 0, got {clip}")
        self.clip, self.clip_buffers = clip, clip_buffers

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute f(G(z)) - f(x)."""
        distance = losses.wasserstein_critic(*self.critic_outputs(real, fake))
        self.observe(wasserstein=-distance)
        return distance

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -f(G(z))."""
        return losses.wasserstein_generator(*self.critic_outputs(fake))

    @torch.no_grad()
    def constrain_critic(self) -> None:
        """Clip the parameters, batch norm's too."""
        for weight in self.critic.parameters():
            weight.clamp_(-self.clip, self.clip)
        for statistic in self.critic.buffers() if self.clip_buffers else ():
            if statistic.is_floating_point():
                statistic.clamp_(-self.clip, self.clip)

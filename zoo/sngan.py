"""SNGAN: Miyato et al., Spectral Normalization for Generative Adversarial Networks, arXiv:1802.05957."""

from typing import Any, ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN

ADAM: OptimizerConfig = {"name": "adam", "lr": 2e-4, "betas": [0.0, 0.9]}


class SNGAN(GAN):
    """The hinge loss on a critic whose layers have spectral norm 1 (arXiv:1802.05957, Equations 16 and 17).

    The norm is the network's: `sngan_resnet` has it in every layer of its critic.

    Args:
        network: see GAN.
        latent_dim: D; the authors' is 128.
        critic_steps: n_dis.
        generator_optimizer: Adam with the authors' 2e-4 (0, 0.9).
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1802.05957"

    def __init__(
        self,
        network: str = "sngan_resnet",
        latent_dim: int = 128,
        critic_steps: int = 5,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network,
            latent_dim=latent_dim,
            critic_steps=critic_steps,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute max(0, 1 - f(x)) + max(0, 1 + f(G(z)))."""
        return losses.hinge_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -f(G(z))."""
        return losses.hinge_generator(*self.critic_outputs(fake))

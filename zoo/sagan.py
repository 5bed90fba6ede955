"""SAGAN: Zhang et al., Self-Attention Generative Adversarial Networks, arXiv:1805.08318."""

from typing import Any, ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN

SLOW: OptimizerConfig = {"name": "adam", "lr": 1e-4, "betas": [0.0, 0.9]}
FAST: OptimizerConfig = {"name": "adam", "lr": 4e-4, "betas": [0.0, 0.9]}


class SAGAN(GAN):
    """The hinge loss, a projection critic, spectral norm in both players and two rates (arXiv:1805.08318, Section 4).

    Attention and norms are the network's. With rates of their own, one critic update goes with one of the generator.

    Args:
        network: one whose generator and critic take `num_classes`.
        latent_dim: D; the authors' is 128.
        generator_optimizer: Adam with the paper's 1e-4 (0, 0.9); the authors' code leaves beta_2 at 0.999.
        critic_optimizer: four times that rate.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1805.08318"
    is_conditional = critic_is_told = True

    def __init__(
        self,
        network: str = "sagan",
        latent_dim: int = 128,
        generator_optimizer: OptimizerConfig = SLOW,
        critic_optimizer: OptimizerConfig = FAST,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network,
            latent_dim=latent_dim,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute max(0, 1 - f(x, y)) + max(0, 1 + f(G(z, y'), y'))."""
        return losses.hinge_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -f(G(z, y'), y')."""
        return losses.hinge_generator(*self.critic_outputs(fake))

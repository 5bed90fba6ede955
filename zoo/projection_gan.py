"""Projection GAN: Miyato and Koyama, cGANs with Projection Discriminator, arXiv:1802.05637."""

from typing import Any, ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN
from zoo.sngan import ADAM


class ProjectionGAN(GAN):
    """A conditional GAN whose critic adds the inner product of its features and the label's embedding.

    arXiv:1802.05637, Equation 3: f(x, y) = y^T V phi(x) + psi(phi(x)), under the hinge loss and spectral norm; the
    generator has a batch norm for each class, or takes the label with the latents, as its network wants. Labels of
    fakes are drawn uniformly.

    Args:
        network: one whose generator and critic take `num_classes`.
        latent_dim: D; the authors' is 128.
        critic_steps: n_dis.
        generator_optimizer: Adam with the authors' 2e-4 (0, 0.9).
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1802.05637"
    is_conditional = critic_is_told = True

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
        """Compute max(0, 1 - f(x, y)) + max(0, 1 + f(G(z, y'), y'))."""
        return losses.hinge_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -f(G(z, y'), y')."""
        return losses.hinge_generator(*self.critic_outputs(fake))

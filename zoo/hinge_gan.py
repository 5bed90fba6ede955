"""HingeGAN: Lim and Ye, Geometric GAN, arXiv:1705.02894."""

from typing import ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.gan import GAN


class HingeGAN(GAN):
    """The critic is a support vector machine on its features, at any Lipschitz constant (arXiv:1705.02894, Section 3).

    It is the loss of SNGAN without spectral norm. An image beyond its margin no longer moves the critic; every fake
    moves the generator, by as much. The machine's penalty on its weights is left out, as later code does.

    Args:
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1705.02894"

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute max(0, 1 - f(x)) + max(0, 1 + f(G(z)))."""
        return losses.hinge_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -f(G(z))."""
        return losses.hinge_generator(*self.critic_outputs(fake))

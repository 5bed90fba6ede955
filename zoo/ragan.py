"""RaGAN: Jolicoeur-Martineau, The relativistic discriminator, arXiv:1807.00734. RSGAN, from the same paper, too."""

from typing import ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.gan import GAN


class RaGAN(GAN):
    """The critic asks whether an image is more real than the other kind is on average (arXiv:1807.00734, RaSGAN).

    Both players have real images in their loss: the generator lowers the outputs on those too. Means are over the
    batch, or over a microbatch. The loss is half of the paper's, as in the author's code.

    Args:
        **kwargs: see GAN, whose Adam 2e-4 (0.5, 0.999) and one critic step are the author's too.
    """

    paper: ClassVar[str] = "arXiv:1807.00734"

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute (softplus(-(f(x) - E f(G(z)))) + softplus(f(G(z)) - E f(x))) / 2."""
        return losses.relativistic_average_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute the same with real and fake exchanged."""
        return losses.relativistic_average_generator(*self.critic_outputs(real, fake))


class RSGAN(GAN):
    """The critic asks which image of a pair is the real one (arXiv:1807.00734, Section 4.1).

    Pairs are a real image and a fake each, as they come in the batch: without penalties, the loss of R3GAN.

    Args:
        **kwargs: see RaGAN.
    """

    paper: ClassVar[str] = "arXiv:1807.00734"

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute softplus(-(f(x_i) - f(G(z_i))))."""
        return losses.relativistic_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute softplus(-(f(G(z_i)) - f(x_i)))."""
        return losses.relativistic_generator(*self.critic_outputs(real, fake))

"""R3GAN: Huang et al., The GAN is dead; long live the GAN! A Modern Baseline GAN, arXiv:2501.05441."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.engine.regulariser import CRITIC, Regulariser
from zoo.gan import GAN
from zoo.penalties import zero_centred_penalty

ADAM: OptimizerConfig = {"name": "adam", "lr": 2e-4, "betas": [0.0, 0.99]}


class R3GAN(GAN):
    """Pairs of a real image and a fake, and zero-centred penalties on both (arXiv:2501.05441, Section 2).

    Each fake is compared with a real image of its own, so that no mode can be left out at no cost; R1 and R2 make the
    game converge near its solution.

    Args:
        network: see GAN.
        gamma: the penalties' weight, twice.
        penalty_every: k: with 1, R1 and R2 are part of every critic loss, as in the paper; above it, they are lazy, a
            step of their own every k-th step (`zoo.engine.regulariser`).
        generator_optimizer: Adam; beta_1 is 0 in the paper, 2e-4 its first rate, 0.99 its last beta_2.
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:2501.05441"
    needs_second_order = True

    def __init__(
        self,
        network: str = "small_conv",
        gamma: float = 0.5,
        penalty_every: int = 1,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network, generator_optimizer=generator_optimizer, critic_optimizer=critic_optimizer, **kwargs
        )
        if not 0 <= gamma < float("inf") or penalty_every < 1:
            raise ValueError(f"gamma must be at least 0, penalty_every at least 1: got {gamma} and {penalty_every}")
        if self.critic_mixes_samples:
            raise ValueError(f"R1 and R2 need a critic that judges each sample by itself: {network}'s does not")

    @property
    def regularisers(self) -> Sequence[Regulariser]:
        """Return R1 and R2, where they are lazy."""
        every = self.hparams.penalty_every
        return [Regulariser("penalty", CRITIC, self.lazy_penalty, every)] if every > 1 else []

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute softplus(-(f(x_i) - f(G(z_i)))), and gamma / 2 (R1 + R2)."""
        loss = losses.relativistic_critic(*self.critic_outputs(real, fake))
        if self.hparams.penalty_every > 1:
            return loss
        penalty = self.penalty(real, fake)
        self.observe(penalty=penalty)
        return loss + penalty

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute softplus(-(f(G(z_i)) - f(x_i)))."""
        return losses.relativistic_generator(*self.critic_outputs(real, fake))

    def penalty(self, real: Batch, fake: Batch) -> Tensor:
        """Compute gamma / 2 (E ||grad f(x)||^2 + E ||grad f(G(z))||^2), in one pass."""
        both = torch.cat([real.images, fake.images.to(real.images.dtype)])
        labels = None if real.labels is None or fake.labels is None else torch.cat([real.labels, fake.labels])
        penalty: Tensor = self.hparams.gamma * zero_centred_penalty(self.critic_given(Batch(both, labels)), both)
        return penalty

    def lazy_penalty(self, real: Batch) -> Tensor:
        """Compute the same on fakes of its own, made as the critic's are."""
        with torch.no_grad(), self.making_fakes():
            fake = self.generate(self.prior(len(real.images), None, self.fake_labels(real)))
        return self.penalty(real, fake)


class ConditionalR3GAN(R3GAN):
    """R3GAN that is told the class of each image, as the paper's on CIFAR-10: a fake has the class of its real image.

    Args:
        network: one whose generator and critic take `num_classes`.
        **kwargs: see R3GAN.
    """

    is_conditional = critic_is_told = True

    def fake_labels(self, real: Batch) -> Tensor | None:
        """Return the labels of the real images."""
        return real.labels

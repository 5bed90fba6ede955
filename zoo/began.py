"""BEGAN: Berthelot et al., Boundary Equilibrium Generative Adversarial Networks, arXiv:1703.10717."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo import reconstruction
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN

ADAM: OptimizerConfig = {"name": "adam", "lr": 8e-5, "betas": [0.9, 0.999]}


class BEGAN(GAN):
    """The critic is an auto-encoder, whose errors L on real images and on fakes are held in balance (arXiv:1703.10717).

    Section 3.4: k, how much it cares about fakes, is state that each step moves: to k + lambda_k (gamma L(x) -
    L(G(z))), in [0, 1]. The critic's output on an image is its error, so that above 0 is no nearer to data: less is.

    Args:
        network: one whose critic gives reconstruction errors.
        prior: latents are uniform in [-1, 1].
        latent_dim: D; the authors' is 64.
        gamma: E L(G(z)) / E L(x), the diversity ratio.
        k_rate: lambda_k.
        reuse_critic_noise: both players move on the same latents, as in the authors' code.
        generator_optimizer: Adam with the authors' rate 8e-5.
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1703.10717"
    k: Tensor

    def __init__(
        self,
        network: str = "began",
        prior: str = "uniform",
        latent_dim: int = 64,
        gamma: float = 0.5,
        k_rate: float = 0.001,
        reuse_critic_noise: bool = True,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network,
            prior=prior,
            latent_dim=latent_dim,
            reuse_critic_noise=reuse_critic_noise,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )
        if not 0 < gamma <= 1 or not 0 <= k_rate < float("inf"):
            raise ValueError(f"gamma must be in (0, 1], k_rate at least 0: got {gamma} and {k_rate}")
        self.register_buffer("k", torch.zeros(()))

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute L(x) - k L(G(z)); observe both errors."""
        on_real, on_fake = self.critic_outputs(real, fake)
        self.observe(error_real=on_real.mean(), error_fake=on_fake.mean())
        return reconstruction.began_critic(on_real, on_fake, self.k)

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute L(G(z))."""
        (on_fake,) = self.critic_outputs(fake)
        return reconstruction.began_generator(on_fake)

    def adapt(self) -> None:
        """Move k by both errors of this step, the generator's as it was in its own update; on all ranks alike.

        Observe k and the measure of convergence (Section 3.4.1).
        """
        now = self.observations.of_this_step()
        if not {"error_real", "generator_loss"} <= now.keys():
            return  # a schedule let one of the players rest
        errors = torch.stack([now["error_real"], now["generator_loss"]])
        on_real, on_fake = self.mean_over_ranks(errors)
        gamma, rate = self.hparams.gamma, self.hparams.k_rate
        self.k.copy_(reconstruction.began_next_k(self.k, on_real, on_fake, gamma=gamma, rate=rate))
        self.observe(k=self.k.clone(), convergence=reconstruction.began_convergence(on_real, on_fake, gamma=gamma))

"""WGAN with gradient penalty: Gulrajani et al., Improved Training of Wasserstein GANs, arXiv:1704.00028."""

import warnings
from typing import Any, ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN
from zoo.networks import is_random
from zoo.networks.traits import says

ADAM: OptimizerConfig = {"name": "adam", "lr": 1e-4, "betas": [0.0, 0.9], "eps": 1e-8}


class WGANGP(GAN):
    """The critic is held to gradient norm 1 between real and fake images (arXiv:1704.00028, Algorithm 1).

    Args:
        gp_weight: lambda, the weight of the gradient penalty.
        gp_eps: added under the root of the gradient norm.
        critic_steps: n_critic.
        generator_optimizer: Adam with the paper's alpha 1e-4, beta_1 0, beta_2 0.9.
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1704.00028"
    needs_second_order = True

    def __init__(
        self,
        gp_weight: float = 10.0,
        gp_eps: float = 1e-12,
        critic_steps: int = 5,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            critic_steps=critic_steps,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )
        for name, value in (("gp_weight", gp_weight), ("gp_eps", gp_eps)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be finite and at least 0, got {value}")
        self.gp_weight, self.gp_eps = gp_weight, gp_eps
        if says(self.critic, "excludes_penalty"):
            raise ValueError(
                "the gradient penalty needs a critic that judges each sample by itself; this one has minibatch "
                "discrimination: take another network, or another model"
            )
        if self.critic_mixes_samples or is_random(self.critic):
            warnings.warn(
                "this critic has batch norm or dropout: the gradient penalty is then not that of each sample, and its "
                "objective is no longer valid (arXiv:1704.00028, Section 4)",
                stacklevel=2,
            )

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute f(G(z)) - f(x) + lambda (||grad f(x_hat)|| - 1)^2."""
        distance = losses.wasserstein_critic(*self.critic_outputs(real, fake))
        norms = losses.gradient_norms(self.critic_given(real), real.images, fake.images, eps=self.gp_eps)
        penalty = losses.norm_penalty(norms)
        self.observe(wasserstein=-distance, gradient_penalty=penalty, gradient_norm=norms.mean())
        return distance + self.gp_weight * penalty

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -f(G(z))."""
        return losses.wasserstein_generator(*self.critic_outputs(fake))

"""DRAGAN: Kodali et al., On Convergence and Stability of GANs, arXiv:1705.07215."""

from typing import Any, ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN
from zoo.penalties import dragan_penalty

ADAM: OptimizerConfig = {"name": "adam", "lr": 1e-4, "betas": [0.5, 0.9]}


class DRAGAN(GAN):
    """The GAN of 2014, its critic held to gradient norm 1 around real images (arXiv:1705.07215, Section 2.3).

    Sharp slopes near data are where modes are lost; fakes have no part in the penalty. Its points are the authors'
    code's: see `zoo.penalties.dragan_penalty`. Their spread is of the batch, or of a microbatch.

    Args:
        gp_weight: lambda, the weight of the gradient penalty.
        symmetric: noise that darkens images as often as it brightens them; the authors' only brightens.
        generator_optimizer: Adam with the authors' 1e-4 (0.5, 0.9).
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1705.07215"
    needs_second_order = True

    def __init__(
        self,
        gp_weight: float = 10.0,
        symmetric: bool = False,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator_optimizer=generator_optimizer, critic_optimizer=critic_optimizer, **kwargs)
        if not 0 <= gp_weight < float("inf"):
            raise ValueError(f"gp_weight must be finite and at least 0, got {gp_weight}")
        if self.critic_mixes_samples:
            raise ValueError(f"the penalty needs a critic that judges each sample by itself: {self.network}'s does not")

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -log D(x) - log(1 - D(G(z))) + lambda (||grad f(x_hat)|| - 1)^2."""
        loss = 2 * losses.logistic_critic(*self.critic_outputs(real, fake))
        penalty = dragan_penalty(self.critic_given(real), real.images, symmetric=self.hparams.symmetric)
        self.observe(gradient_penalty=penalty)
        return loss + self.hparams.gp_weight * penalty  # type: ignore[no-any-return]

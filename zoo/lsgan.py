"""LSGAN: Mao et al., Least Squares Generative Adversarial Networks, arXiv:1611.04076."""

from math import isfinite
from typing import Any, ClassVar

from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN

ADAM: OptimizerConfig = {"name": "adam", "lr": 1e-3, "betas": [0.5, 0.999]}


class LSGAN(GAN):
    """The critic's outputs are pulled to numbers, so that fakes far on the right side still move (arXiv:1611.04076).

    Equation 2, with means over the batch; the authors' code has sums, so that its gradients grow with the batch.

    Args:
        a: what the critic wants of fakes.
        b: what it wants of real images.
        c: what the generator wants of fakes; (a, b, c) = (-1, 1, 0) minimises Pearson's chi^2 (Equation 8).
        generator_optimizer: Adam with the authors' rate 1e-3 and beta_1 0.5.
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1611.04076"

    def __init__(
        self,
        a: float = 0.0,
        b: float = 1.0,
        c: float = 1.0,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(generator_optimizer=generator_optimizer, critic_optimizer=critic_optimizer, **kwargs)
        if not all(map(isfinite, (a, b, c))):
            raise ValueError(f"a, b and c must be finite, got {a}, {b}, {c}")
        if a == b:
            raise ValueError(f"a and b must differ, else the critic is not asked to tell anything apart: {a}, {b}")

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute ((f(x) - b)^2 + (f(G(z)) - a)^2) / 2."""
        return losses.least_squares_critic(*self.critic_outputs(real, fake), a=self.hparams.a, b=self.hparams.b)

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute (f(G(z)) - c)^2 / 2."""
        return losses.least_squares_generator(*self.critic_outputs(fake), c=self.hparams.c)

"""BigGAN: Brock et al., Large Scale GAN Training for High Fidelity Natural Image Synthesis, arXiv:1809.11096."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor

from zoo import losses
from zoo.engine.arguments import check_name
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.engine.regulariser import GENERATOR, Regulariser
from zoo.gan import GAN
from zoo.penalties import orthogonal_penalty

ADAM: OptimizerConfig = {"name": "adam", "lr": 2e-4, "betas": [0.0, 0.999]}


class BigGAN(GAN):
    """The hinge loss, a projection critic, spectral norm in both players, wide networks and large batches.

    arXiv:1809.11096; what is not given has the value of the authors' PyTorch code for CIFAR-10. Shared embeddings,
    latents for each block and attention are options of the network `biggan`; large batches are `accumulate`; the
    truncation trick and standing statistics are options of `sampling`.

    Args:
        network: one whose generator and critic take `num_classes`.
        latent_dim: D.
        critic_steps: critic updates before one of the generator; the paper's is 2, on ImageNet.
        critic_batch: whether each of them has new real images, or all of a step the same; latents are always new.
        orthogonal: the weight of orthogonal regularisation of the generator, as that of the authors' code: it acts as
            half of it would in the paper's Equation 3, so that 2e-4 is the paper's 1e-4. See `orthogonal_loss`.
        generator_optimizer: Adam with 2e-4 (0, 0.999).
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1809.11096"
    is_conditional = critic_is_told = True

    def __init__(
        self,
        network: str = "biggan",
        latent_dim: int = 128,
        critic_steps: int = 4,
        critic_batch: Literal["new", "same"] = "new",
        orthogonal: float = 0.0,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        check_name("critic_batch", critic_batch, dict.fromkeys(("new", "same")))
        if not 0 <= orthogonal < float("inf"):
            raise ValueError(f"orthogonal must be finite and at least 0, got {orthogonal}")
        super().__init__(
            network=network,
            latent_dim=latent_dim,
            critic_steps=critic_steps,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )

    @property
    def batches_per_step(self) -> int:
        """Return how many batches of images one training step consumes."""
        return 1 if self.hparams.critic_batch == "same" else self.critic_steps

    @property
    def regularisers(self) -> Sequence[Regulariser]:
        """Return orthogonal regularisation, where it has a weight."""
        return [Regulariser("orthogonal", GENERATOR, self.orthogonal_loss)] if self.hparams.orthogonal else []

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute max(0, 1 - f(x, y)) + max(0, 1 + f(G(z, y'), y'))."""
        return losses.hinge_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -f(G(z, y'), y')."""
        return losses.hinge_generator(*self.critic_outputs(fake))

    def orthogonal_loss(self, real: Batch) -> Tensor:
        """Compute weight / 2 sum ||W W^T o (1 - I)||^2 over the generator's weights, all but the shared embedding's.

        The authors' code adds weight 2 (W W^T o (1 - I)) W to the gradient, which is that of this loss; of the norm
        itself it would be 4 (...). Weights are those before spectral norm.
        """
        weights = [w for name, w in self.generator.named_parameters() if w.dim() > 1 and name != "shared.weight"]
        loss: Tensor = self.hparams.orthogonal / 2 * orthogonal_penalty(weights)
        return loss

"""StyleGAN2: Karras et al., Analyzing and Improving the Image Quality of StyleGAN, arXiv:1912.04958."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.engine.regulariser import CRITIC, GENERATOR, Regulariser
from zoo.gan import GAN
from zoo.networks.stylegan2 import StyleGAN2Generator
from zoo.penalties import path_lengths, zero_centred_penalty

ADAM: OptimizerConfig = {"name": "adam", "lr": 2.5e-3, "betas": [0.0, 0.99], "eps": 1e-8}
PATH_DECAY, W_SAMPLES = 0.99, 64


class StyleGAN2(GAN):
    """The logistic loss with lazy R1 and path lengths, on a generator whose layers have styles (arXiv:1912.04958).

    With `augmentation: {name: ada}` it is StyleGAN2-ADA (arXiv:2006.06676).

    Args:
        network: `stylegan2`.
        latent_dim: D; the paper's is 512.
        r1_gamma: of R1, gamma / 2 E ||grad f(x)||^2; StyleGAN2-ADA takes 0.0002 pixels / batch size.
        r1_every: steps between updates by R1.
        path_weight: of the path lengths; 0 leaves them out, as for CIFAR-10.
        path_every: steps between updates by them.
        generator_optimizer: Adam with the paper's 2.5e-3 (0, 0.99), corrected for the lazy steps.
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1912.04958"
    needs_second_order = True
    generator: StyleGAN2Generator
    path_mean: Tensor

    def __init__(
        self,
        network: str = "stylegan2",
        latent_dim: int = 512,
        r1_gamma: float = 1.0,
        r1_every: int = 16,
        path_weight: float = 2.0,
        path_every: int = 4,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network,
            latent_dim=latent_dim,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )
        if not all(0 <= each < float("inf") for each in (r1_gamma, path_weight)) or min(r1_every, path_every) < 2:
            raise ValueError(
                "r1_gamma and path_weight must be at least 0, r1_every and path_every at least 2: "
                f"got {r1_gamma}, {path_weight}, {r1_every} and {path_every}"
            )
        if not isinstance(self.generator, StyleGAN2Generator):
            raise ValueError(f"StyleGAN2 needs network stylegan2: the generator of {network} has no styles")
        self.register_buffer("path_mean", torch.zeros(()))

    @property
    def regularisers(self) -> Sequence[Regulariser]:
        """R1 of the critic, path lengths of the generator, both lazy."""
        lazy = [Regulariser("r1", CRITIC, self.r1, self.hparams.r1_every)]
        if self.hparams.path_weight:
            lazy.append(Regulariser("path_penalty", GENERATOR, self.path_penalty, self.hparams.path_every))
        return lazy

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -log D(x) - log(1 - D(G(z)))."""
        return 2 * losses.logistic_critic(*self.critic_outputs(real, fake))

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -log D(G(z))."""
        return losses.logistic_generator(*self.critic_outputs(fake))

    def r1(self, real: Batch) -> Tensor:
        """Compute gamma / 2 E ||grad f(x)||^2; the gradient is that of the image before augmentation."""
        penalty: Tensor = self.hparams.r1_gamma / 2 * zero_centred_penalty(self.critic_given(real), real.images)
        return penalty

    def path_penalty(self, real: Batch) -> Tensor:
        """Compute weight E (|J^T y| - a)^2 on half of a batch, a the mean of the lengths, with this step's in it.

        Equation 4; the graph goes through a, as in the authors' code.
        """
        latents = self.prior(max(1, len(real.images) // 2), None, None)
        ws = self.generator.mapping(latents.z, latents.labels)[:, None].expand(-1, self.generator.num_ws, -1)
        lengths = path_lengths(self.generator.synthesis, ws)
        self.observe(path_length=lengths.mean())
        mean = torch.lerp(lengths.mean(), self.path_mean, PATH_DECAY)
        penalty: Tensor = self.hparams.path_weight * (lengths - mean).square().mean()
        return penalty

    def adapt(self) -> None:
        """Move the means of path lengths and of w."""
        lengths = self.observations.of_this_step()
        if "path_length" in lengths:
            self.path_mean.copy_(torch.lerp(self.mean_over_ranks(lengths["path_length"]), self.path_mean, PATH_DECAY))
        w = self.generator.mapping(*self.prior(W_SAMPLES))
        self.generator.move_average(self.mean_over_ranks(w.mean(0)))


class ConditionalStyleGAN2(StyleGAN2):
    """StyleGAN2 whose mapping and critic are told the class of each image.

    Args:
        **kwargs: see StyleGAN2.
    """

    is_conditional = critic_is_told = True

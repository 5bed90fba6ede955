"""R3GAN: Huang et al., The GAN is dead; long live the GAN! A Modern Baseline GAN, arXiv:2501.05441."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from zoo import losses
from zoo.engine.average import HalfLifeAverage
from zoo.engine.batch import Batch
from zoo.engine.learning_rates import half_cosine
from zoo.engine.optimizers import OptimizerConfig
from zoo.engine.regulariser import CRITIC, GENERATOR, Regulariser
from zoo.gan import GAN
from zoo.penalties import zero_centred_penalty

ADAM: OptimizerConfig = {"name": "adam", "lr": 2e-4, "betas": [0.0, 0.99]}
FINAL = {"images", "lr", "beta_2", "gamma", "half_life"}


class R3GAN(GAN):
    """Pairs of a real image and a fake, and zero-centred penalties on both (arXiv:2501.05441, Section 2).

    Each fake is compared with a real image of its own, so that no mode can be left out at no cost; R1 and R2 make the
    game converge near its solution.

    Args:
        network: see GAN.
        gamma: the penalties' weight, twice.
        penalty_every: k: with 1, R1 and R2 are part of every critic loss, as in the paper; above it, they are lazy, a
            step of their own every k-th step (`zoo.engine.regulariser`).
        final: what settings come to along half of a cosine, as in the authors' code: some of lr, beta_2, gamma and
            half_life (of an average by images), and `images`, after how many.
        generator_optimizer: Adam; beta_1 is 0 in the paper, 2e-4 its first rate, 0.99 its last beta_2.
        critic_optimizer: the same.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:2501.05441"
    needs_second_order = True
    gamma: float | Tensor

    def __init__(
        self,
        network: str = "small_conv",
        gamma: float = 0.5,
        penalty_every: int = 1,
        final: dict[str, float] | None = None,
        generator_optimizer: OptimizerConfig = ADAM,
        critic_optimizer: OptimizerConfig = ADAM,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network, generator_optimizer=generator_optimizer, critic_optimizer=critic_optimizer, **kwargs
        )
        if not 0 <= gamma < float("inf") or penalty_every < 1:
            raise ValueError(f"gamma must be at least 0, penalty_every at least 1: got {gamma} and {penalty_every}")
        if final is None:
            self.gamma = gamma
        else:
            self.check_final(final)
            self.register_buffer("gamma", torch.tensor(gamma), persistent=False)  # a compiled graph would keep a number
        if self.critic_mixes_samples:
            raise ValueError(f"R1 and R2 need a critic that judges each sample by itself: {network}'s does not")

    def check_final(self, final: dict[str, float]) -> None:
        """Raise ValueError for what is no option `final`, or does not go with others."""
        if not {"images"} < final.keys() <= FINAL or not all(0 < each < float("inf") for each in final.values()):
            raise ValueError(f"final takes images and some of lr, beta_2, gamma, half_life, above 0: got {final}")
        if final.get("beta_2", 0.5) >= 1 or self.lr_decay or self.hparams.penalty_every > 1:
            raise ValueError("final needs beta_2 below 1, no lr_decay, and penalty_every 1")
        if "half_life" in final and (self.average_options or {}).get("name") != "images":
            raise ValueError("final.half_life is of an average by images: {name: images, half_life: 1}")

    def begin_step(self, images: int) -> None:
        """Move rate, beta_2, gamma and the average's half-life; beta_2 as the authors do, in the midst of Adam."""
        if (final := self.hparams.final) is None:
            return

        def now(name: str, first: float) -> float:
            return half_cosine(first, final.get(name, first), images / final["images"])

        self.gamma.fill_(now("gamma", self.hparams.gamma))  # type: ignore[union-attr]
        for optimizer in (self.trainer.optimizers[CRITIC], self.trainer.optimizers[GENERATOR]):
            for group in optimizer.param_groups:
                group["lr"] = now("lr", optimizer.defaults["lr"])
                group["betas"] = group["betas"][0], now("beta_2", optimizer.defaults["betas"][1])
        if isinstance(self.averaged, HalfLifeAverage):
            self.averaged.half_life = now("half_life", self.average_options["half_life"])  # type: ignore[index]

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
        penalty: Tensor = self.gamma * zero_centred_penalty(self.critic_given(Batch(both, labels)), both)
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

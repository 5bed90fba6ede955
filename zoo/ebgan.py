"""EBGAN: Zhao et al., Energy-based Generative Adversarial Networks, arXiv:1609.03126."""

from typing import Any, ClassVar

from torch import Tensor

from zoo import reconstruction
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN
from zoo.penalties import pull_away

FAST: OptimizerConfig = {"name": "adam", "lr": 1e-3, "betas": [0.5, 0.999]}
SLOW: OptimizerConfig = {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]}


class EBGAN(GAN):
    """The critic is an auto-encoder, whose error is an energy: low on data, pushed up on fakes (arXiv:1609.03126).

    It is pushed up to a margin alone: fakes of a higher energy no longer move the critic. The pull-away term makes the
    codes of a batch's fakes, or of a microbatch's, orthogonal. The critic's output on an image is its energy, so that
    above 0 is no nearer to data: less is.

    Args:
        network: one whose critic gives reconstruction errors.
        margin: m, in units of the network's errors: means over the pixels.
        pull_away_weight: of the pull-away term; 0 leaves it out.
        generator_optimizer: Adam 2e-4 (0.5, 0.999); one as fast as its critic finds grey images, which any auto-encoder
            copies.
        critic_optimizer: Adam 1e-3 (0.5, 0.999).
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1609.03126"

    def __init__(
        self,
        network: str = "ebgan",
        margin: float = 1.0,
        pull_away_weight: float = 0.1,
        generator_optimizer: OptimizerConfig = SLOW,
        critic_optimizer: OptimizerConfig = FAST,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network, generator_optimizer=generator_optimizer, critic_optimizer=critic_optimizer, **kwargs
        )
        if not 0 < margin < float("inf") or not 0 <= pull_away_weight < float("inf"):
            raise ValueError(
                f"margin must be above 0, pull_away_weight at least 0: got {margin} and {pull_away_weight}"
            )
        if self.critic.scores_features:
            raise ValueError(f"EBGAN needs an auto-encoder as critic, as in ebgan and began: {network} has none")

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute E(x) + max(0, m - E(G(z))); observe both energies."""
        on_real, on_fake = self.critic_outputs(real, fake)
        self.observe(energy_real=on_real.mean(), energy_fake=on_fake.mean())
        return reconstruction.energy_critic(on_real, on_fake, margin=self.hparams.margin)

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute E(G(z)), and the weighted pull-away term of the codes."""
        (on_fake,) = self.critic_outputs(fake)
        loss = reconstruction.energy_generator(on_fake)
        if not self.hparams.pull_away_weight:
            return loss
        (codes,) = self.critic_features(fake)
        return loss + self.hparams.pull_away_weight * pull_away(codes)  # type: ignore[no-any-return]

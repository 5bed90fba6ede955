"""InfoGAN: Chen et al., Interpretable Representation Learning by Information Maximizing GANs, arXiv:1606.03657."""

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from zoo import losses
from zoo.engine.batch import Batch
from zoo.engine.optimizers import OptimizerConfig
from zoo.gan import GAN
from zoo.networks.critic import require_features
from zoo.penalties import gaussian_nll
from zoo.priors import Codes

CRITIC: OptimizerConfig = {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]}
GENERATOR: OptimizerConfig = {"name": "adam", "lr": 1e-3, "betas": [0.5, 0.999]}


class InfoGAN(GAN):
    """Part of the latents are codes, which a network Q must find again in the image (arXiv:1606.03657, Equation 6).

    Q stands on the critic's features and is trained with the critic; both players minimise its negative log likelihood,
    a bound on the mutual information: cross entropy of the categorical code, a unit Gaussian's of the continuous ones.
    The labels of samples are the categorical codes, which need not be the data's classes, nor in their order.

    Args:
        network: one with features; the paper's for MNIST is `infogan`.
        prior: `codes`; see `zoo.priors.Codes` for its options.
        latent_dim: of noise and codes together: the paper has 62 + 10 + 2.
        info_weight: lambda, of the categorical code.
        continuous_weight: lambda of the continuous codes; the authors' code has 1.
        hidden: width of Q's hidden layer.
        generator_optimizer: Adam with the paper's 1e-3 and beta_1 0.5.
        critic_optimizer: Adam with its 2e-4.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1606.03657"
    prior: Codes

    def __init__(
        self,
        network: str = "infogan",
        prior: str = "codes",
        latent_dim: int = 74,
        info_weight: float = 1.0,
        continuous_weight: float = 1.0,
        hidden: int = 128,
        generator_optimizer: OptimizerConfig = GENERATOR,
        critic_optimizer: OptimizerConfig = CRITIC,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            network=network,
            prior=prior,
            latent_dim=latent_dim,
            generator_optimizer=generator_optimizer,
            critic_optimizer=critic_optimizer,
            **kwargs,
        )
        if not all(0 <= weight < float("inf") for weight in (info_weight, continuous_weight)) or hidden < 1:
            raise ValueError(
                "info_weight and continuous_weight must be finite and at least 0, hidden at least 1: "
                f"got {info_weight}, {continuous_weight} and {hidden}"
            )
        if not isinstance(self.prior, Codes):
            raise ValueError(f"InfoGAN needs prior codes: {prior} has none to be found again")
        require_features(self.critic, "InfoGAN")
        outputs = self.prior.categories + self.prior.continuous
        self.q = nn.Sequential(
            nn.Linear(self.critic.num_features, hidden),
            nn.BatchNorm1d(hidden),
            nn.LeakyReLU(0.01),
            nn.Linear(hidden, outputs),
        )

    @property
    def players(self) -> tuple[nn.Module, nn.Module]:
        """Return the critic with Q, which its optimizer trains too, and the generator."""
        return nn.ModuleList([self.critic, self.q]), nn.ModuleList([self.generator, self.prior])

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -log D(x) - log(1 - D(G(z, c))) and the codes' negative log likelihood."""
        on_real, on_fake = self.critic_features(real, fake)
        adversarial = 2 * losses.logistic_critic(self.critic.score(on_real), self.critic.score(on_fake))
        return adversarial + self.information(on_fake, fake)

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -log D(G(z, c)) and the codes' negative log likelihood."""
        (on_fake,) = self.critic_features(fake)
        return losses.logistic_generator(self.critic.score(on_fake)) + self.information(on_fake, fake)

    def information(self, features: Tensor, fake: Batch) -> Tensor:
        """Compute minus the bound on the mutual information of codes and image, but for the codes' own entropy."""
        assert fake.latents is not None
        category, means = self.q(features).split([self.prior.categories, self.prior.continuous], dim=1)
        found = cross_entropy(category, fake.classes)
        placed = gaussian_nll(self.prior.codes(fake.latents.z), means)
        self.observe(category_nll=found, continuous_nll=placed)
        information: Tensor = self.hparams.info_weight * found + self.hparams.continuous_weight * placed
        return information

"""DeLiGAN: Gurumurthy et al., GANs for Diverse and Limited Data, arXiv:1706.02071."""

from typing import Any, ClassVar

from zoo.gan import GAN

MIXTURE: dict[str, Any] = {"components": 50, "sigma_init": 0.2, "sigma_weight": 0.1}


class DeLiGAN(GAN):
    """Latents come from a mixture of Gaussians that the generator's loss trains (arXiv:1706.02071, Section 4).

    The rest is the GAN of 2014. The penalty on sigma belongs to the prior, see `zoo.priors.GaussianMixture`.

    Args:
        prior: the mixture; another makes the baseline that the paper compares with.
        prior_options: components N, sigma_init, sigma_weight lambda, and how components are sampled.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1706.02071"

    def __init__(
        self, prior: str = "gaussian_mixture", prior_options: dict[str, Any] | None = MIXTURE, **kwargs: Any
    ) -> None:
        super().__init__(prior=prior, prior_options=prior_options, **kwargs)

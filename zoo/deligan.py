"""DeLiGAN: Gurumurthy et al., GANs for Diverse and Limited Data, arXiv:1706.02071."""

from typing import Any, ClassVar

from zoo.gan import GAN


class DeLiGAN(GAN):
    """Latents come from a mixture of Gaussians that the generator's loss trains (arXiv:1706.02071, Section 4).

    The rest is the GAN of 2014. The mixture, its defaults and the penalty on sigma are `zoo.priors.GaussianMixture`.

    Args:
        prior: the mixture; another makes the baseline that the paper compares with.
        **kwargs: see GAN; `prior_options` are components N, sigma_init, sigma_weight lambda, and how to sample them.
    """

    paper: ClassVar[str] = "arXiv:1706.02071"

    def __init__(self, prior: str = "gaussian_mixture", **kwargs: Any) -> None:
        super().__init__(prior=prior, **kwargs)

"""DeLiGAN: Gurumurthy et al., GANs for Diverse and Limited Data, arXiv:1706.02071."""

from typing import Any, ClassVar, Literal

from torch import Tensor
from torch.nn.functional import cross_entropy

from zoo import losses
from zoo.engine.arguments import check_name
from zoo.engine.batch import Batch
from zoo.gan import GAN

GENERATOR_LOSSES = {"non_saturating": losses.logistic_generator, "saturating": losses.saturating_generator}


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


class SemiSupervisedDeLiGAN(DeLiGAN):
    """DeLiGAN whose critic learns classes too, as in the authors' code for CIFAR-10 (arXiv:1706.02071, dg_cifar.py).

    The critic has a logit l_k for each class, and its output is log sum_k exp(l_k) (arXiv:1606.03498, Section 5). The
    generator knows no classes. The authors give the critic other images for the classes than for real and fake, of
    the same 2,000; here they are the same.

    Args:
        network: one whose critic takes `num_classes` and has `classify`.
        class_weight: of the cross entropy in the critic's loss.
        generator_objective: `non_saturating`, or the authors' `saturating`: log(1 - D(G(z))).
        **kwargs: see DeLiGAN.
    """

    learns_classes = True

    def __init__(
        self,
        network: str = "deligan_cifar",
        class_weight: float = 1.0,
        generator_objective: Literal["non_saturating", "saturating"] = "non_saturating",
        **kwargs: Any,
    ) -> None:
        check_name("generator_objective", generator_objective, GENERATOR_LOSSES)
        super().__init__(network=network, **kwargs)
        if not 0 <= class_weight < float("inf"):
            raise ValueError(f"class_weight must be finite and at least 0, got {class_weight}")

    def build_critic(self) -> Any:
        """Build the critic with a logit for each class. Raise ValueError for one that has none."""
        self.critic_options = {"num_classes": self.num_classes} | self.critic_options
        critic = super().build_critic()
        if not hasattr(critic, "classify"):
            raise ValueError(f"SemiSupervisedDeLiGAN needs a critic that classifies: network {self.network} has none")
        return critic

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -(log D(x) + log(1 - D(G(z)))) / 2 and the cross entropy; observe the share of right classes."""
        on_real, on_fake = self.critic_features(real, fake)
        classified = self.critic.classify(on_real)
        self.observe(class_accuracy=(classified.argmax(1) == real.classes).to(classified.dtype).mean())
        adversarial = losses.logistic_critic(classified.logsumexp(1), self.critic.score(on_fake))
        loss: Tensor = adversarial + self.hparams.class_weight * cross_entropy(classified, real.classes)
        return loss

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -log D(G(z)), or log(1 - D(G(z)))."""
        return GENERATOR_LOSSES[self.hparams.generator_objective](*self.critic_outputs(fake))

"""ACGAN: Odena et al., Conditional Image Synthesis with Auxiliary Classifier GANs, arXiv:1610.09585."""

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from zoo import losses
from zoo.engine.batch import Batch
from zoo.gan import GAN
from zoo.networks.critic import require_features


class ACGAN(GAN):
    """A conditional GAN whose critic also tells classes apart, on real images and fakes (arXiv:1610.09585).

    The classifier is a linear layer on the critic's features, trained with the critic; it gives logits, to which the
    cross entropy is taken: a popular port takes it of a softmax, which bounds them. Both players want it to be right.

    Args:
        network: one whose generator takes `num_classes`.
        class_weight: of the cross entropy, in both losses.
        classify_fakes: whether the classifier learns from fakes too, as in the paper.
        **kwargs: see GAN.
    """

    paper: ClassVar[str] = "arXiv:1610.09585"
    is_conditional = True

    def __init__(
        self, network: str = "small_conv", class_weight: float = 1.0, classify_fakes: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(network=network, **kwargs)
        if not 0 <= class_weight < float("inf"):
            raise ValueError(f"class_weight must be finite and at least 0, got {class_weight}")
        require_features(self.critic, "ACGAN")
        self.classifier = nn.Linear(self.critic.num_features, self.num_classes or 0)

    @property
    def players(self) -> tuple[nn.Module, nn.Module]:
        """Return the critic with the classifier, which its optimizer trains too, and the generator."""
        return nn.ModuleList([self.critic, self.classifier]), nn.ModuleList([self.generator, self.prior])

    def critic_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -log D(x) - log(1 - D(G(z, c))) and the cross entropy of both; observe the share of right classes."""
        on_real, on_fake = self.critic_features(real, fake)
        loss: Tensor = 2 * losses.logistic_critic(self.critic.score(on_real), self.critic.score(on_fake))
        classified = self.classifier(on_real)
        self.observe(class_accuracy=(classified.argmax(1) == real.classes).to(classified.dtype).mean())
        wrong = cross_entropy(classified, real.classes)
        if self.hparams.classify_fakes:
            wrong = wrong + cross_entropy(self.classifier(on_fake), fake.classes)
        return loss + self.hparams.class_weight * wrong  # type: ignore[no-any-return]

    def generator_loss(self, real: Batch, fake: Batch) -> Tensor:
        """Compute -log D(G(z, c)) and the cross entropy."""
        (on_fake,) = self.critic_features(fake)
        loss: Tensor = losses.logistic_generator(self.critic.score(on_fake))
        wrong = cross_entropy(self.classifier(on_fake), fake.classes)
        return loss + self.hparams.class_weight * wrong  # type: ignore[no-any-return]

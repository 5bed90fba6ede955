"""Regularisers of the generator: orthogonal weights, feature matching."""

from typing import TYPE_CHECKING

from torch import Tensor, nn

from zoo.engine.batch import Batch
from zoo.engine.regulariser import GENERATOR
from zoo.networks.critic import require_features
from zoo.penalties import feature_matching, orthogonal_penalty
from zoo.regularisers.extra import Extra

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule


class Orthogonal(Extra):
    """The rows of each of the generator's weights are made orthogonal (arXiv:1809.11096, Equation 3).

    Embeddings are left alone. Of weights under spectral norm those before it are meant.

    Args:
        weight: the paper's beta; BigGAN's own option has the factor of its authors' code.
        every: see Extra.
    """

    name, player = "orthogonal", GENERATOR

    def __init__(self, weight: float = 1e-4, every: int = 1) -> None:
        super().__init__(weight, every)

    def forward(self, model: "AdversarialModule", real: Batch) -> Tensor:
        """Compute the penalty of the weights; images do not matter."""
        tables = {id(part.weight) for part in model.generator.modules() if isinstance(part, nn.Embedding)}
        weights = [each for each in model.generator.parameters() if each.dim() > 1 and id(each) not in tables]
        return self.weight * orthogonal_penalty(weights)


class FeatureMatching(Extra):
    """The critic's mean features of fakes are drawn to those of real images (arXiv:1606.03498, Section 3.1).

    Args:
        weight: beside the adversarial loss, which the authors leave out.
        power: of the distance in each feature: 1 as in the authors' code for CIFAR-10, 2 as for MNIST.
        every: see Extra.
    """

    name, player = "feature_matching", GENERATOR

    def __init__(self, weight: float = 1.0, power: int = 1, every: int = 1) -> None:
        super().__init__(weight, every)
        if power not in (1, 2):
            raise ValueError(f"feature_matching: power must be 1 or 2, got {power}")
        self.power = power

    def forward(self, model: "AdversarialModule", real: Batch) -> Tensor:
        """Compute the distance of the mean features; the gradient goes to the generator."""
        require_features(model.critic, self.name)
        fake = model.generate(model.prior(len(real.images), None, model.fake_labels(real)))
        on_real, on_fake = model.critic_features(real, fake)
        return self.weight * feature_matching(on_real.detach(), on_fake, power=self.power)

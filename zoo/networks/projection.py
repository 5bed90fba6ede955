"""The projection of a critic's features onto an embedding of the labels (arXiv:1802.05637)."""

from torch import Tensor, nn

from zoo.networks.critic import Critic
from zoo.networks.labels import require_labels


class ProjectionCritic(Critic):
    """Base of critics that end in one linear layer on their features, and may take labels.

    Attributes:
        output: features to one number.
        embedding: labels to [N, F]; None without labels.
    """

    output: nn.Module
    embedding: nn.Embedding | None

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] and labels int64 [N] to outputs [N]; without num_labels labels are ignored."""
        outputs: Tensor = self.output(features).squeeze(1)
        return outputs if self.embedding is None else outputs + projection(features, labels, self.embedding)


def label_embedding(num_labels: int | None, num_features: int) -> nn.Embedding | None:
    """Return what `projection` takes, its entries N(0, 1 / num_features); None without labels."""
    if num_labels is None:
        return None
    embedding = nn.Embedding(num_labels, num_features)
    nn.init.normal_(embedding.weight, std=num_features**-0.5)
    return embedding


def projection(features: Tensor, labels: Tensor | None, embedding: nn.Embedding) -> Tensor:
    """Return the products [N] of features [N, F] and the labels' embeddings; raise ValueError if labels are missing."""
    products: Tensor = (embedding(require_labels(labels, embedding.num_embeddings)) * features).sum(1)
    return products

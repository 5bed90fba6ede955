"""The projection of a critic's features onto an embedding of the labels (arXiv:1802.05637)."""

from abc import abstractmethod

from torch import Tensor, nn


class ProjectionCritic(nn.Module):
    """Base of critics that end in one linear layer on their features, and may take labels.

    Attributes:
        num_features: of an image, F.
        num_classes: of the labels; None has none.
        output: features to one number.
        embedding: labels to [N, F]; None without labels.
    """

    num_features: int
    num_classes: int | None
    output: nn.Module
    embedding: nn.Module | None

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Images [N, C, H, W] to features [N, num_features]."""

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [N, C, H, W] and labels [N] to outputs [N]; without classes labels are not looked at."""
        require_labels(self.num_classes, labels)
        features = self.features(images)
        outputs: Tensor = self.output(features).squeeze(1)
        if self.embedding is not None:
            outputs = outputs + (self.embedding(labels) * features).sum(1)
        return outputs


def require_labels(num_classes: int | None, labels: Tensor | None) -> None:
    """Raise a ValueError if a conditional network is called without labels."""
    if num_classes is not None and labels is None:
        raise ValueError(f"a network with num_classes={num_classes} needs labels")

"""The base of every critic: features of images, and an output made of them."""

from abc import abstractmethod
from collections.abc import Iterable

from torch import Tensor, nn


class Critic(nn.Module):
    """Base of critics: images to features, features to one number.

    Heads beside the output, such as a classifier or feature matching, read `features`.

    Attributes:
        num_features: F, of an image.
        num_labels: how many labels it takes; None takes none.
        scores_features: whether an output follows from the features alone, so that critic(images, labels) is
            score(features(images), labels); false for an auto-encoder.
    """

    num_features: int
    num_labels: int | None = None
    scores_features: bool = True

    @abstractmethod
    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""

    @abstractmethod
    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] and labels int64 [N] to outputs [N]; without num_labels labels are ignored."""

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map images [N, C, H, W] and labels int64 [N] to outputs [N]; without num_labels labels are ignored."""
        return self.score(self.features(images), labels)


def require_features(critic: nn.Module, who: str) -> None:
    """Raise ValueError unless a critic's output follows from its features, on which another head is to stand."""
    if not getattr(critic, "scores_features", False):
        raise ValueError(f"{who} needs a critic whose output follows from its features: take another network")


class SequentialCritic(Critic):
    """Base of critics in one sequence: all of its layers but the last make the features, the last one the output.

    Attributes:
        body: the layers.
    """

    body: nn.Sequential

    def features(self, images: Tensor) -> Tensor:
        """Map images [N, C, H, W] to features [N, num_features]."""
        *layers, _ = self.body
        return applied(layers, images)

    def score(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map features [N, num_features] to outputs [N]; labels are ignored."""
        outputs: Tensor = self.body[-1](features).squeeze(1)
        return outputs


def applied(layers: Iterable[nn.Module], values: Tensor) -> Tensor:
    """Return what the layers make of the values, one after the other."""
    for layer in layers:
        values = layer(values)
    return values

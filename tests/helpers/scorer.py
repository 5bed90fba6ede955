"""A scorer that can be computed by hand, and images for it."""

import torch
from torch import nn

from zoo.scores.evaluation import Evaluation
from zoo.scores.fid import FID
from zoo.scores.inception_score import InceptionScore
from zoo.scores.kid import KID
from zoo.scores.precision_recall import PrecisionRecall
from zoo.scores.scorer import Scorer

KEYS = [
    "inception_score", "inception_score_std", "modified_inception_score", "modified_inception_score_std",
    "classes_used", "fid", "kid", "kid_std", "precision", "recall", "density", "coverage",
    "sliced_wasserstein",
]  # fmt: skip


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def images(n: int, seed: int = 0, shift: float = 0.0) -> torch.Tensor:
    return (draw(n, 1, 2, 3, seed=seed) * 0.3 + shift).float()


class Linear(nn.Module):
    """Features are the pixels, logits the first K of them; counts how often it looks."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes, self.calls = classes, 0

    def forward(self, images):  # noqa: D102
        self.calls += 1
        pixels = images.flatten(1)
        return pixels, pixels[:, : self.classes] * 4


def linear_scorer() -> Scorer:
    """Build a scorer of three classes, six features."""
    return Scorer("linear", Linear(3), (1, 2, 3), num_features=6, num_classes=3)


def evaluate(evaluation: Evaluation, real: torch.Tensor, fake: torch.Tensor, batch: int = 50) -> dict[str, float]:
    evaluation.reset()
    for given, update in ((real, evaluation.update_real), (fake, evaluation.update_fake)):
        for part, labels in zip(given.split(batch), turns(len(given)).split(batch), strict=True):
            update(part, labels=labels)
    if evaluation.sizes.has_training:
        for part in images(70, seed=2).split(batch):
            evaluation.update_training(part)
    return evaluation.compute()


def turns(n: int) -> torch.Tensor:
    """Return labels of n images: the scorer's classes in turn."""
    return torch.arange(n) % 3


# -- each metric, fed in parts --


def is_of(logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    metric = InceptionScore(logits.shape[1])
    for part in logits.split(70):
        metric.update(part)
    return metric.compute()


def fid_of(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    metric = FID(real.shape[1])
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return metric.compute()


def kid_of(real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    return kid_and_std(real, fake)[0]


def kid_and_std(real: torch.Tensor, fake: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    metric = KID(real.shape[1])
    metric.update(real, real=True)
    metric.update(fake, real=False)
    return metric.compute()


def precision_recall(real: torch.Tensor, fake: torch.Tensor, **options: int) -> tuple[float, float]:
    metric = PrecisionRecall(**options)
    metric.update(real, real=True)
    metric.update(fake, real=False)
    precision, recall = metric.compute()
    return precision.item(), recall.item()

"""All scores of a set of generated images against a set of real ones, from one pass of the scorer over each image."""

import math
from typing import Self

import torch
from torch import Tensor
from torchmetrics import Metric, SumMetric

from zoo.classifier import Scored
from zoo.feature_scores import FID, KID, InceptionScore
from zoo.metrics import ModifiedInceptionScore
from zoo.precision_recall import PrecisionRecall
from zoo.scorers import Scorer
from zoo.sliced_wasserstein import SlicedWasserstein

#: What the scorer is needed for.
KEYS = (
    "inception_score", "inception_score_std", "modified_inception_score", "modified_inception_score_std",
    "fid", "kid", "precision", "recall", "classes_used",
)  # fmt: skip


class Evaluation:
    """Takes images in batches, real and generated in any order, and gives every score of the generated ones.

    | key | what | better |
    | --- | --- | --- |
    | `inception_score`, `inception_score_std` | of generated images, over splits of 100 or more, 10 at most | higher |
    | `modified_inception_score`, `..._std` | over predicted classes (arXiv:1706.02071) | not to be read alone |
    | `fid` | Fréchet distance of the features, squared (arXiv:1706.08500) | lower |
    | `kid` | squared maximum mean discrepancy of the features (arXiv:1801.01401) | lower |
    | `precision`, `recall` | k = 3 (arXiv:1904.06991), shares | higher |
    | `classes_used` | classes predicted for at least one generated image | all |
    | `sliced_wasserstein` | of pixels, no scorer needed | lower |

    All but the last depend on the scorer, and FID, precision and recall on the number of images: compare at equal ones.
    What has too few images to be computed is nan: FID and KID of fewer than 2, precision and recall of fewer than 4.
    If the scorer's answer for any image is not finite, as that for a nan image, every score that needs it is nan.

    Everything runs in inference mode and merges across processes; `compute` is to be called on all of them.

    Args:
        scorer: what to look through; without one, `sliced_wasserstein` is the only score.
    """

    def __init__(self, scorer: Scorer | None) -> None:
        self.scorer, self.device = scorer, torch.device("cpu")
        self.waiting: dict[bool, Tensor] = {}
        self.sliced_wasserstein = SlicedWasserstein()
        self.metrics: list[Metric] = [self.sliced_wasserstein]
        if scorer is not None:
            self.inception_score = InceptionScore(scorer.num_classes)
            self.modified_inception_score = ModifiedInceptionScore(scorer.num_classes)
            self.fid, self.kid = FID(scorer.num_features), KID(scorer.num_features)
            self.precision_recall, self.not_finite = PrecisionRecall(), SumMetric()
            self.metrics += [self.inception_score, self.modified_inception_score, self.fid, self.kid]
            self.metrics += [self.precision_recall, self.not_finite]

    def to(self, device: torch.device) -> Self:
        """Moves scorer and sums to where the images will be."""
        self.device = device
        for part in self.metrics if self.scorer is None else [self.scorer, *self.metrics]:
            part.to(device)
        return self

    @torch.inference_mode()
    def reset(self) -> None:
        """Forgets all images."""
        self.waiting = {}
        for metric in self.metrics:
            metric.reset()

    def update_real(self, images: Tensor, scored: Scored | None = None) -> Scored | None:
        """Adds real images, float [N, C, H, W] in [-1, 1]; returns what the scorer says of them.

        Whoever keeps that may give it back as `scored` for the same images next time, and the scorer need not look.
        """
        return self.update(images, True, scored)

    def update_fake(self, images: Tensor) -> None:
        """Adds generated images, float [N, C, H, W] in [-1, 1]."""
        self.update(images, False)

    @torch.inference_mode()
    def update(self, images: Tensor, real: bool, scored: Scored | None = None) -> Scored | None:
        """What update_real and update_fake have in common."""
        images = images.to(self.device, torch.float32)
        self.compare_pixels(images, real)
        if self.scorer is None or not len(images):
            return None
        scored = scored or self.scorer(images)
        self.add(scored, real)
        return scored

    def compare_pixels(self, images: Tensor, real: bool) -> None:
        """Feeds the distance that takes pairs; images of either kind wait for as many of the other."""
        self.waiting[real] = torch.cat([self.waiting[real], images]) if real in self.waiting else images
        pairs = min(len(self.waiting.get(kind, ())) for kind in (True, False))
        if pairs:
            self.sliced_wasserstein.update(self.waiting[True][:pairs], self.waiting[False][:pairs])
            self.waiting = {kind: images[pairs:] for kind, images in self.waiting.items()}

    def add(self, scored: Scored, real: bool) -> None:
        """Feeds all that the scorer's answers feed."""
        finite = scored.features.isfinite().all(dim=1) & scored.logits.isfinite().all(dim=1)
        self.not_finite.update((~finite).sum())
        features, logits = scored.features[finite], scored.logits[finite]
        for metric in (self.fid, self.kid, self.precision_recall):
            metric.update(features, real)
        if not real:
            self.inception_score.update(logits)
            self.modified_inception_score.update(logits)

    @torch.inference_mode()
    def compute(self) -> dict[str, float]:
        """Every score of the images since the last reset, by the keys above."""
        scores: dict[str, float] = {}
        if self.scorer is not None:
            nothing = torch.empty(0, self.scorer.num_features), torch.empty(0, self.scorer.num_classes)
            for real in (True, False):  # torchmetrics cannot merge with a process that has seen no image
                self.add(Scored(*(part.to(self.device) for part in nothing)), real)
            scores = self.scores_of_scorer()
            if self.not_finite.compute() > 0:
                scores = dict.fromkeys(scores, math.nan)
        compared = self.sliced_wasserstein.update_called
        scores["sliced_wasserstein"] = float(self.sliced_wasserstein.compute()) if compared else math.nan
        return scores

    def scores_of_scorer(self) -> dict[str, float]:
        """All scores that need it."""
        used = int((self.modified_inception_score.counts() > 0).sum())
        modified, modified_std = self.modified_inception_score.compute() if used else (math.nan, math.nan)
        inception, inception_std = self.inception_score.compute()
        precision, recall = self.precision_recall.compute()
        values = inception, inception_std, modified, modified_std, self.fid.compute(), self.kid.compute()[0]
        return dict(zip(KEYS, map(float, (*values, precision, recall, used)), strict=True))

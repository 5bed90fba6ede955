"""All scores of a set of generated images against a set of real ones, from one pass of the scorer over each image."""

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor
from torchmetrics import SumMetric

from zoo.scores.classifier import Scored
from zoo.scores.metric_spec import Sizes
from zoo.scores.scorer import Scorer
from zoo.scores.table import KEYS, METRICS, SPECS, MetricName

__all__ = ["KEYS", "METRICS", "Evaluation", "MetricName"]


class Evaluation:
    """Takes images in batches, real and generated in any order, and gives every score of the generated ones.

    | key | what | better |
    | --- | --- | --- |
    | `inception_score`, `inception_score_std` | of generated images, over splits of 100 or more, 10 at most | higher |
    | `modified_inception_score`, `..._std` | over predicted classes (arXiv:1706.02071) | not to be read alone |
    | `fid` | Fréchet distance of the features, squared (arXiv:1706.08500) | lower |
    | `kid`, `kid_std` | squared maximum mean discrepancy of the features (arXiv:1801.01401), over subsets | lower |
    | `precision`, `recall` | k = 3 (arXiv:1904.06991), shares | higher |
    | `density`, `coverage` | k = 5 (arXiv:2002.09797): 1 and 0.97 for fakes like the real images | see docs/scores.md |
    | `classes_used` | classes predicted for at least one generated image | all |
    | `sliced_wasserstein` | of pixels, no scorer needed | lower |

    All but the last depend on the scorer, and FID, precision, recall, density and coverage on the number of images:
    compare at equal ones. What has too few images to be computed is nan: FID and KID of fewer than 2, precision and
    recall of fewer than 4, density and coverage of fewer than 6 real ones.
    If the scorer's answer for any image is not finite, as that for a nan image, every score that needs it is nan.

    Everything runs in inference mode and merges across processes; `compute` is to be called on all of them.

    Args:
        scorer: what to look through; without one, only scores of pixels are computed.
        metrics: names of `zoo.scores.table.SPECS`; all by default. What is not asked for is not computed.
    """

    def __init__(self, scorer: Scorer | None, metrics: Sequence[MetricName] = tuple(METRICS)) -> None:
        if not metrics or not set(metrics) <= SPECS.keys():
            raise ValueError(f"metrics must be some of {', '.join(SPECS)}; got {list(metrics)}")
        sizes = Sizes(scorer.num_features, scorer.num_classes) if scorer else Sizes()
        wanted = {name: spec for name, spec in SPECS.items() if name in metrics and (scorer or not spec.needs_scorer)}
        self.metrics = {name: spec.make(sizes) for name, spec in wanted.items()}  # in the table's order
        self.scorer = scorer if any(spec.needs_scorer for spec in wanted.values()) else None
        self.not_finite, self.device = SumMetric(), torch.device("cpu")

    @property
    def keys(self) -> list[str]:
        """The names of the scores that `compute` gives, in their order."""
        return [key for name in self.metrics for key in SPECS[name].keys]

    def to(self, device: torch.device) -> Self:
        """Move scorer and sums to where the images will be."""
        self.device = device
        for metric in (self.not_finite, *self.metrics.values()):
            metric.to(device)
        if self.scorer is not None:
            self.scorer.to(device)
        return self

    @torch.inference_mode()
    def reset(self) -> None:
        """Forget all images."""
        for metric in (self.not_finite, *self.metrics.values()):
            metric.reset()

    def update_real(self, images: Tensor, scored: Scored | None = None) -> Scored | None:
        """Add real images, float [N, C, H, W] in [-1, 1]; return the scorer's features and logits of them.

        A caller that keeps these may give them back as `scored` for the same images, and the scorer need not look.
        """
        return self.update(images, True, scored)

    def update_fake(self, images: Tensor, scored: Scored | None = None) -> Scored | None:
        """Add generated images, float [N, C, H, W] in [-1, 1]; `scored` is as in update_real."""
        return self.update(images, False, scored)

    @torch.inference_mode()
    def update(self, images: Tensor, real: bool, scored: Scored | None = None) -> Scored | None:
        """Add images of either kind."""
        if not len(images):
            return None
        images = images.to(self.device, torch.float32)
        self.feed({"pixels": images}, real)
        if self.scorer is None:
            return None
        scored = self.scorer(images) if scored is None else Scored(*(part.to(self.device) for part in scored))
        self.feed_scored(scored, real)
        return scored

    def feed_scored(self, scored: Scored, real: bool) -> None:
        """Feed the metrics that look through the scorer, and count the images for which it has no finite numbers."""
        finite = scored.features.isfinite().all(dim=1) & scored.logits.isfinite().all(dim=1)
        self.not_finite.update((~finite).sum())
        self.feed({"features": scored.features[finite], "logits": scored.logits[finite]}, real)

    def feed(self, inputs: dict[str, Tensor], real: bool) -> None:
        """Feed the metrics that take any of these inputs."""
        for name, metric in self.metrics.items():
            if (spec := SPECS[name]).inputs in inputs:
                spec.update(metric, inputs[spec.inputs], real)

    @torch.inference_mode()
    def compute(self) -> dict[str, float]:
        """Return every score of the images since the last reset, by the keys above."""
        if self.scorer is not None:
            nothing = torch.empty(0, self.scorer.num_features), torch.empty(0, self.scorer.num_classes)
            for real in (True, False):  # torchmetrics cannot merge with a process that has seen no image
                self.feed_scored(Scored(*(part.to(self.device) for part in nothing)), real)
        broken = self.scorer is not None and bool(self.not_finite.compute() > 0)
        scores: dict[str, float] = {}
        for name, metric in self.metrics.items():
            spec = SPECS[name]
            is_known = metric.update_called and not (broken and spec.needs_scorer)
            values = spec.compute(metric) if is_known else (math.nan,) * len(spec.keys)
            scores |= zip(spec.keys, values, strict=True)
        return scores

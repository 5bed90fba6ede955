"""All scores of a set of generated images against a set of real ones, from one pass of the scorer over each image."""

import math
from collections.abc import Sequence
from typing import Literal, Self

import torch
from torch import Tensor
from torchmetrics import Metric, SumMetric

from zoo.metrics import ModifiedInceptionScore
from zoo.scores.classifier import Scored
from zoo.scores.feature_scores import FID, KID, InceptionScore
from zoo.scores.precision_recall import PrecisionRecall
from zoo.scores.scorer import Scorer
from zoo.scores.sliced_wasserstein import SlicedWasserstein

MetricName = Literal[
    "inception_score", "modified_inception_score", "fid", "kid", "precision_recall", "sliced_wasserstein"
]

#: The scores that each metric gives.
METRICS: dict[MetricName, tuple[str, ...]] = {
    "inception_score": ("inception_score", "inception_score_std"),
    "modified_inception_score": ("modified_inception_score", "modified_inception_score_std", "classes_used"),
    "fid": ("fid",),
    "kid": ("kid", "kid_std"),
    "precision_recall": ("precision", "recall"),
    "sliced_wasserstein": ("sliced_wasserstein",),
}

#: What the scorer is needed for.
KEYS = tuple(key for name, keys in METRICS.items() if name != "sliced_wasserstein" for key in keys)


class Evaluation:
    """Takes images in batches, real and generated in any order, and gives every score of the generated ones.

    | key | what | better |
    | --- | --- | --- |
    | `inception_score`, `inception_score_std` | of generated images, over splits of 100 or more, 10 at most | higher |
    | `modified_inception_score`, `..._std` | over predicted classes (arXiv:1706.02071) | not to be read alone |
    | `fid` | Fréchet distance of the features, squared (arXiv:1706.08500) | lower |
    | `kid`, `kid_std` | squared maximum mean discrepancy of the features (arXiv:1801.01401), over subsets | lower |
    | `precision`, `recall` | k = 3 (arXiv:1904.06991), shares | higher |
    | `classes_used` | classes predicted for at least one generated image | all |
    | `sliced_wasserstein` | of pixels, no scorer needed | lower |

    All but the last depend on the scorer, and FID, precision and recall on the number of images: compare at equal ones.
    What has too few images to be computed is nan: FID and KID of fewer than 2, precision and recall of fewer than 4.
    If the scorer's answer for any image is not finite, as that for a nan image, every score that needs it is nan.

    Everything runs in inference mode and merges across processes; `compute` is to be called on all of them.

    Args:
        scorer: what to look through; without one, `sliced_wasserstein` is the only score.
        metrics: keys of METRICS; all by default. What is not asked for is not computed.
    """

    def __init__(self, scorer: Scorer | None, metrics: Sequence[MetricName] = tuple(METRICS)) -> None:
        if not metrics or not set(metrics) <= METRICS.keys():
            raise ValueError(f"metrics must be some of {', '.join(METRICS)}; got {list(metrics)}")
        self.device, self.waiting = torch.device("cpu"), dict[bool, Tensor]()
        self.scorer = scorer if set(metrics) - {"sliced_wasserstein"} else None
        self.not_finite, self.metrics = SumMetric(), dict[str, Metric]()
        for name in METRICS:  # whatever order they were asked for in
            if name in metrics and (scorer is not None or name == "sliced_wasserstein"):
                self.metrics[name] = build(name, scorer)

    def to(self, device: torch.device) -> Self:
        """Moves scorer and sums to where the images will be."""
        self.device = device
        for metric in (self.not_finite, *self.metrics.values()):
            metric.to(device)
        if self.scorer is not None:
            self.scorer.to(device)
        return self

    @torch.inference_mode()
    def reset(self) -> None:
        """Forgets all images."""
        self.waiting = {}
        for metric in (self.not_finite, *self.metrics.values()):
            metric.reset()

    def update_real(self, images: Tensor, scored: Scored | None = None) -> Scored | None:
        """Adds real images, float [N, C, H, W] in [-1, 1]; returns what the scorer says of them.

        Whoever keeps that may give it back as `scored` for the same images next time, and the scorer need not look.
        """
        return self.update(images, True, scored)

    def update_fake(self, images: Tensor, scored: Scored | None = None) -> Scored | None:
        """Adds generated images, float [N, C, H, W] in [-1, 1]; `scored` is as in update_real."""
        return self.update(images, False, scored)

    @torch.inference_mode()
    def update(self, images: Tensor, real: bool, scored: Scored | None = None) -> Scored | None:
        """What update_real and update_fake have in common."""
        images = images.to(self.device, torch.float32)
        if "sliced_wasserstein" in self.metrics:
            self.compare_pixels(images, real)
        if self.scorer is None or not len(images):
            return None
        scored = self.scorer(images) if scored is None else Scored(*(part.to(self.device) for part in scored))
        self.add(scored, real)
        return scored

    def compare_pixels(self, images: Tensor, real: bool) -> None:
        """Feeds the distance that takes pairs; images of either kind wait for as many of the other."""
        self.waiting[real] = torch.cat([self.waiting[real], images]) if real in self.waiting else images
        pairs = min(len(self.waiting.get(kind, ())) for kind in (True, False))
        if pairs:
            self.metrics["sliced_wasserstein"].update(self.waiting[True][:pairs], self.waiting[False][:pairs])
            self.waiting = {kind: images[pairs:] for kind, images in self.waiting.items()}

    def add(self, scored: Scored, real: bool) -> None:
        """Feeds all that the scorer's answers feed."""
        finite = scored.features.isfinite().all(dim=1) & scored.logits.isfinite().all(dim=1)
        self.not_finite.update((~finite).sum())
        features, logits = scored.features[finite], scored.logits[finite]
        for name, metric in self.metrics.items():
            if name in ("fid", "kid", "precision_recall"):
                metric.update(features, real)
            elif name != "sliced_wasserstein" and not real:
                metric.update(logits)

    @torch.inference_mode()
    def compute(self) -> dict[str, float]:
        """Every score of the images since the last reset, by the keys above."""
        if self.scorer is not None:
            nothing = torch.empty(0, self.scorer.num_features), torch.empty(0, self.scorer.num_classes)
            for real in (True, False):  # torchmetrics cannot merge with a process that has seen no image
                self.add(Scored(*(part.to(self.device) for part in nothing)), real)
        broken = self.scorer is not None and bool(self.not_finite.compute() > 0)
        scores: dict[str, float] = {}
        for name, metric in self.metrics.items():
            values = computed(metric)
            if broken and name != "sliced_wasserstein":
                values = [math.nan] * len(values)
            scores |= zip(METRICS[name], values, strict=True)  # type: ignore[index]
        return scores


def build(name: MetricName, scorer: Scorer | None) -> Metric:
    """The metric called `name`."""
    if scorer is None or name == "sliced_wasserstein":
        return SlicedWasserstein()
    if name in ("inception_score", "modified_inception_score"):
        return (InceptionScore if name == "inception_score" else ModifiedInceptionScore)(scorer.num_classes)
    if name in ("fid", "kid"):
        return (FID if name == "fid" else KID)(scorer.num_features)
    return PrecisionRecall()


def computed(metric: Metric) -> list[float]:
    """A metric's scores, as METRICS orders them."""
    if isinstance(metric, ModifiedInceptionScore):
        used = int((metric.counts() > 0).sum())
        return [*map(float, metric.compute() if used else (math.nan, math.nan)), float(used)]
    if isinstance(metric, SlicedWasserstein):
        return [float(metric.compute()) if metric.update_called else math.nan]
    values = metric.compute()
    return [float(value) for value in (values if isinstance(values, tuple) else (values,))]

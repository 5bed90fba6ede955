"""All scores of a set of generated images against a set of real ones, from one pass of the scorer over each image."""

import math
from collections.abc import Sequence
from typing import Self, get_args

import torch
from torch import Tensor
from torchmetrics import SumMetric

from zoo.scores.classifier import Scored
from zoo.scores.metric_spec import Sizes, Source
from zoo.scores.scorer import Scorer
from zoo.scores.table import KEYS, METRICS, SPECS, MetricName

__all__ = ["KEYS", "METRICS", "Evaluation", "MetricName"]


class Evaluation:
    """Take images in batches, real and generated in any order, and give every score of the generated ones.

    | key | what | better |
    | --- | --- | --- |
    | `inception_score`, `inception_score_std` | of generated images, over splits of 100 or more, 10 at most | higher |
    | `modified_inception_score`, `..._std` | over predicted classes (arXiv:1706.02071) | not to be read alone |
    | `fid` | Fréchet distance of the features, squared (arXiv:1706.08500) | lower |
    | `kid`, `kid_std` | squared maximum mean discrepancy of the features (arXiv:1801.01401), over subsets | lower |
    | `precision`, `recall` | k = 3 (arXiv:1904.06991), shares | higher |
    | `density`, `coverage` | k = 5 (arXiv:2002.09797): 1 and 0.97 for fakes like the real images | see docs/scores.md |
    | `classes_used` | classes predicted for at least one generated image | all |
    | `class_accuracy` | share of generated images that are of the class asked for, to the scorer | higher |
    | `class_fid` | mean over classes of FID within a class (arXiv:1802.05637) | lower |
    | `sliced_wasserstein` | of pixels, no scorer needed | lower |
    | `authenticity` | share of generated images that are no copies (arXiv:2102.08921) | as validation images' |
    | `ct_score` | nearer to training images than held-out ones are? (arXiv:2004.05675) | 0; copies are below |
    | `mifid` | FID, times how much nearer to training images (arXiv:2106.03062) | lower |

    The last three need the images that were trained on. All but `sliced_wasserstein` depend on the scorer, and FID,
    precision, recall, density, coverage and `ct_score` on the number of images: compare at equal ones. What has too few
    images to be computed is nan: FID, KID and `mifid` of fewer than 2, precision and recall of fewer than 4, density
    and coverage of fewer than 6 real ones, `ct_score` of fewer than 20 fakes, `class_fid` unless each class has more
    real and more generated images than there are features.
    If the scorer's outputs for any image are not finite, as those for a nan image, every score that needs it is nan.

    Everything runs in inference mode and merges across processes; `compute` is to be called on all of them.

    Args:
        scorer: what to look through; without one, only scores of pixels are computed.
        metrics: names of `zoo.scores.table.SPECS`; all by default. What is not asked for is not computed.
        num_labels: how many classes images are labelled with; without it no score of labels is computed, and
            `class_accuracy` only where the scorer tells as many classes apart: those of the data, one hopes.
        training: whether images that were trained on will be given (`update_training`): scores of memorisation are
            computed only then.
    """

    def __init__(
        self,
        scorer: Scorer | None,
        metrics: Sequence[MetricName] = tuple(METRICS),
        num_labels: int | None = None,
        training: bool = False,
    ) -> None:
        if not metrics or not set(metrics) <= SPECS.keys():
            raise ValueError(f"metrics must be some of {', '.join(SPECS)}; got {list(metrics)}")
        of_scorer = (scorer.num_features, scorer.num_classes) if scorer else (0, 0)
        self.sizes = Sizes(*of_scorer, num_labels or 0, training)
        wanted = {name: spec for name, spec in SPECS.items() if name in metrics and spec.is_computable(self.sizes)}
        self.metrics = {name: spec.make(self.sizes) for name, spec in wanted.items()}  # in the table's order
        self.scorer = scorer if any(spec.needs_scorer for spec in wanted.values()) else None
        self.needs_labels = any(spec.labels != "unused" for spec in wanted.values())
        self.not_finite, self.device = SumMetric(), torch.device("cpu")

    @property
    def keys(self) -> list[str]:
        """Return the names of the scores that `compute` gives, in their order."""
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

    def update_real(self, images: Tensor, scored: Scored | None = None, labels: Tensor | None = None) -> Scored | None:
        """Add real images; return the scorer's features and logits of them.

        Args:
            images: float [N, C, H, W] in [-1, 1].
            scored: what this returned for the same images before: the scorer need not look again.
            labels: int64 [N], their classes; needed with `num_labels`, else not read.

        Raises:
            ValueError: labels are needed, and these are none.
        """
        return self.update(images, "real", scored, labels)

    def update_fake(self, images: Tensor, scored: Scored | None = None, labels: Tensor | None = None) -> Scored | None:
        """Add generated images; as update_real, with the labels that they were asked for."""
        return self.update(images, "fake", scored, labels)

    def update_training(self, images: Tensor, scored: Scored | None = None) -> Scored | None:
        """Add images that were trained on, for scores of memorisation; others do not look at them."""
        return self.update(images, "training", scored, None)

    @torch.inference_mode()
    def update(self, images: Tensor, source: Source, scored: Scored | None, labels: Tensor | None) -> Scored | None:
        """Add images of any kind."""
        if not len(images):
            return None
        labels = None if source == "training" else self.checked(labels, len(images))
        images = images.to(self.device, torch.float32)
        self.feed({"pixels": images}, source, labels)
        if self.scorer is None:
            return None
        scored = self.scorer(images) if scored is None else Scored(*(part.to(self.device) for part in scored))
        self.feed_scored(scored, source, labels)
        return scored

    def checked(self, labels: Tensor | None, count: int) -> Tensor | None:
        """Return labels on the device, None where no score needs any. Raises a ValueError for wrong ones."""
        if not self.needs_labels:
            return None
        if labels is None or labels.dtype != torch.int64 or labels.shape != (count,):
            found = "none" if labels is None else f"{labels.dtype} {list(labels.shape)}"
            raise ValueError(f"these scores need labels, int64 [{count}], got {found}")
        if not 0 <= labels.min() <= labels.max() < self.sizes.num_labels:
            raise ValueError(f"labels must be in [0, {self.sizes.num_labels}), got {labels.min()} to {labels.max()}")
        return labels.to(self.device)

    def feed_scored(self, scored: Scored, source: Source, labels: Tensor | None) -> None:
        """Feed the metrics that look through the scorer, and count the images for which it has no finite numbers."""
        finite = scored.features.isfinite().all(dim=1) & scored.logits.isfinite().all(dim=1)
        self.not_finite.update((~finite).sum())
        inputs = {"features": scored.features[finite], "logits": scored.logits[finite]}
        self.feed(inputs, source, None if labels is None else labels[finite])

    def feed(self, inputs: dict[str, Tensor], source: Source, labels: Tensor | None) -> None:
        """Feed the metrics that take any of these inputs."""
        for name, metric in self.metrics.items():
            if (spec := SPECS[name]).inputs in inputs:
                spec.update(metric, inputs[spec.inputs], source, labels)

    @torch.inference_mode()
    def compute(self) -> dict[str, float]:
        """Return every score of the images since the last reset, by the keys above."""
        if self.scorer is not None:
            nothing = Scored(*(torch.empty(0, size, device=self.device) for size in self.sizes[:2]))
            labels = torch.empty(0, dtype=torch.int64, device=self.device)
            for source in get_args(Source):  # torchmetrics cannot merge with a process that has seen no image
                self.feed_scored(nothing, source, labels)
        broken = self.scorer is not None and bool(self.not_finite.compute() > 0)
        scores: dict[str, float] = {}
        for name, metric in self.metrics.items():
            spec = SPECS[name]
            is_known = metric.update_called and not (broken and spec.needs_scorer)
            values = spec.compute(metric) if is_known else (math.nan,) * len(spec.keys)
            scores |= zip(spec.keys, values, strict=True)
        return scores

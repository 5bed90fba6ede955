"""The description of a metric for an evaluation."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor
from torchmetrics import Metric

#: Images held out, those that were generated, and those that were trained on.
Source = Literal["real", "fake", "training"]


class Sizes(NamedTuple):
    """The sizes that a metric may depend on.

    Attributes:
        num_features: the scorer's F; 0 without a scorer.
        num_classes: K, how many classes the scorer tells apart; 0 without a scorer.
        num_labels: how many classes of the data there are; 0 where images come without labels.
        has_training: whether the images that were trained on will be given.
    """

    num_features: int = 0
    num_classes: int = 0
    num_labels: int = 0
    has_training: bool = False


class MetricSpec(NamedTuple):
    """A metric's maker, its inputs, and the names of its scores.

    `make(sizes)` returns a metric of torchmetrics that merges over processes:

    - `update(inputs, real)` takes the inputs of some images and whether these are real; where `of` is "fakes" it is
      `update(inputs)`, and real images are never given; where it is "training" it is `update(inputs, source)`, and
      images that were trained on are given too. A metric that needs labels has them, int64 [N], as its last
      argument: classes of real images, those that fakes were asked for. There may be no images, unless the inputs are
      pixels.
    - `compute()` returns a scalar, or a tuple of as many as there are keys; nan where there were too few images.

    Attributes:
        keys: names of the scores, unlike all others, in the order of `compute()`.
        inputs: `pixels`, float [N, C, H, W] in [-1, 1]; or the scorer's `features` [N, F] or `logits` [N, K], finite.
        make: makes an empty one.
        of: whether it compares `both` real and generated images, looks at the `fakes` alone, or compares both with
            the images of `training` as well: that is computed only where these are given, in a test.
        labels: `unused`; or `needed`, so that there is no score without them; or `scorer`, where they must also be
            the scorer's classes, or at least as many.
    """

    keys: tuple[str, ...]
    inputs: Literal["pixels", "features", "logits"]
    make: Callable[[Sizes], Metric]
    of: Literal["both", "fakes", "training"] = "both"
    labels: Literal["unused", "needed", "scorer"] = "unused"

    @property
    def needs_scorer(self) -> bool:
        """Return whether it looks through a scorer."""
        return self.inputs != "pixels"

    def is_computable(self, sizes: Sizes) -> bool:
        """Return whether there are the scorer, the labels and the training images that it needs."""
        if self.of == "training" and not sizes.has_training:
            return False
        if self.needs_scorer and not sizes.num_features:
            return False
        if self.labels == "scorer":
            return 0 < sizes.num_labels == sizes.num_classes
        return self.labels == "unused" or sizes.num_labels > 0

    def update(self, metric: Metric, inputs: Tensor, source: Source, labels: Tensor | None) -> None:
        """Feed a metric that this one made."""
        given = [inputs] if self.labels == "unused" else [inputs, labels]
        if self.of == "training":
            metric.update(inputs, source)
        elif self.of == "both" and source != "training":
            metric.update(given[0], source == "real", *given[1:])
        elif source == "fake":
            metric.update(*given)

    def compute(self, metric: Metric) -> tuple[float, ...]:
        """Return its scores, as many as there are keys."""
        values = metric.compute()
        return tuple(float(value) for value in (values if isinstance(values, tuple) else (values,)))

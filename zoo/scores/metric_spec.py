"""What an evaluation has to know of a metric."""

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor
from torchmetrics import Metric


class Sizes(NamedTuple):
    """Widths that a metric may ask for: of the scorer's features, F, and of its logits, K. 0 without a scorer."""

    num_features: int = 0
    num_classes: int = 0


class MetricSpec(NamedTuple):
    """How a metric is made and fed, and what its scores are called.

    `make(sizes)` returns a metric of torchmetrics that merges over processes:

    - `update(inputs, real)` takes the inputs of some images and whether these are real; where `of` is "fakes" it is
      `update(inputs)`, and real images are never given. There may be no images, unless the inputs are pixels.
    - `compute()` returns a scalar, or a tuple of as many as there are keys; nan where there were too few images.

    Attributes:
        keys: names of the scores, unlike all others, in the order of `compute()`.
        inputs: `pixels`, float [N, C, H, W] in [-1, 1]; or the scorer's `features` [N, F] or `logits` [N, K], finite.
        make: makes an empty one.
        of: whether it compares `both` real and generated images, or looks at the `fakes` alone.
    """

    keys: tuple[str, ...]
    inputs: Literal["pixels", "features", "logits"]
    make: Callable[[Sizes], Metric]
    of: Literal["both", "fakes"] = "both"

    @property
    def needs_scorer(self) -> bool:
        """Whether it looks through a scorer."""
        return self.inputs != "pixels"

    def update(self, metric: Metric, inputs: Tensor, real: bool) -> None:
        """Feed a metric that this one made."""
        if self.of == "both":
            metric.update(inputs, real)
        elif not real:
            metric.update(inputs)

    def compute(self, metric: Metric) -> tuple[float, ...]:
        """Return its scores, as many as there are keys."""
        values = metric.compute()
        return tuple(float(value) for value in (values if isinstance(values, tuple) else (values,)))

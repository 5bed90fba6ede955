"""The modified Inception Score of DeLiGAN (arXiv:1706.02071), as a metric of torchmetrics."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torchmetrics import Metric


class ModifiedInceptionScore(Metric):
    """The modified Inception Score, m-IS: how much the images of one class differ from each other.

    m-IS = exp(E_i E_j KL(p_i || p_j)) over all pairs of one class, i = j included, where p_i = p(y | x_i) is what a
    classifier says of image x_i (DeLiGAN, arXiv 1706.02071). Linear time and constant memory, by the identity

        E_i E_j KL(p_i || p_j) = E_i[p_i . log p_i] - E_i[p_i] . E_j[log p_j],

    so a class is four sums, and batches or processes merge by adding them. A score lies in [1, inf]: 1 if all rows of
    the class are equal, inf where exp overflows (a mean KL above 709.78: logits of +-1e4 get there). Higher is not
    simply better: blends of two classes score above real data. Compare scores of one classifier only, beside their IS.

    Args:
        num_classes: C, how many classes the classifier tells apart.
        grouping: What a class is. "predicted": the argmax of the logits, ties to the lower class (the authors' code).
            "true": the label that came with the image. "none": all images are one class (the paper's formula).

    Shapes:
        ``update(logits, labels=None)``: logits [N, C], any float dtype, unnormalised, finite in float32 (so no -inf);
        labels int64 [N] in [0, C), read only if grouping is "true". N may be 0.
        ``compute()``: (mean, std) of the non-empty classes' scores, float64; never nan: if a score is inf, both are.

    Sums stay float64 under ``.half()``, ``.to(dtype)`` and ``set_dtype``. MPS has no float64: leave the metric on the
    CPU there, logits come to it. Pass ``compute_groups=False`` to a ``MetricCollection``: torchmetrics takes
    "predicted" and "true" for one metric if they agree on the first batch.

    Example:
        >>> metric = ModifiedInceptionScore(num_classes=2)
        >>> metric.update(torch.tensor([[2.0, 0.0], [4.0, 0.0], [0.0, 1.0]]))
        >>> metric.per_class()
        tensor([1.0519, 1.0000], dtype=torch.float64)
        >>> metric.compute()
        (tensor(1.0260, dtype=torch.float64), tensor(0.0260, dtype=torch.float64))
    """

    is_differentiable = False
    higher_is_better = None
    full_state_update = False

    n: Tensor
    sum_p: Tensor
    sum_log_p: Tensor
    sum_p_log_p: Tensor

    def __init__(self, num_classes: int, grouping: Literal["predicted", "true", "none"] = "predicted") -> None:
        super().__init__(compute_with_cache=False)  # the cache would outlive merge_state and load_state_dict
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1, got {num_classes}")
        if grouping not in ("predicted", "true", "none"):
            raise ValueError(f'grouping must be "predicted", "true" or "none", got {grouping!r}')
        self.num_classes, self.grouping = num_classes, grouping
        groups = 1 if grouping == "none" else num_classes
        self.add_state("n", torch.zeros(groups, dtype=torch.int64), "sum")
        self.add_state("sum_p", torch.zeros(groups, num_classes, dtype=torch.float64), "sum")
        self.add_state("sum_log_p", torch.zeros(groups, num_classes, dtype=torch.float64), "sum")
        self.add_state("sum_p_log_p", torch.zeros(groups, dtype=torch.float64), "sum")

    def update(self, logits: Tensor, labels: Tensor | None = None) -> None:
        """Add a batch of logits [N, C]; ``labels`` [N] are needed, and read, only if grouping is "true"."""
        if logits.ndim != 2 or logits.shape[1] != self.num_classes or not logits.is_floating_point():
            raise ValueError(f"logits must be float [N, {self.num_classes}], got {logits.dtype} {list(logits.shape)}")
        if not logits.float().isfinite().all():  # float32's range also keeps every sum below float64's
            raise ValueError("logits must be finite in float32: there is a nan, an inf or a larger number among them")
        logits = logits.detach().to(self.n.device).double()
        group, log_p = self._group(logits, labels), logits.log_softmax(dim=1)
        p = log_p.exp()
        # Not in place: states made under inference_mode can then be added to outside of it.
        self.n = self.n.index_add(0, group, torch.ones_like(group))
        self.sum_p = self.sum_p.index_add(0, group, p)
        self.sum_log_p = self.sum_log_p.index_add(0, group, log_p)
        self.sum_p_log_p = self.sum_p_log_p.index_add(0, group, (p * log_p).sum(dim=1))

    def compute(self) -> tuple[Tensor, Tensor]:
        """Compute unweighted mean and std (ddof 0) over the non-empty classes. Raise ValueError without any data."""
        scores = self._scores()[self.n > 0]
        if not len(scores):
            raise ValueError("ModifiedInceptionScore: no score without data, update() never got a row of logits")
        mean, std = scores.mean(), scores.std(correction=0)
        return mean, torch.where(mean.isinf(), mean, std)  # inf - inf would be nan

    def per_class(self) -> Tensor:
        """Return the score of each class, float64 [C], nan if empty ([1] for "none"); all ranks call it, as compute."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            return self._scores()

    def counts(self) -> Tensor:
        """Return the number of images in each class, int64 [C] ([1] for "none"); all ranks call it, as compute."""
        with self.sync_context(dist_sync_fn=self.dist_sync_fn, should_sync=self.sync_on_compute):
            return self.n.clone()

    def _scores(self) -> Tensor:
        n = self.n.double()  # 0 / 0 makes the nan of an empty class
        kl = self.sum_p_log_p / n - (self.sum_p * self.sum_log_p).sum(dim=1) / n**2
        return kl.clamp(min=0).exp()  # below 0 is rounding

    def _group(self, logits: Tensor, labels: Tensor | None) -> Tensor:
        if self.grouping == "none":
            return logits.new_zeros(len(logits), dtype=torch.int64)
        if self.grouping == "predicted":
            return logits.argmax(dim=1)
        if labels is None or labels.dtype != torch.int64 or labels.shape != logits.shape[:1]:
            raise ValueError(f'grouping "true" needs labels, a tensor int64 [{len(logits)}], got {labels}')
        if len(labels) and not 0 <= labels.min() <= labels.max() < self.num_classes:
            raise ValueError(f"labels must be in [0, {self.num_classes}), got {labels.min()} to {labels.max()}")
        return labels.to(logits.device)

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> nn.Module:
        """Follow ``fn`` to another device, never to another dtype."""
        return super()._apply(lambda state: state.to(fn(state.new_empty(0)).device), exclude_state)

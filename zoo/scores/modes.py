"""The number of modes that a generator of points has found, and the share of its points that are good."""

import torch
from torch import Tensor
from torchmetrics import Metric


class ModeCoverage(Metric):
    """Count the points near each centre of a mixture of round Gaussians.

    A point belongs to its nearest centre, and is good if that is at most `radius * std` away (arXiv:1705.07761, with
    radius 3: of the mixture's own points, 98.9% are good). A mode is covered if its good points are at least
    `min_share` of what each would get in an even split: min_share * N / modes, and at least one. One lucky point among
    thousands, which the literature often takes for a covered mode, does not do.

    Args:
        centres: of the Gaussians, float [modes, 2].
        std: of each coordinate, above 0.
        radius: in standard deviations.
        min_share: in (0, 1].

    Shapes:
        ``update(points)``: float [N, 2] or images of two numbers, [N, 2, 1, 1]. A point that is nan is not good.
        ``compute()``: ``modes_covered``, 0 to modes, and ``high_quality``, the share of good points, 0 to 1; float32.
        States are counts: batches and processes merge exactly.

    Example:
        >>> metric = ModeCoverage(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), std=0.1)
        >>> metric.update(torch.tensor([[0.0, 0.2], [0.1, 0.0], [0.5, 0.0], [0.0, -0.1]]))
        >>> metric.compute()
        {'modes_covered': tensor(1.), 'high_quality': tensor(0.7500)}
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    centres: Tensor
    good: Tensor
    total: Tensor

    def __init__(self, centres: Tensor, std: float, radius: float = 3.0, min_share: float = 0.1) -> None:
        super().__init__()
        if centres.ndim != 2 or centres.shape[1] != 2 or not len(centres):
            raise ValueError(f"centres must be [modes, 2] with at least one, got {list(centres.shape)}")
        if not (std > 0 and radius > 0 and 0 < min_share <= 1):
            raise ValueError(f"std, radius must be above 0, min_share in (0, 1]; got {std}, {radius}, {min_share}")
        self.limit, self.min_share = radius * std, min_share
        self.register_buffer("centres", centres.detach().float().clone(), persistent=False)
        self.add_state("good", torch.zeros(len(centres), dtype=torch.int64), "sum")
        self.add_state("total", torch.zeros((), dtype=torch.int64), "sum")

    def update(self, points: Tensor) -> None:
        """Add points, float [N, 2] or [N, 2, 1, 1]."""
        points = points.detach().flatten(1).to(self.centres)
        if points.shape[1] != 2:
            raise ValueError(f"points must be [N, 2] or [N, 2, 1, 1], got rows of {points.shape[1]} numbers")
        # differences, not torch.cdist: its matrix products would round distances far below the coordinates
        distance, nearest = (points[:, None] - self.centres).norm(dim=2).min(dim=1)
        counts = nearest[distance <= self.limit].bincount(minlength=len(self.centres))
        self.good, self.total = self.good + counts, self.total + len(points)

    def compute(self) -> dict[str, Tensor]:
        """Compute `modes_covered` and `high_quality`. Raise a ValueError without a point."""
        if not self.total:
            raise ValueError("ModeCoverage: no score without data, update() never got a point")
        needed = self.min_share * self.total / len(self.centres)  # above 0, so that an empty mode never counts
        return {
            "modes_covered": (self.good >= needed).sum().float(),
            "high_quality": self.good.sum() / self.total,
        }

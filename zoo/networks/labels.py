"""Labels at the entrance of networks."""

import torch
from torch import Tensor
from torch.nn.functional import one_hot


def require_labels(labels: Tensor | None, num_labels: int) -> Tensor:
    """Return the labels; raise ValueError if there are none."""
    if labels is None:
        raise ValueError(f"a network with num_labels={num_labels} needs labels, int64 [N]")
    return labels


def join_labels(latents: Tensor, labels: Tensor | None, num_labels: int | None) -> Tensor:
    """Return latents [N, D] with their labels, int64 [N], one-hot behind them, [N, D + num_labels].

    With num_labels None, the latents as they are. Raises ValueError for missing labels.
    """
    if num_labels is None:
        return latents
    return torch.cat([latents, one_hot(require_labels(labels, num_labels), num_labels).to(latents.dtype)], 1)

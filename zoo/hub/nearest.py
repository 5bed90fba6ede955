"""The training images that are nearest to given ones: what a generator has by heart shows here.

Shapes: images [N, C, H, W]; what is compared [N, F]; S queries, k neighbours of each.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor

Look = Callable[[Tensor], Tensor]


class Nearest(NamedTuple):
    """The nearest images of each query, the nearest first.

    Attributes:
        distances: float [S, k], root mean squares of differences.
        numbers: int64 [S, k], of the images.
        mirrored: bool [S, k], whether it is the mirrored image that is so near.
    """

    distances: Tensor
    numbers: Tensor
    mirrored: Tensor


@torch.no_grad()
def nearest(
    queries: Tensor, parts: Iterable[Tensor], look: Look, k: int, mirror: bool = False, own: Tensor | None = None
) -> Nearest:
    """Find the k nearest images of each query; of equally near ones the first.

    Args:
        queries: what is compared of them, [S, F].
        parts: the images, uint8, in their order, some at a time.
        look: images in [-1, 1] to what is compared.
        k: at most as many as there are images.
        mirror: an image is as near as the nearer of itself and its mirror image.
        own: int64 [S], the number of the image that a query is itself, which is no neighbour; -1 for none.
    """
    kept = Nearest(*(queries.new_empty(len(queries), 0, dtype=kind) for kind in (None, torch.int64, torch.bool)))
    own = torch.full((len(queries),), -1) if own is None else own
    first = 0
    for part in parts:
        numbers = torch.arange(first, first := first + len(part)).expand(len(queries), -1)
        images = part.float() / 127.5 - 1
        distances = apart(queries, look(images))
        mirrored = torch.zeros_like(distances, dtype=torch.bool)
        if mirror:
            others = apart(queries, look(images.flip(-1)))
            mirrored = others < distances
            distances = torch.where(mirrored, others, distances)
        distances = distances.masked_fill(numbers == own[:, None], torch.inf)
        found = Nearest(distances, numbers, mirrored)
        joined = Nearest(*(torch.cat(pair, 1) for pair in zip(kept, found, strict=True)))
        order = joined.distances.argsort(dim=1, stable=True)[:, :k]
        kept = Nearest(*(each.gather(1, order) for each in joined))
    return kept


def apart(queries: Tensor, others: Tensor) -> Tensor:
    """Return root mean square differences [S, M] of [S, F] and [M, F]; exactly 0 of a copy."""
    norms: Tensor = torch.cdist(queries, others, compute_mode="donot_use_mm_for_euclid_dist")
    return norms.div(others.shape[1] ** 0.5)

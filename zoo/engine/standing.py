"""Standing statistics: batch norm's, from samples rather than from training (arXiv:1809.11096, Appendix D)."""

from copy import deepcopy
from typing import Any

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.engine.randomness import seeded
from zoo.engine.sampler import Sampler, evaluating


class StandingStatistics:
    """Keep a copy of a sampler with standing statistics for as long as the sampler's weights stay as they are."""

    def __init__(self) -> None:
        self.key: tuple[Any, ...] = ()
        self.copy: Sampler | None = None

    def of(self, sampler: Sampler, sampling: dict[str, Any]) -> Sampler:
        """Return the sampler; or its copy, where `sampling` has `standing_statistics`, a number of batches."""
        batches = sampling.get("standing_statistics")
        if not batches:
            return sampler
        tensors = [*sampler.parameters(), *sampler.buffers()]
        key = (batches, *((id(each), each._version) for each in tensors))
        if self.copy is None or key != self.key:
            self.key, self.copy = key, with_standing_statistics(sampler, batches)
        return self.copy


@torch.no_grad()
def with_standing_statistics(sampler: Sampler, batches: int, size: int = 64) -> Sampler:
    """Return a copy whose batch norms have the mean statistics of `batches` batches of its own samples.

    Samples then no longer depend on how training's running statistics were weighed. The draws come from seeds of their
    own. Other buffers, and the sampler itself, stay as they are.

    Args:
        sampler: a prior and a generator.
        batches: at least 1.
        size: of each batch, at least 2.
    """
    copy = deepcopy(sampler).requires_grad_(False)
    norms = [part for part in copy.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    with evaluating(copy):
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a mean: each batch has the same weight
            norm.train()
        for batch in range(batches if norms else 0):
            copy(size, seeded("statistics", batch))
    return copy

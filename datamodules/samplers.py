"""Which images each rank takes at each training step, and of each evaluation."""

from collections.abc import Callable, Iterator
from typing import Literal

import torch
from torch import Tensor
from torch.utils.data import DistributedSampler

from zoo.engine.randomness import seeded

Sampling = Literal["epoch", "replacement", "epoch_in_order_first"]


class ShuffledSteps(DistributedSampler[Tensor]):
    """The index batch of every training step, as a function of (seed, step) alone.

    Steps follow each other through epochs: step s is batch s % len(self) of epoch s // len(self), and the order within
    an epoch is a permutation drawn from (seed, epoch). So a run resumed at step s sees exactly what it would have seen.
    Rank r takes every world-th image of the global batch, beginning at r: two ranks of B images see, critic batch
    by critic batch, what one rank of 2B images sees. The incomplete batch at an epoch's end is dropped.

    It is a DistributedSampler only because that is how Lightning knows that the ranks already have their shares.

    Args:
        size: images in the data set.
        per_step: images that one rank consumes in one training step.
        seed: the run's seed.
        rank: this process, of `world`.
        world: number of processes.
        first_step: called whenever an epoch begins: the number of steps taken so far.
        sampling: `epoch`; `replacement`: each image of each epoch is drawn from all, as the Keras systems do;
            `epoch_in_order_first`: the first epoch is not shuffled, as in MATLAB's system.
    """

    def __init__(
        self,
        size: int,
        per_step: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        first_step: Callable[[], int] = lambda: 0,
        sampling: Sampling = "epoch",
    ) -> None:
        self.size, self.global_step_size, self.seed = size, per_step * world, seed
        self.rank, self.num_replicas, self.first_step, self.sampling = rank, world, first_step, sampling

    def __len__(self) -> int:
        return self.size // self.global_step_size

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the epoch follows from the step, also where Lightning's count differs (limit_train_batches)."""

    def order(self, epoch: int) -> Tensor:
        """Return the indices of one epoch, int64 [size]: a permutation, unless `sampling` says otherwise."""
        if self.sampling == "replacement":
            return torch.randint(self.size, (self.size,), generator=seeded("order", self.seed, epoch))
        if self.sampling == "epoch_in_order_first" and epoch == 0:
            return torch.arange(self.size)
        return torch.randperm(self.size, generator=seeded("order", self.seed, epoch))

    def __iter__(self) -> Iterator[Tensor]:
        first, order, order_of = self.first_step(), torch.empty(0), -1
        for step in range(first, first + len(self)):
            epoch, batch = divmod(step, len(self))
            if epoch != order_of:
                order, order_of = self.order(epoch), epoch
            begin = batch * self.global_step_size
            yield order[begin + self.rank : begin + self.global_step_size : self.num_replicas]


class OrderedBatches(DistributedSampler[Tensor]):
    """Every image once, in order; rank r takes every world-th, nothing is repeated, shares differ by one at most."""

    def __init__(self, size: int, batch_size: int, rank: int = 0, world: int = 1) -> None:
        self.batches = torch.arange(rank, size, world).split(batch_size) if rank < size else ()

    def __len__(self) -> int:
        return len(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """Do nothing: the order is always the same."""

    def __iter__(self) -> Iterator[Tensor]:
        return iter(self.batches)

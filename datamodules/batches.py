"""Images with their labels, and loaders that cut whole batches of them by a sampler's index tensors.

No per-image Python: one item of the loader is one training step, a single fancy index into a uint8 tensor.
"""

import signal
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from datamodules.stored import StoredImages


class Images(NamedTuple):
    """Images, uint8 [N, C, H, W] in 0..255, and their labels, int64 [N]; indexing either needs no copy of the rest."""

    images: Tensor | StoredImages
    labels: Tensor

    def take(self, index: Tensor) -> "Images":
        """Return the images, in memory, and labels at `index`: int64 [M], or bool [N] on the CPU.

        An int64 index may be on the CPU wherever the images are.
        """
        if isinstance(self.images, StoredImages) or index.dtype == torch.bool:
            return Images(self.images[index], self.labels[index])
        if self.images.is_cuda:
            index = index.pin_memory().to(self.images.device, non_blocking=True)
        # several times as fast as self.images[index]
        return Images(self.images.index_select(0, index), self.labels.index_select(0, index))

    def subset(self, index: Tensor) -> "Images":
        """Return the same as `take`, but leave images that are in a file there."""
        if isinstance(self.images, StoredImages):
            return Images(self.images.subset(index), self.labels[index])
        return self.take(index)


class ImageDataset(Dataset[Images]):
    """Images indexed by a whole batch at a time: `dataset[index]` with `index` int64 [M] gives M images."""

    def __init__(self, data: Images) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data.images)

    def __getitem__(self, index: Tensor) -> Images:
        return self.data.take(index)


def batch_loader(data: Images, sampler: DistributedSampler[Tensor], num_workers: int) -> DataLoader[Images]:
    """Build a DataLoader whose items are whole batches of `data`, cut by `sampler`'s index tensors."""
    return DataLoader(
        ImageDataset(data),
        batch_size=None,
        sampler=sampler,
        num_workers=num_workers,
        worker_init_fn=leave_interrupts,
        pin_memory=torch.cuda.is_available() and not data.images.is_cuda,
    )


def leave_interrupts(worker: int) -> None:
    """Leave Ctrl-C and SIGTERM to the process that a worker belongs to, which ends its workers itself."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)

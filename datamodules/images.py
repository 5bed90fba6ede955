"""The base of all image data modules: splits, loaders, scaling, flips. A data set adds where its images come from."""

import os
from abc import abstractmethod
from pathlib import Path
from typing import Any, cast, get_args

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader

from datamodules.batches import Images, batch_loader
from datamodules.fingerprint import arguments_of, checksum, differences
from datamodules.samplers import OrderedBatches, Sampling, ShuffledSteps
from datamodules.scaling import to_unit_range
from datamodules.splits import check_splits
from zoo.engine.inputs import Scaled
from zoo.engine.randomness import run_seed, seeded

RESIDENT_BYTES = 2**30
"""Training images that fill no more are kept whole on an accelerator: MNIST and the flowers take 0.04 of it."""


def default_data_dir() -> Path:
    """Return the environment variable GANZOO_DATA, else `data` in the current directory."""
    return Path(os.environ.get("GANZOO_DATA") or "data")


def on_device(data: Images, device: torch.device, num_workers: int) -> Images:
    """Return `data` on `device`, if no CPU and if it fits in RESIDENT_BYTES: then no image travels."""
    if device.type == "cpu" or num_workers or data.images.nbytes > RESIDENT_BYTES:
        return data
    images = data.images if isinstance(data.images, Tensor) else data.images[:]
    return Images(images.to(device), data.labels.to(device))


class ImageDataModule(LightningDataModule):
    """Images in memory as uint8, cut into batches by index, scaled and flipped on the batch, on the device.

    Data that is no picture, as points in the plane are, may be float in [-1, 1] instead: it is not scaled.

    A training batch holds `batch_size` images for each critic update that the model makes in one training step
    (its `batches_per_step`, 1 for modules that have none). Batches are (images, labels): images float [M, C, H, W]
    in [-1, 1], labels int64 [M].

    The order of the training images comes from (seed, epoch), flips from (seed, rank, step), where the seed is that of
    `seed_everything`, 0 without one.

    Args:
        batch_size: images per critic update and process.
        data_dir: folder that holds the data sets; by default $GANZOO_DATA, else `data`.
        flip: mirror each training image left to right with probability 1/2.
        num_workers: worker processes of the loaders; indexing is so cheap that 0 is best on most machines.
        predict_samples: how many images `predict` makes.
        sampling: how training images are drawn; see `datamodules.samplers.ShuffledSteps`.
    """

    #: Which shipped classifier scores this data set, if one does.
    scorer: str | None = None
    #: Number of classes of the labels; None where that is not known.
    num_classes: int | None = None

    def __init__(
        self,
        batch_size: int = 64,
        data_dir: str | None = None,
        flip: bool = False,
        num_workers: int = 0,
        predict_samples: int = 64,
        sampling: Sampling = "epoch",
    ) -> None:
        super().__init__()
        for name, value in (("batch_size", batch_size), ("predict_samples", predict_samples)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if sampling not in get_args(Sampling):
            raise ValueError(f"sampling must be one of {', '.join(get_args(Sampling))}; got {sampling!r}")
        if num_workers < 0:
            raise ValueError(f"num_workers must be at least 0, got {num_workers}")
        self.batch_size, self.flip, self.num_workers = batch_size, flip, num_workers
        self.predict_samples, self.sampling = predict_samples, sampling
        self.data_dir = Path(data_dir) if data_dir else default_data_dir()
        self.splits: dict[str, Images] = {}
        self._checksum = ""

    # -- what a data set must say --

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width) of every image; known before anything is read."""

    @abstractmethod
    def load(self) -> dict[str, Images]:
        """Return the splits `train`, `val` and `test`; the last two may be empty. Raise DataError."""

    # -- what no data set changes --

    def setup(self, stage: str | None = None) -> None:
        """Load and check the images once, whatever the stage. Raise DataError."""
        if not self.splits:
            self.splits = check_splits(type(self).__name__, self.load(), self.image_shape, self.num_classes)

    def train_dataloader(self) -> DataLoader[Images]:
        """Load the images of one training step an item: `batches_per_step x batch_size` of them."""
        trainer, data = self.trainer, self.splits["train"]
        assert trainer is not None, "a training loader needs a Trainer: it is cut to the model's critic steps"
        per_step = self.batch_size * getattr(trainer.lightning_module, "batches_per_step", 1)
        if per_step * trainer.world_size > len(data.images):
            raise MisconfigurationException(
                f"{type(self).__name__}: one training step needs {per_step * trainer.world_size} images "
                f"(batch_size {self.batch_size} x {per_step // self.batch_size} critic steps x {trainer.world_size} "
                f"processes) but there are {len(data.images)}: lower --data.init_args.batch_size"
            )
        sampler = ShuffledSteps(
            len(data.images),
            per_step,
            run_seed(),
            trainer.global_rank,
            trainer.world_size,
            first_step=lambda: trainer.global_step * trainer.accumulate_grad_batches,
            sampling=self.sampling,
        )
        return batch_loader(on_device(data, trainer.strategy.root_device, self.num_workers), sampler, self.num_workers)

    def fingerprint(self) -> dict[str, Any]:
        """Return what the images of every training step follow from, beside the step, as plain values."""
        trainer, train = self.trainer, self.splits["train"]
        assert trainer is not None
        per_step = self.batch_size * getattr(trainer.lightning_module, "batches_per_step", 1) * trainer.world_size
        self._checksum = self._checksum or checksum(*train)
        return {
            "data": type(self).__name__,
            "seed": run_seed(),
            "images": len(train.images),
            "images_per_step": per_step,
            "sampling": self.sampling,
            "flip": self.flip,
            # the same images in a step may come from more processes with a smaller batch each
            "arguments": {name: value for name, value in arguments_of(self).items() if name != "batch_size"},
            "checksum": self._checksum,
        }

    def check_fingerprint(self, saved: dict[str, Any]) -> None:
        """Raise MisconfigurationException where training would go on with other images than it began with."""
        if found := differences(saved, self.fingerprint()):
            raise MisconfigurationException(f"--ckpt_path: the checkpoint is of a run whose {'; '.join(found)}")

    def ordered_loader(self, data: Images) -> DataLoader[Images]:
        """Load every image of `data` once across the processes, in order."""
        trainer = self.trainer
        rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        if 0 < len(data.images) < world:  # Lightning would fail on some ranks and leave the others waiting
            raise MisconfigurationException(
                f"{type(self).__name__}: {len(data.images)} held-out images are too few for {world} processes, each of "
                "which needs one: hold out more, or none"
            )
        return batch_loader(data, OrderedBatches(len(data.images), self.batch_size, rank, world), self.num_workers)

    def val_dataloader(self) -> DataLoader[Images]:
        """Load the held-out images that choose checkpoints."""
        return self.ordered_loader(self.splits["val"])

    def test_dataloader(self) -> DataLoader[Images]:
        """Load the held-out images that are looked at last. Raise MisconfigurationException where there are none."""
        if not len(self.splits["test"].images):
            raise MisconfigurationException(f"{type(self).__name__}: there are no test images; hold some of them out")
        return self.ordered_loader(self.splits["test"])

    def predict_dataloader(self) -> DataLoader[Tensor]:
        """Load numbers 0 .. predict_samples - 1 in batches: the model makes one image for each."""
        return DataLoader(torch.arange(self.predict_samples), batch_size=self.batch_size)  # type: ignore[arg-type]

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Scale uint8 images to [-1, 1] and, in training, flip half of them; leave anything else alone."""
        if not isinstance(batch, Images) or self.trainer is None:
            return batch
        images = cast("Tensor", batch.images)  # a batch is in memory
        if self.flip and self.trainer.training:
            generator = seeded("flip", run_seed(), self.trainer.global_rank, self.trainer.global_step)
            mirrored = torch.rand(len(images), generator=generator) < 0.5
            if images.is_cuda:
                mirrored = mirrored.pin_memory()  # so that the copy does not wait for the device
            images = torch.where(
                mirrored.to(images.device, non_blocking=True).view(-1, 1, 1, 1), images.flip(-1), images
            )
        dtype = cast("torch.dtype", self.trainer.lightning_module.dtype)
        return Scaled(to_unit_range(images, dtype), batch.labels)

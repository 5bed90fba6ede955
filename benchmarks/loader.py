"""Measure the training loader: in memory, from a file by index, and torchvision with a PIL image for each item.

All give float32 batches of 64 in [-1, 1], shuffled, in this process, on one thread, and take turns, an epoch each: of
MNIST; then, without torchvision, of as many random images of 64x64 in RGB as `--images` says. `in a file` reads what
the system still has in memory of the file, `from disk` what it was asked to forget (a hint that is not always taken).

    python -m benchmarks.loader --data_dir data
"""

import argparse
import logging
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

from datamodules import ImageDataModule, MNISTDataModule
from datamodules.batches import Images
from datamodules.images import default_data_dir
from datamodules.scaling import to_unit_range
from datamodules.stored import StoredImages, store

BATCH_SIZE = 64


Epoch = Callable[[], Iterator[Tensor]]


def ours(data: ImageDataModule) -> Epoch:
    """Build the loader of this project's training epoch, for a model of one critic update per step."""
    data.setup()
    data.trainer = Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    loader = data.train_dataloader()
    return lambda: (to_unit_range(images) for images, _ in loader)


def in_a_file(data: ImageDataModule, folder: Path) -> StoredImages:
    """Move the training images of a data module to a file."""
    images, labels = cast("tuple[Tensor, Tensor]", data.splits["train"])  # not yet in a file
    stored = store(lambda: [images.contiguous().numpy()], tuple(images.shape), f"{type(data).__name__}.npy", [folder])
    data.splits["train"] = Images(stored, labels)
    return stored


def forgotten(epoch: Epoch, stored: StoredImages) -> Epoch:
    """Return an epoch that begins with no part of the stored file in memory."""

    def begin() -> Iterator[Tensor]:
        stored.advise("MADV_DONTNEED", 0, stored.nbytes)
        with stored.path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return epoch()

    return begin


class RandomDataModule(ImageDataModule):
    """Random images of 64x64 in RGB, which are all different."""

    image_shape = 3, 64, 64
    num_classes = 1

    def __init__(self, images: int) -> None:
        super().__init__(batch_size=BATCH_SIZE)
        self.images = images

    def load(self) -> dict[str, Images]:
        """Draw them."""
        pixels = torch.randint(0, 256, (self.images, *self.image_shape), dtype=torch.uint8)
        all_of_them = Images(pixels, torch.zeros(self.images, dtype=torch.long))
        return {
            "train": all_of_them,
            "val": all_of_them.take(torch.arange(9)),
            "test": all_of_them.take(torch.arange(9)),
        }


def torchvision(data_dir: str) -> Epoch:
    """Build the loader that tutorials write."""
    scale = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    loader = DataLoader(MNIST(data_dir, transform=scale), batch_size=BATCH_SIZE, shuffle=True, num_workers=0)
    return lambda: (images for images, _ in loader)


def images_per_second(batches: Iterable[Tensor]) -> float:
    """Consume an epoch."""
    begin, count = time.perf_counter(), 0
    for images in batches:
        count += len(images)
    return count / (time.perf_counter() - begin)


def check(batches: Iterator[Tensor], shape: tuple[int, ...]) -> None:
    """Assert that a loader gives what the others give: float32 [64, C, H, W] from -1 to 1."""
    images = next(batches)
    assert images.shape == (BATCH_SIZE, *shape)
    assert images.dtype == torch.float32
    assert images.min() == -1
    assert images.max() == 1


def cpu_model() -> str:
    """Return the processor's name, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default=str(default_data_dir()), help="the folder that holds MNIST/raw")
    parser.add_argument("--folder", help="where the files go for a while; by default the system's folder for such")
    parser.add_argument("--images", type=int, default=50_000, help="how many random images")
    parser.add_argument("--rounds", type=int, default=7, help="rounds to take the median of")
    args = parser.parse_args()
    if args.rounds < 5:
        parser.error("--rounds must be at least 5: less gives no quartiles to speak of")

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # no word on accelerators
    torch.set_num_threads(1)
    print(f"{os.cpu_count()} cores, {cpu_model()}, torch {torch.__version__}, 1 thread, {args.rounds} rounds")
    with TemporaryDirectory(dir=args.folder) as folder:
        mnist = [MNISTDataModule(data_dir=args.data_dir, batch_size=BATCH_SIZE) for _ in range(2)]
        compare("MNIST", mnist, Path(folder), args.rounds, {"torchvision": torchvision(args.data_dir)})
        colours = [RandomDataModule(args.images) for _ in range(2)]
        compare(f"{args.images:,} of 3x64x64", colours, Path(folder), args.rounds, {})


def compare(
    name: str, twins: Sequence[ImageDataModule], folder: Path, rounds: int, others: Mapping[str, Epoch]
) -> None:
    """Print the speeds of one data set, in memory and in a file, and of other loaders, and their ratios."""
    for data in twins:
        data.setup()
    stored = in_a_file(twins[1], folder)
    loaders = dict(others) | {"in memory": ours(twins[0]), "in a file": ours(twins[1])}
    loaders["from disk"] = forgotten(loaders["in a file"], stored)
    for epoch in loaders.values():
        check(epoch(), twins[0].image_shape)  # warms up as well
    speeds: dict[str, list[float]] = {each: [] for each in loaders}
    for _ in range(rounds):
        for each, epoch in loaders.items():
            speeds[each].append(images_per_second(epoch()))
    print(f"{name}:")
    for each, values in speeds.items():
        ratios = [a / b for a, b in zip(values, speeds["in memory"], strict=True)]
        low, median, high = statistics.quantiles(ratios, n=4)
        print(
            f"{each:12} {statistics.median(values):12,.0f} images/s, {median:.3f} [{low:.3f} - {high:.3f}] of memory's"
        )


if __name__ == "__main__":
    main()

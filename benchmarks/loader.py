"""How fast the MNIST training loader is, as a ratio to torchvision's MNIST with a PIL image for each item.

Both give float32 batches of 64 in [-1, 1], shuffled, in this process, on one thread. The two take turns, an epoch each.

    python -m benchmarks.loader --data_dir data
"""

import argparse
import logging
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import MNIST

from datamodules import MNISTDataModule
from datamodules.images import default_data_dir, to_unit_range

BATCH_SIZE = 64


def ours(data_dir: str) -> Callable[[], Iterator[Tensor]]:
    """An epoch of this project's training loader, for a model of one critic update per step."""
    data = MNISTDataModule(data_dir=data_dir, batch_size=BATCH_SIZE)
    data.setup()
    data.trainer = Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    loader = data.train_dataloader()
    return lambda: (to_unit_range(images) for images, _ in loader)


def torchvision(data_dir: str) -> Callable[[], Iterator[Tensor]]:
    """An epoch of what tutorials write."""
    scale = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    loader = DataLoader(MNIST(data_dir, transform=scale), batch_size=BATCH_SIZE, shuffle=True, num_workers=0)
    return lambda: (images for images, _ in loader)


def images_per_second(batches: Iterable[Tensor]) -> float:
    """Consumes an epoch."""
    begin, count = time.perf_counter(), 0
    for images in batches:
        count += len(images)
    return count / (time.perf_counter() - begin)


def check(batches: Iterator[Tensor]) -> None:
    """Asserts that a loader gives what the other gives: float32 [64, 1, 28, 28] from -1 to 1."""
    images = next(batches)
    assert images.shape == (BATCH_SIZE, 1, 28, 28)
    assert images.dtype == torch.float32
    assert images.min() == -1
    assert images.max() == 1


def cpu_model() -> str:
    """The processor's name, where Linux tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default=str(default_data_dir()), help="the folder that holds MNIST/raw")
    parser.add_argument("--rounds", type=int, default=7, help="rounds to take the median of")
    args = parser.parse_args()
    if args.rounds < 5:
        parser.error("--rounds must be at least 5: less gives no quartiles to speak of")

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # no word on accelerators
    torch.set_num_threads(1)
    loaders = {"torchvision": torchvision(args.data_dir), "ours": ours(args.data_dir)}
    for epoch in loaders.values():
        check(epoch())  # warms up as well
    speeds: dict[str, list[float]] = {name: [] for name in loaders}
    for _ in range(args.rounds):
        for name, epoch in loaders.items():
            speeds[name].append(images_per_second(epoch()))

    print(f"{os.cpu_count()} cores, {cpu_model()}, torch {torch.__version__}, 1 thread, {args.rounds} rounds")
    for name, values in speeds.items():
        print(f"{name:12} {statistics.median(values):12,.0f} images/s")
    ratios = [a / b for a, b in zip(speeds["ours"], speeds["torchvision"], strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    print(f"ratio        {median:12.1f} [{low:.1f} - {high:.1f}]")


if __name__ == "__main__":
    main()

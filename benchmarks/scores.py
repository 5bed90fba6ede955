"""Compute every score of MNIST images that no generator made: real ones, and ways to be wrong.

python -m benchmarks.scores --data_dir data
"""

import argparse
from typing import cast

import torch
from torch import Tensor

from datamodules import MNISTDataModule
from datamodules.images import default_data_dir
from datamodules.scaling import to_unit_range
from zoo.engine.randomness import seeded
from zoo.scores.evaluation import Evaluation
from zoo.scores.scorers import load_scorer


def candidates(train: Tensor, labels: Tensor, count: int) -> dict[str, Tensor]:
    """Return sets of `count` images, float [count, 1, 28, 28] in [-1, 1], by name."""
    random = seeded("benchmark")
    real, other = (to_unit_range(train[torch.randperm(len(train), generator=random)[:count]]) for _ in range(2))
    one_of_each = torch.stack([to_unit_range(train[labels == digit][0]) for digit in range(10)])
    noise = torch.rand(real.shape, generator=random) * 2 - 1
    return {
        "real training images": real,
        "every pixel half of two images": (real + other) / 2,
        "real images and noise, half and half": (real + noise) / 2,
        "real images of the digits 0 to 4": to_unit_range(train[labels < 5][:count]),
        "ten images, one of each digit, repeated": one_of_each.repeat(-(-count // 10), 1, 1, 1)[:count],
        "one image, repeated": one_of_each[:1].repeat(count, 1, 1, 1),
        "noise": noise,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default=str(default_data_dir()), help="the folder that holds MNIST/raw")
    parser.add_argument("--samples", type=int, default=10_000, help="images of each kind, and of the test split")
    args = parser.parse_args()
    data = MNISTDataModule(data_dir=args.data_dir)
    data.setup()
    train, labels = cast("tuple[Tensor, Tensor]", data.splits["train"])  # MNIST is in memory
    test = to_unit_range(data.splits["test"].images[: args.samples])
    names = ["fid", "inception_score", "modified_inception_score", "precision", "recall", "density", "coverage"]
    names.append("sliced_wasserstein")
    print("| images | FID | IS | m-IS | precision | recall | density | coverage | sliced Wasserstein |")
    print("|" + " --- |" * 9)
    for name, images in candidates(train, labels, len(test)).items():
        evaluation = Evaluation(load_scorer("mnist"))
        for real, fake in zip(test.split(500), images.split(500), strict=True):
            evaluation.update_real(real)
            evaluation.update_fake(fake)
        scores = evaluation.compute()
        print(f"| {name} | " + " | ".join(f"{scores[each]:.4g}" for each in names) + " |", flush=True)


if __name__ == "__main__":
    main()

"""Compute every score of MNIST images that no generator made: new ones, copies, and other ways to be wrong.

python -m benchmarks.scores --data_dir data

Of the training split 20,000 images are set aside: new ones, that nobody has trained on. The test split is held out.
"""

import argparse
import time
from typing import NamedTuple, cast

import torch
from torch import Tensor

from datamodules import MNISTDataModule
from datamodules.images import default_data_dir
from datamodules.scaling import to_unit_range
from zoo.engine.randomness import seeded
from zoo.scores.classifier import Scored
from zoo.scores.evaluation import METRICS, Evaluation, MetricName
from zoo.scores.scorers import load_scorer
from zoo.scores.table import OF_TRAINING

SET_ASIDE = 20_000
COLUMNS = {
    "FID": "fid", "IS": "inception_score", "m-IS": "modified_inception_score", "KID": "kid", "precision": "precision",
    "recall": "recall", "density": "density", "coverage": "coverage", "sliced Wasserstein": "sliced_wasserstein",
    "authenticity": "authenticity", "C_T": "ct_score", "MiFID": "mifid",
}  # fmt: skip


class Sets(NamedTuple):
    """Images, float [N, 1, 28, 28] in [-1, 1]: trained on, new, and held out; and labels of the first two."""

    training: Tensor
    new: Tensor
    held_out: Tensor
    training_labels: Tensor
    new_labels: Tensor


def sets(data_dir: str, samples: int) -> Sets:
    """Return MNIST's images, `samples` held out at most."""
    data = MNISTDataModule(data_dir=data_dir)
    data.setup()
    images, labels = cast("tuple[Tensor, Tensor]", data.splits["train"])  # MNIST is in memory
    order = torch.randperm(len(images), generator=seeded("benchmark"))
    new, training = order[:SET_ASIDE], order[SET_ASIDE:]
    test = data.splits["test"].images[:samples]
    of_each = to_unit_range(images[training]), to_unit_range(images[new]), to_unit_range(test)
    return Sets(*of_each, labels[training], labels[new])


def candidates(given: Sets) -> dict[str, Tensor]:
    """Return sets of as many images as are held out, by name."""
    count, random = len(given.held_out), seeded("benchmark")
    new, copies = given.new[:count], given.training[:count]
    noise = torch.rand(new.shape, generator=random) * 2 - 1
    normal = torch.randn(new.shape, generator=random)
    one_of_each = torch.stack([given.training[given.training_labels == digit][0] for digit in range(10)])
    return {
        "new real images": new,
        "training images": copies,
        "training images and new ones, half and half": torch.cat([copies[: count // 2], new[: count - count // 2]]),
        **{f"training images with noise, std {std}": (copies + std * normal).clamp(-1, 1) for std in (0.03, 0.1, 0.3)},
        "training images, a pixel to the right": copies.roll(1, dims=3),
        "every pixel half of two new images": (new + given.new[-count:]) / 2,
        "new images and noise, half and half": (new + noise) / 2,
        "new images of the digits 0 to 4": given.new[given.new_labels < 5][:count],
        "ten training images, one of each digit, repeated": one_of_each.repeat(-(-count // 10), 1, 1, 1)[:count],
        "one training image, repeated": one_of_each[:1].repeat(count, 1, 1, 1),
        "noise": noise,
    }


def seconds_of(name: MetricName, scored: dict[str, Scored], given: Sets) -> float:
    """Return the processor time that one metric takes."""
    evaluation = Evaluation(load_scorer("mnist"), [name], training=True)
    evaluation.update_real(given.held_out, scored["real"])
    evaluation.update_training(given.training, scored["training"])
    evaluation.update_fake(given.new[: len(given.held_out)], scored["new real images"])
    begin = time.process_time()
    evaluation.compute()
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", default=str(default_data_dir()), help="the folder that holds MNIST/raw")
    parser.add_argument("--samples", type=int, default=10_000, help="images of each kind, and of the test split")
    args = parser.parse_args()
    torch.set_num_threads(1)
    given, scorer = sets(args.data_dir, args.samples), load_scorer("mnist")
    begin = time.process_time()
    scored = {"real": looked_at(scorer, given.held_out), "training": looked_at(scorer, given.training)}
    print(f"scorer, {len(given.held_out) + len(given.training):,} images: {time.process_time() - begin:.1f} s")
    print("| images | " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * (len(COLUMNS) + 1))
    for name, images in candidates(given).items():
        scored[name] = looked_at(scorer, images)
        evaluation = Evaluation(scorer, training=True)
        evaluation.update_real(given.held_out, scored["real"])
        evaluation.update_fake(images, scored[name])
        evaluation.update_training(given.training, scored["training"])
        scores = evaluation.compute()
        print(f"| {name} | " + " | ".join(f"{scores[key]:.4g}" for key in COLUMNS.values()) + " |", flush=True)
    for metric in (name for name in METRICS if name in (*OF_TRAINING, "precision_recall", "density_coverage")):
        print(f"{metric}: {seconds_of(metric, scored, given):.1f} s")


def looked_at(scorer: torch.nn.Module, images: Tensor) -> Scored:
    """Return the scorer's features and logits of images."""
    parts = [scorer(part) for part in images.split(500)]
    return Scored(*(torch.cat(each) for each in zip(*parts, strict=True)))


if __name__ == "__main__":
    main()

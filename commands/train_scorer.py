"""Recipes of classifiers to score images with, and `ganzoo scorer`, which trains them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jsonargparse import auto_cli
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer, seed_everything
from safetensors.torch import save_file

from commands import recipes
from commands.data_sets import FETCHED, data_module, without_classes
from commands.parser import Parser
from datamodules import DataError
from zoo.scores.classifier import Classifier

FOLDER = Path(__file__).parents[1] / "configs" / "scorers"


def train(
    data: str,
    out: Path,
    image_size: int | None = None,
    flip: bool = False,
    data_dir: str | None = None,
    download: bool = False,
    epochs: int = 10,
    batch_size: int = 128,
    seed: int = 0,
    width: int = 16,
    max_width: int = 64,
    stages: int = 2,
    lr: float = 5e-3,
) -> dict[str, Any]:
    """Train a classifier, test it, write it, and return what `zoo/scores/weights/index.json` says of such a file.

    Args:
        data: cifar10, digits, mnist, flowers, or a folder that holds a folder for each class.
        out: a .ckpt, to be named where a scorer's name goes, or a .safetensors, to be shipped.
        image_size: height and width; the data set's own by default.
        flip: mirror training images at random, beside what the data set does: not for digits or letters.
        data_dir: where the data is looked for, by default $GANZOO_DATA or data/.
        download: fetch cifar10, mnist or flowers where they are missing.
        epochs: passes over the training images.
        batch_size: images per step.
        seed: of weights, order and augmentation.
        width: see zoo.scores.classifier.Classifier.
        max_width: see Classifier.
        stages: see Classifier.
        lr: see Classifier.

    Raises:
        ValueError: `out` is neither, `epochs` none, or the data has nothing to fetch, or one class.
        OSError: `out` cannot be written.
        DataError: the data is not there, or not what it should be.
    """
    if out.suffix not in (".ckpt", ".safetensors"):
        raise ValueError(f"--out must end in .ckpt or .safetensors, got {out}")
    if epochs < 1:
        raise ValueError(f"--epochs must be at least 1, got {epochs}")
    if download and data not in FETCHED:
        raise ValueError(f"--download is for cifar10, mnist and flowers: {data} is on this machine or nowhere")
    out.parent.mkdir(parents=True, exist_ok=True)  # before an hour of training
    partial = out.with_suffix(f".part{out.suffix}")
    given = {"flip": flip, "image_size": image_size, "data_dir": data_dir, "download": download}
    options: dict[str, Any] = {"batch_size": batch_size} | {name: value for name, value in given.items() if value}
    images = data_module(data, **options)
    if (images.num_classes or 0) < 2:
        raise ValueError(f"--data {data}: images of one class only, a scorer tells classes apart: a folder for each")
    seed_everything(seed)
    shape: dict[str, Any] = {"image_shape": list(images.image_shape), "num_classes": images.num_classes}
    shape |= {"width": width, "max_width": max_width, "stages": stages}
    model = Classifier(**shape, lr=lr)
    trainer = Trainer(
        max_epochs=epochs, devices=1, logger=False, enable_checkpointing=False, enable_model_summary=False
    )
    trainer.fit(model, datamodule=images)
    trainer.test(model, datamodule=images)
    if out.suffix == ".ckpt":
        trainer.save_checkpoint(partial, weights_only=True)
    else:
        save_file(model.cpu().state_dict(), partial)
    partial.replace(out)
    accuracy = round(float(trainer.callback_metrics["test/accuracy"]), 4)
    return {"sha256": hashlib.sha256(out.read_bytes()).hexdigest(), "test_accuracy": accuracy} | shape


class ScorerParser(Parser):
    """The command's own."""

    advice = "see ganzoo scorer --help"


def main(argv: Sequence[str]) -> None:
    """Run `ganzoo ARGV`, which begins with `scorer`: --config takes a recipe's name, too.

    Raises MisconfigurationException for wrong arguments and values, DataError.
    """
    style: dict[str, Any] = {"as_positional": False, "prog": "ganzoo scorer", "allow_abbrev": False}
    try:
        argv = ["--config" if each == "-c" else each for each in recipes.recipes_to_paths(argv[1:], FOLDER)]
        print(json.dumps(auto_cli(train, args=argv, parser_class=ScorerParser, **style)))
    except (DataError, MisconfigurationException, ValueError) as error:  # advice is for the other commands' options
        kind = DataError if isinstance(error, DataError) else MisconfigurationException
        raise kind(without_classes(str(error))) from error

"""Measure the share of a run that validation, scores, pictures and checkpoints take, at a recipe's own intervals.

    python -m benchmarks.intervals --recipe gan_mlp_mnist wgan_gp_mnist

Prints a JSON line for each recipe. Times are the process' own with one thread. Real images' features, which a machine
keeps, are known for all but the first validation of a data set: run it twice.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler

from benchmarks.costs import argv_of
from cli import main as ganzoo
from commands import recipes

STEPS = 6
"""Steps of a run that is measured; the last has a picture, a validation and a checkpoint."""


class Actions(Profiler):
    """The process' time in each of Lightning's named actions, seconds."""

    seconds: defaultdict[str, list[float]]

    def __init__(self) -> None:
        super().__init__()
        self.begun: dict[str, float] = {}
        Actions.seconds = defaultdict(list)

    def start(self, action_name: str) -> None:
        """Begin the action."""
        self.begun[action_name] = time.process_time()

    def stop(self, action_name: str) -> None:
        """End the action."""
        self.seconds[action_name].append(time.process_time() - self.begun[action_name])


class Clock(Callback):
    """The times at which steps begin, and how long a validation takes; kept as the actions `step` and `validation`."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Note the time at which a step begins."""
        Actions.seconds["begin"].append(time.process_time())

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the time at which a validation begins."""
        self.begun = time.process_time()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note how long the validation took."""
        Actions.seconds["validation"].append(time.process_time() - self.begun)


def shares(recipe: str) -> dict[str, Any]:
    """Run a few steps, and once what is done at intervals; return what these take of a run."""
    given = yaml.safe_load(recipes.find(recipe).read_text())
    validation = given["trainer"]["val_check_interval"]
    pictures = given.get("image_grid", given.get("scatter"))["every_n_steps"]
    every = {"validation": validation, "best": validation, "pictures": pictures, "components": 5000, "last": 1000}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        at_the_end = [f"--{key}={STEPS}" for key in ("trainer.max_steps", "trainer.val_check_interval")]
        at_the_end += [
            f"--{key}.every_n_steps={STEPS}" for key in ("image_grid", "label_grid", "scatter", "last_checkpoint")
        ]
        watch = ["--trainer.profiler=benchmarks.intervals.Actions", "--trainer.callbacks+=benchmarks.intervals.Clock"]
        ganzoo([*argv_of(recipe, folder), *at_the_end, *watch])
    seen = sys.modules["benchmarks.intervals"].Actions.seconds

    def last(*parts: str) -> float:
        """Return the seconds of the last time: the first step has a picture as well."""
        return float(sum(each[-1] for name, each in seen.items() if all(part in name for part in parts)))

    once = {
        "validation": seen["validation"][-1],
        "best": last("BestCheckpoint", "on_validation_end"),
        "pictures": last("ImageGrid", "on_train_batch_end") + last("Scatter", "on_train_batch_end"),
        "components": last("LabelGrid", "on_train_batch_end"),
        "last": last("LastCheckpoint", "on_train_batch_end"),
    }
    step = float(np.median([after - before for before, after in pairwise(seen["begin"][1:])]))
    per_step = {name: once[name] / every[name] for name in once}
    whole = step + sum(per_step.values())
    parts = {f"{name}_share": round(value / whole, 4) for name, value in per_step.items()}
    seconds = {f"{name}_s": round(value, 3) for name, value in once.items()}
    return {"recipe": recipe, "step_s": round(step, 4)} | seconds | parts | {"share": round(1 - step / whole, 4)}


def main() -> None:
    """Measure the recipes, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", nargs="+", default=["gan_mlp_mnist"])
    torch.set_num_threads(1)
    for recipe in parser.parse_args().recipe:
        print(json.dumps(shares(recipe)), flush=True)


if __name__ == "__main__":
    main()

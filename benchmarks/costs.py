"""What a run costs beside its steps, as JSON lines.

    python -m benchmarks.costs shares --recipe gan_mlp_mnist wgan_gp_mnist
    python -m benchmarks.costs memory --recipe gan_mlp_mnist
    python -m benchmarks.costs start
    python -m benchmarks.costs scores

`shares`: what part of a run goes into validation with its scores, pictures and checkpoints, at the recipe's own
intervals. `memory`: the peak of the recipe's run, one validation included, against that of the bare loop of
benchmarks/loops.py, each in a process of its own. `start`: from the command to the end of the first step, against
importing torch, lightning and torchvision alone. `scores`: 10,000 images through the scorer of MNIST, and the scores.
Times are the process' own with one thread. Real images' answers, which a machine keeps, are known for all but the
first validation of a data set: run `shares` twice.
"""

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import islice, pairwise
from typing import Any

import numpy as np
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler

import configs
from benchmarks.data import bytes_to_steps, parts
from benchmarks.loops import Bare
from cli import main as ganzoo
from datamodules.images import to_unit_range
from zoo.evaluation import Evaluation
from zoo.scorers import load_scorer

STEPS = 6
"""Of a run that is measured; the last has a picture, a validation and a checkpoint."""


class Actions(Profiler):
    """The process' time in each of Lightning's named actions, seconds."""

    seconds: defaultdict[str, list[float]]

    def __init__(self) -> None:
        super().__init__()
        self.begun: dict[str, float] = {}
        Actions.seconds = defaultdict(list)

    def start(self, action_name: str) -> None:
        """Begins."""
        self.begun[action_name] = time.process_time()

    def stop(self, action_name: str) -> None:
        """Ends."""
        self.seconds[action_name].append(time.process_time() - self.begun[action_name])


class Clock(Callback):
    """When steps begin, and how long a validation takes; told as the actions `step` and `validation`."""

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """A step begins."""
        Actions.seconds["begin"].append(time.process_time())

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A validation begins."""
        self.begun = time.process_time()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """A validation ends."""
        Actions.seconds["validation"].append(time.process_time() - self.begun)


class FirstStep(Callback):
    """Tells the process' time at the end of the first step, and leaves."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Leaves."""
        print(time.process_time(), flush=True)
        os._exit(0)


def words(recipe: str, folder: str, loggers: str = "csv") -> list[str]:
    """The command, less Weights & Biases unless that is asked for."""
    return ["fit", "--config", recipe, "--trainer.default_root_dir", folder, f"--loggers=[{loggers}]"]


def shares(recipe: str) -> dict[str, Any]:
    """Runs a few steps and the things that are done at intervals once; what these take of a run."""
    given = yaml.safe_load(configs.find(recipe).read_text())
    validation = given["trainer"]["val_check_interval"]
    pictures = given.get("image_grid", given.get("scatter"))["every_n_steps"]
    every = {"validation": validation, "best": validation, "pictures": pictures, "components": 5000, "last": 1000}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        at_the_end = [f"--{key}={STEPS}" for key in ("trainer.max_steps", "trainer.val_check_interval")]
        at_the_end += [
            f"--{key}.every_n_steps={STEPS}" for key in ("image_grid", "component_grid", "scatter", "last_checkpoint")
        ]
        watch = ["--trainer.profiler=benchmarks.costs.Actions", "--trainer.callbacks+=benchmarks.costs.Clock"]
        ganzoo([*words(recipe, folder), *at_the_end, *watch])
    seen = sys.modules["benchmarks.costs"].Actions.seconds

    def last(*parts: str) -> float:
        """The last time: the first step has a picture as well."""
        return float(sum(each[-1] for name, each in seen.items() if all(part in name for part in parts)))

    once = {
        "validation": seen["validation"][-1],
        "best": last("BestCheckpoint", "on_validation_end"),
        "pictures": last("ImageGrid", "on_train_batch_end") + last("Scatter", "on_train_batch_end"),
        "components": last("ComponentGrid", "on_train_batch_end"),
        "last": last("LastCheckpoint", "on_train_batch_end"),
    }
    step = float(np.median([after - before for before, after in pairwise(seen["begin"][1:])]))
    per_step = {name: once[name] / every[name] for name in once}
    whole = step + sum(per_step.values())
    told = {f"{name}_share": round(value / whole, 4) for name, value in per_step.items()}
    seconds = {f"{name}_s": round(value, 3) for name, value in once.items()}
    return {"recipe": recipe, "step_s": round(step, 4)} | seconds | told | {"share": round(1 - step / whole, 4)}


def peak_kb(*arguments: str) -> int:
    """The peak of resident memory of `python -m benchmarks.costs ARGUMENTS`, as it tells itself."""
    command = [sys.executable, "-m", "benchmarks.costs", *arguments]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])


def run_product(recipe: str) -> None:
    """The recipe's run, two steps and a validation long."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        ganzoo([*words(recipe, folder), "--trainer.max_steps=2", "--trainer.val_check_interval=2"])


def run_bare(recipe: str) -> None:
    """As many steps of the bare loop."""
    model, data = parts(recipe)
    steps = bytes_to_steps(data.splits["train"].images, data.batch_size * model.batches_per_step, data.flip)
    for _ in islice(Bare(model, steps), 2):
        pass


def memory(recipe: str) -> dict[str, Any]:
    """The product's peak against the bare loop's."""
    product, alone = peak_kb("product", "--recipe", recipe), peak_kb("bare", "--recipe", recipe)
    return {"recipe": recipe, "product_kb": product, "bare_kb": alone, "ratio": round(product / alone, 3)}


def start(recipe: str, rounds: int) -> dict[str, Any]:
    """In turns, each in a new process: the imports, the first step with CSV alone, and with W&B offline as well."""
    imports = ["import time, torch, lightning, torchvision; print(time.process_time())"]
    first = ["import sys, cli; cli.main(sys.argv[1:])", "--trainer.callbacks+=benchmarks.costs.FirstStep"]
    seconds: dict[str, list[float]] = {"imports": [], "csv": [], "csv,wandb": []}
    alone = dict(os.environ, OMP_NUM_THREADS="1", WANDB_MODE="offline")
    for _ in range(rounds):
        for name, each in seconds.items():
            with tempfile.TemporaryDirectory() as folder:
                code, *last = imports if name == "imports" else first
                command = [sys.executable, "-c", code, *(words(recipe, folder, name) if last else []), *last]
                made = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=alone)
            each.append(float(made.stdout.split()[-1]))
    told: dict[str, Any] = {"recipe": recipe, "rounds": rounds}
    for name, each in seconds.items():
        ratios = np.quantile(np.array(each) / seconds["imports"], [0.25, 0.5, 0.75]).round(3).tolist()
        told[name] = {"median_s": round(float(np.median(each)), 2), "ratio": ratios[1], "quartiles": ratios[::2]}
    return told


def scores(rounds: int) -> dict[str, Any]:
    """The scorer's pass over 10,000 images, and the scores of them against as many."""
    images = to_unit_range(torch.randint(0, 256, (10_000, 1, 28, 28), dtype=torch.uint8))
    seconds: dict[str, list[float]] = {"images": [], "scores": []}
    for _ in range(rounds):
        evaluation = Evaluation(load_scorer("mnist"))
        for batch in images.split(500):
            evaluation.update_real(batch)
        begin = time.process_time()
        for batch in images.split(500):
            evaluation.update_fake(batch)
        middle = time.process_time()
        evaluation.compute()
        seconds["images"].append(middle - begin)
        seconds["scores"].append(time.process_time() - middle)
    return {f"{name}_s": round(float(np.median(each)), 2) for name, each in seconds.items()} | {"rounds": rounds}


def main() -> None:
    """Measures what is asked for, and prints it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("shares", "memory", "start", "scores", "product", "bare"))
    parser.add_argument("--recipe", nargs="+", default=["gan_mlp_mnist"])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "scores":
        print(json.dumps(scores(given.rounds)))
        return
    for recipe in given.recipe:
        if given.what in ("product", "bare"):
            (run_product if given.what == "product" else run_bare)(recipe)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        else:
            measure = {"shares": shares, "memory": memory, "start": lambda name: start(name, given.rounds)}
            print(json.dumps(measure[given.what](recipe)), flush=True)


if __name__ == "__main__":
    main()

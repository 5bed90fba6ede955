"""Measure what a run costs beside its steps, as JSON lines.

    python -m benchmarks.costs memory --recipe gan_mlp_mnist
    python -m benchmarks.costs start
    python -m benchmarks.costs scores

`memory`: the peak of the recipe's run, one validation included, against that of the bare loop of benchmarks/loops.py,
each in a process of its own. `start`: from the command to the end of the first step, against importing torch, lightning
and torchvision alone. `scores`: 10,000 images through the scorer of MNIST, and the scores. Times are the process' own
with one thread. benchmarks/intervals.py has what is done at intervals.
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
from itertools import islice
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from benchmarks.data import bytes_to_steps, parts
from benchmarks.loops import Bare
from cli import main as ganzoo
from datamodules.scaling import to_unit_range
from zoo.scores.evaluation import Evaluation
from zoo.scores.scorers import load_scorer


class FirstStep(Callback):
    """Print the process' time at the end of the first step, and leave."""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Print the time and leave."""
        print(time.process_time(), flush=True)
        os._exit(0)


def argv_of(recipe: str, folder: str, loggers: str = "csv") -> list[str]:
    """Return the command's arguments, less Weights & Biases unless that is asked for."""
    return ["fit", "--config", recipe, "--trainer.default_root_dir", folder, f"--loggers=[{loggers}]"]


def peak_kb(*arguments: str) -> int:
    """Return the peak of resident memory of `python -m benchmarks.costs ARGUMENTS`, as that prints it."""
    command = [sys.executable, "-m", "benchmarks.costs", *arguments]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])


def run_product(recipe: str) -> None:
    """Run the recipe, two steps and a validation long."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        ganzoo([*argv_of(recipe, folder), "--trainer.max_steps=2", "--trainer.val_check_interval=2"])


def run_bare(recipe: str) -> None:
    """Run as many steps of the bare loop."""
    model, data = parts(recipe)
    steps = bytes_to_steps(data.splits["train"].images, data.batch_size * model.batches_per_step, data.flip)
    for _ in islice(Bare(model, steps), 2):
        pass


def memory(recipe: str) -> dict[str, Any]:
    """Return the product's peak against the bare loop's."""
    product, alone = peak_kb("product", "--recipe", recipe), peak_kb("bare", "--recipe", recipe)
    return {"recipe": recipe, "product_kb": product, "bare_kb": alone, "ratio": round(product / alone, 3)}


def start(recipe: str, rounds: int) -> dict[str, Any]:
    """Measure in turns, each in a new process: imports, the first step with CSV alone, and with W&B offline as well."""
    imports = ["import time, torch, lightning, torchvision; print(time.process_time())"]
    first = ["import sys, cli; cli.main(sys.argv[1:])", "--trainer.callbacks+=benchmarks.costs.FirstStep"]
    seconds: dict[str, list[float]] = {"imports": [], "csv": [], "csv,wandb": []}
    alone = dict(os.environ, OMP_NUM_THREADS="1", WANDB_MODE="offline")
    for _ in range(rounds):
        for name, each in seconds.items():
            with tempfile.TemporaryDirectory() as folder:
                code, *last = imports if name == "imports" else first
                command = [sys.executable, "-c", code, *(argv_of(recipe, folder, name) if last else []), *last]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=alone)
            each.append(float(done.stdout.split()[-1]))
    result: dict[str, Any] = {"recipe": recipe, "rounds": rounds}
    for name, each in seconds.items():
        ratios = np.quantile(np.array(each) / seconds["imports"], [0.25, 0.5, 0.75]).round(3).tolist()
        result[name] = {"median_s": round(float(np.median(each)), 2), "ratio": ratios[1], "quartiles": ratios[::2]}
    return result


def scores(rounds: int) -> dict[str, Any]:
    """Time the scorer's pass over 10,000 images, and the scores of them against as many."""
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
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("memory", "start", "scores", "product", "bare"))
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
            print(json.dumps(memory(recipe) if given.what == "memory" else start(recipe, given.rounds)), flush=True)


if __name__ == "__main__":
    main()

"""Measure how fast a recipe trains, as ratios to a tutorial's loop and to the best bare loop of the same networks.

    python -m benchmarks.speed --json
    python -m benchmarks.speed --family mlp_wgan_gp --precision bf16-mixed

Three take turns in one process, a few steps each, the rivals in either order, and every turn is timed; a step is what
it is in the recipe, each critic update and the generator's. The product is `ganzoo fit` itself, with the callbacks
that every run has and the CSV logger, less the generator's average, which the others have not. Clocks: `cpu` is the
process' time with one thread, `wall` is real time with all. The textbook loop is always float32, and as slow as torch
makes that by default; the bare one has the product's precision. MNIST and flowers are looked for where the recipes
look. All run where the product does: on a GPU, if there is one, with `wall` alone.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from benchmarks.data import bytes_to_steps, tutorial_loader
from benchmarks.loops import Bare, textbook
from cli import main as ganzoo
from zoo.engine.precision import restore_matmul_precision

# recipe, and the steps of a turn
FAMILIES = {
    "mlp_gan": ("gan_mlp_mnist", 100),
    "mlp_wgan": ("wgan_mlp_mnist", 30),
    "mlp_wgan_gp": ("wgan_gp_mlp_mnist", 20),
    "conv_wgan_gp": ("wgan_gp_mnist", 2),
    "flowers_wgan_gp": ("wgan_gp_flowers", 1),
}
CLOCKS: dict[str, Callable[[], float]] = {"cpu": time.process_time, "wall": time.perf_counter}


class Turns(Callback):
    """Stop the product's clock after every turn of its own, and let the rivals take theirs.

    Args:
        rounds: turns that count; one before them does not.
        steps: of a turn.
        clock: a key of CLOCKS.
        precision: of the bare loop.
    """

    latest: "Turns"

    def __init__(self, rounds: int, steps: int, clock: str, precision: str) -> None:
        self.rounds, self.steps, self.clock, self.precision = rounds, steps, CLOCKS[clock], precision
        self.seconds: dict[str, list[float]] = {"textbook": [], "bare": [], "product": []}
        self.images = 0
        Turns.latest = self

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the rivals from the product's own weights."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self.images = data.batch_size * int(getattr(pl_module, "batches_per_step", 1))
        steps = bytes_to_steps(data.splits["train"].images.to(pl_module.device), self.images, data.flip)
        self.rivals: dict[str, Iterator[None]] = {
            "textbook": textbook(deepcopy(pl_module), tutorial_loader(data)),  # type: ignore[arg-type]
            "bare": iter(Bare(deepcopy(pl_module), steps, self.precision == "bf16-mixed")),  # type: ignore[arg-type]
        }
        self.begin, self.left = self.now(), self.steps

    def now(self) -> float:
        """Read the clock, once the device has done its work."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return self.clock()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Let the rivals take their turns at the end of the product's."""
        self.left -= 1
        if self.left:
            return
        self.seconds["product"].append(self.now() - self.begin)
        for name in sorted(self.rivals, reverse=len(self.seconds["product"]) % 2 == 0):
            with restore_matmul_precision():
                if name == "textbook":
                    torch.set_float32_matmul_precision("highest")  # torch's default
                begin = self.now()
                for _ in range(self.steps):
                    next(self.rivals[name])
                self.seconds[name].append(self.now() - begin)
        trainer.should_stop = len(self.seconds["bare"]) > self.rounds
        self.begin, self.left = self.now(), self.steps


def measure(family: str, precision: str, clock: str, rounds: int, compiled: bool) -> dict[str, Any]:
    """Return one family's ratios: medians over the rounds, with their quartiles."""
    recipe, steps = FAMILIES[family]
    threads = torch.get_num_threads()
    used = 1 if clock == "cpu" else os.cpu_count() or 1
    torch.set_num_threads(used)
    arguments = {"rounds": rounds, "steps": steps, "clock": clock, "precision": precision}
    turns = {"class_path": "benchmarks.speed.Turns", "init_args": arguments}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        argv = ["fit", "--config", recipe, "--trainer.default_root_dir", folder, "--loggers", "[csv]"]
        argv += ["--trainer.precision", precision, f"--trainer.callbacks+={json.dumps(turns)}"]
        argv += ["--model.init_args.average=null", f"--compile.losses={json.dumps(compiled)}"]
        argv += ["--validations.first=0"]  # it would fall into a turn
        ganzoo(argv)
    torch.set_num_threads(threads)
    turns_taken = sys.modules["benchmarks.speed"].Turns.latest
    seconds = {name: np.array(each[1:]) / steps for name, each in turns_taken.seconds.items()}
    result: dict[str, Any] = {"family": family, "precision": precision, "clock": clock, "rounds": rounds}
    result |= {"threads": used, "compiled": compiled}
    result["images_per_second"] = round(turns_taken.images / float(np.median(seconds["product"])), 1)
    for rival in ("textbook", "bare"):
        quartiles = np.quantile(seconds[rival] / seconds["product"], [0.25, 0.5, 0.75]).round(3).tolist()
        result[f"product_vs_{rival}"] = quartiles[1]
        result[f"product_vs_{rival}_quartiles"] = [quartiles[0], quartiles[2]]
    return result | {f"{name}_ms": round(1e3 * float(np.median(each)), 3) for name, each in seconds.items()}


def main() -> None:
    """Measure what is asked for, and print it."""
    cuda = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--precision", choices=("32-true", "bf16-mixed"), default="32-true")
    parser.add_argument("--clock", nargs="+", choices=CLOCKS, default=["wall"] if cuda else list(CLOCKS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--compile", action="store_true", help="the product's losses, see --compile.losses")
    parser.add_argument("--json", action="store_true", help="objects, one a line")
    given = parser.parse_args()
    if given.rounds < 5:
        parser.error("--rounds must be at least 5: the median of fewer says little")
    if cuda and "cpu" in given.clock:
        parser.error("--clock cpu says nothing of a GPU: take wall")
    for family in given.family:
        for clock in given.clock:
            result = measure(family, given.precision, clock, given.rounds, given.compile)
            line = "{family:16} {clock:4} textbook {product_vs_textbook:5} bare {product_vs_bare:5}".format(**result)
            print(json.dumps(result) if given.json else line, flush=True)


if __name__ == "__main__":
    main()

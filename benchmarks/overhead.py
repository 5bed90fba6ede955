"""Measure `ganzoo fit` with and without what keeps Lightning from needless work, in turns, as JSON lines.

    python -m benchmarks.overhead
    python -m benchmarks.overhead --recipe gan_toy --rounds 15

`gain` is the time of a step without the technique, divided by that with it, as in benchmarks/ablation.py. Pictures and
checkpoints are put off until after the run.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from benchmarks.ablation import result_of
from cli import main as ganzoo
from commands.run_callbacks import EVERY_UPDATE, silence

# recipe -> the steps of a turn, at least as many as lie between two that are logged
RECIPES = {"gan_toy": 100, "gan_mlp_mnist": 50, "wgan_mlp_mnist": 50}


class Switched(Callback):
    """Switch a technique off in every second turn of a run, in the first or the second of a round.

    Args:
        rounds: that count, of a turn with and a turn without; one before them does not.
        steps: of a turn.
    """

    technique: str
    latest: "Switched"

    def __init__(self, rounds: int, steps: int) -> None:
        self.rounds, self.steps = rounds, steps
        self.seconds: dict[bool, list[float]] = {True: [], False: []}
        self.used = True
        Switched.latest = self

    @abstractmethod
    def switch(self, trainer: Trainer) -> None:
        """Switch the technique on if it is `used`, else off."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the first turn."""
        self.begin = time.process_time()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Go on to the next turn at the end of one."""
        if trainer.global_step % self.steps:
            return
        self.seconds[self.used].append(time.process_time() - self.begin)
        turns = trainer.global_step // self.steps
        self.used = turns % 4 in (0, 3)  # with, without; without, with; ...
        self.switch(trainer)
        trainer.should_stop = turns == 2 * (self.rounds + 1)
        self.begin = time.process_time()


class EmptyHooks(Switched):
    """All callbacks are asked at each update."""

    technique = "empty hooks not called"

    def switch(self, trainer: Trainer) -> None:
        """Take the empty hooks from the callbacks, or give them back."""
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if self.used:
                silence(callback)
            else:
                for hook in set(EVERY_UPDATE) & vars(callback).keys():
                    delattr(callback, hook)


class EveryStep(Switched):
    """The losses of each step are logged."""

    technique = "losses logged one step in 50"

    def switch(self, trainer: Trainer) -> None:
        """Log every 50 steps, or each."""
        trainer.log_every_n_steps = 50 if self.used else 1  # type: ignore[attr-defined]


def gains(recipe: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each technique."""
    never = [f"--{key}.every_n_steps=1000000" for key in ("image_grid", "scatter", "last_checkpoint")]
    never.append("--validations.first=0")
    for kind in Switched.__subclasses__():
        arguments = {"rounds": rounds, "steps": RECIPES[recipe]}
        switched = {"class_path": f"benchmarks.overhead.{kind.__name__}", "init_args": arguments}
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
            argv = ["fit", "--config", recipe, "--trainer.default_root_dir", folder, "--loggers", "[csv]", *never]
            argv += ["--trainer.log_every_n_steps=50", "--trainer.max_steps=1000000"]
            ganzoo([*argv, f"--trainer.callbacks+={json.dumps(switched)}"])
        seconds = sys.modules["benchmarks.overhead"].Switched.latest.seconds
        yield result_of(recipe, kind.technique, seconds[False], seconds[True])


def main() -> None:
    """Measure what is asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    if given.rounds < 5:
        parser.error("--rounds must be at least 5: the median of fewer says little")
    torch.set_num_threads(1)
    for recipe in given.recipe:
        for gain in gains(recipe, given.rounds):
            print(json.dumps(gain), flush=True)


if __name__ == "__main__":
    main()

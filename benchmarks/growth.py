"""Measure how a step's cost grows with batch size, image size, critic steps and components, as JSON lines or a plot.

    python -m benchmarks.growth
    python -m benchmarks.growth --plot growth.png   # needs matplotlib

Each setting trains a few steps with Lightning on random images; the time is the process' own with one thread, its
median over the steps. Settings take turns, so that what else the machine does falls on all.
"""

import argparse
import json
import time
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from torch.utils.data import DataLoader

from zoo import GAN, WGANGP, DeLiGAN

# what grows -> the model, what stays, and the values
SETTINGS: dict[str, tuple[type[GAN], dict[str, Any], list[int]]] = {
    "batch size": (WGANGP, {"network": "mlp"}, [8, 16, 32, 64, 128, 256]),
    "image size": (WGANGP, {"network": "keras_conv", "critic_steps": 1}, [16, 24, 32, 48, 64]),
    "critic steps": (WGANGP, {"network": "mlp"}, [1, 2, 3, 5, 7, 10]),
    "components": (DeLiGAN, {"network": "deligan_conv"}, [1, 10, 100, 1_000, 10_000]),
}
STEPS = 6


class Clock(Callback):
    """The times at which steps begin."""

    def __init__(self) -> None:
        self.begun: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Note the time."""
        self.begun.append(time.process_time())


def seconds(what: str, value: int) -> float:
    """Return the median step's seconds."""
    cls, options, _ = SETTINGS[what]
    size, batch = (value if what == "image size" else 28), (value if what == "batch size" else 32)
    options = options | ({"critic_steps": value} if what == "critic steps" else {})
    options |= {"prior_options": {"components": value}} if what == "components" else {}
    seed_everything(0, verbose=False)
    model = cls(image_shape=(1, size, size), **options)
    images = torch.rand(batch * model.batches_per_step * STEPS, 1, size, size) * 2 - 1
    clock = Clock()
    quiet: dict[str, Any] = dict.fromkeys(("logger", "enable_checkpointing", "enable_model_summary"), False)
    trainer = Trainer(
        max_steps=STEPS, accelerator="cpu", devices=1, callbacks=[clock], enable_progress_bar=False, **quiet
    )
    batches: Any = images.split(batch * model.batches_per_step)
    trainer.fit(model, DataLoader(batches, batch_size=None))
    return float(np.median([after - before for before, after in pairwise(clock.begun[1:])]))


def plot(made: dict[str, dict[int, float]], path: str) -> None:
    """Plot a panel for each of what grows, both axes logarithmic."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    figure, panels = plt.subplots(1, len(made), figsize=(12, 3), layout="constrained")
    for panel, (what, cost) in zip(panels, made.items(), strict=True):
        milliseconds = [1e3 * each for each in cost.values()]
        panel.plot(list(cost), milliseconds, marker="o", color="black")
        first = next(iter(cost))
        power = 2 if what == "image size" else 1
        if what != "components":
            line = [milliseconds[0] * (value / first) ** power for value in cost]
            panel.plot(list(cost), line, linestyle=":", color="grey")
        panel.set(xscale="log", yscale="log", xlabel=what, title=SETTINGS[what][0].__name__)
        panel.set_ylim(bottom=min(milliseconds) / 2, top=max(milliseconds) * 2)
        panel.set_xticks(list(cost), [f"{value:,}" for value in cost], minor=False)
        panel.set_xticks([], minor=True)
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(ScalarFormatter())
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.text(list(cost)[-1], milliseconds[-1], f"{milliseconds[-1]:,.0f} ", ha="right", va="bottom")
        panel.text(first, milliseconds[0], f"{milliseconds[0]:,.0f} ", ha="left", va="bottom")
    panels[0].set_ylabel("ms a step")
    figure.savefig(path, dpi=80)


def main() -> None:
    """Measure all, and print or plot it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plot", help="a file for the picture")
    given = parser.parse_args()
    torch.set_num_threads(1)
    pairs = [(what, value) for what, (_, _, values) in SETTINGS.items() for value in values]
    rounds = [[seconds(*pair) for pair in pairs] for _ in range(given.rounds)]
    made: dict[str, dict[int, float]] = {}
    for (what, value), cost in zip(pairs, np.median(rounds, axis=0).tolist(), strict=True):
        made.setdefault(what, {})[value] = cost
        print(json.dumps({what: value, "ms": round(1e3 * cost, 2)}), flush=True)
    if given.plot:
        plot(made, given.plot)


if __name__ == "__main__":
    main()

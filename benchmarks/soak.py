"""A long run of a small recipe, watched from inside: memory, open files and threads, as JSON lines.

    python benchmarks/soak.py --steps 30000

The last line says how each figure at the end compares to that at a tenth of the way.
"""

import argparse
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

import callbacks
import cli


def figures() -> dict[str, int]:
    """Return resident memory in kB, open files and threads of this process (Linux)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "memory_kb": int(status["VmRSS"].split()[0]),
        "files": len(os.listdir("/proc/self/fd")),
        "threads": int(status["Threads"]),
        "python_threads": threading.active_count(),
    }


class Watch(Callback):
    """Print the figures a hundred times."""

    def __init__(self) -> None:
        self.seen: dict[int, dict[str, int]] = {}

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Print the figures when they are due."""
        if trainer.global_step % max(1, trainer.max_steps // 100) == 0:
            self.seen[trainer.global_step] = figures()
            print(json.dumps({"step": trainer.global_step} | self.seen[trainer.global_step]), flush=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Print the last figures beside those of the first tenth."""
        tenth, end = self.seen[trainer.max_steps // 10], self.seen[max(self.seen)]
        print(json.dumps({key: {"tenth": tenth[key], "end": end[key], "ratio": end[key] / tenth[key]} for key in end}))


def main() -> None:
    """Run `quickstart` with every callback and every logger."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30_000)
    parser.add_argument("--folder", default="soak")
    given = parser.parse_args()
    callbacks.Watch = Watch  # type: ignore[attr-defined]
    argv = ["fit", "--config", "quickstart", f"--trainer.max_steps={given.steps}", "--loggers=[csv,tensorboard,wandb]"]
    argv += [f"--trainer.default_root_dir={given.folder}", "--trainer.callbacks=callbacks.Watch"]
    sys.argv = ["ganzoo"]
    cli.main(argv)


if __name__ == "__main__":
    main()

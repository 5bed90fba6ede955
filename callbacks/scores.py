"""Scores of the generator on held-out images, beside what real images get."""

import json
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from zoo.sliced_wasserstein import SlicedWasserstein


class Scores(Callback):
    """Logs `val/sliced_wasserstein` after each validation; after `test`, prints a table and writes `scores.json`.

    Real training images take the generator's place for the table's other column: the score to hope for.
    Metrics live here, not in the module, so no checkpoint carries them.
    """

    def __init__(self) -> None:
        self.generated, self.ceiling = SlicedWasserstein(), SlicedWasserstein()
        self.real: dict[str, float] = {}
        self.samples = 0

    def begin(self, pl_module: LightningModule) -> None:
        """Forgets the last evaluation."""
        self.samples = 0
        for metric in (self.generated, self.ceiling):
            metric.to(pl_module.device).reset()

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins a validation."""
        self.begin(pl_module)

    def on_test_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins a test."""
        self.begin(pl_module)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Compares the batch with the fakes made for it."""
        self.generated.update(batch[0].float(), outputs)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Logs the score; a ModelCheckpoint may monitor it."""
        if self.generated.update_called:
            pl_module.log("val/sliced_wasserstein", self.generated.compute())

    def on_test_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int, *_: Any
    ) -> None:
        """Compares the batch with the fakes made for it, and with as many training images."""
        real: Tensor = batch[0].float()
        self.generated.update(real, outputs)
        train = getattr(trainer.datamodule, "splits", {}).get("train")  # type: ignore[attr-defined]
        if train is not None:
            chosen = torch.randperm(len(train.images), generator=torch.Generator().manual_seed(0))
            chosen = chosen[(self.samples + torch.arange(len(real))) % len(chosen)]
            self.ceiling.update(real, train.images[chosen].to(real) / 127.5 - 1)
        self.samples += len(real)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Computes, prints, writes."""
        if not self.generated.update_called:
            return
        pl_module.log("test/sliced_wasserstein", self.generated.compute())
        self.real = {"sliced_wasserstein": self.ceiling.compute().item()} if self.ceiling.update_called else {}

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Prints and writes every score of the test, whoever logged it."""
        if not trainer.is_global_zero:
            return
        scores = {
            name.removeprefix("test/"): {"generated": float(value), "real": self.real.get(name.removeprefix("test/"))}
            for name, value in trainer.callback_metrics.items()
            if name.startswith("test/")
        }
        samples, step = self.samples * trainer.world_size, pl_module.trained_steps
        result = {"step": step, "samples": samples, "scores": scores}
        write_scores(Path(trainer.default_root_dir) / "scores.json", result)
        print(f"\n{samples} images generated after {step} steps, against as many held out")
        print(f"{'score':<24}{'generated':>12}{'real':>12}")
        for name, row in scores.items():
            real = "" if row["real"] is None else f"{row['real']:.4f}"
            print(f"{name:<24}{row['generated']:>12.4f}{real:>12}")


def write_scores(path: Path, scores: dict[str, Any]) -> None:
    """JSON that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(scores, indent=2) + "\n")
    partial.replace(path)

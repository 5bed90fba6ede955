"""The scores of a test, written to the terminal, to a file and to the dashboard."""

import json
import math
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger

Result = dict[str, Any]
"""checkpoint, step, samples, scorer, and under `scores` for each score what is `generated` and `real`."""


def result_of(
    trainer: Trainer, model: LightningModule, samples: int, scorer: str | None, real: dict[str, float]
) -> Result:
    """Return every score that a test has logged, whichever callback it was, beside those of real images.

    Args:
        trainer: has tested the model.
        model: counts its `trained_steps`.
        samples: how many images were scored.
        scorer: the name of the scorer; None without.
        real: scores of real images, by name; a name that is missing has none.
    """
    prefix = "test/"
    logged = {name.removeprefix(prefix): x for name, x in trainer.callback_metrics.items() if name.startswith(prefix)}
    return {
        "checkpoint": str(trainer.ckpt_path) if trainer.ckpt_path else None,
        "step": model.trained_steps,
        "samples": samples,
        "scorer": scorer,
        "scores": {name: {"generated": float(value), "real": real.get(name)} for name, value in logged.items()},
    }


def publish(result: Result, trainer: Trainer) -> None:
    """Write `scores.json` into the run's folder, print the table, and log it as a row where there is a dashboard."""
    folder = Path(trainer.default_root_dir)
    write(folder / "scores.json", result)
    show(result)
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger):
            log_row(logger, result, folder / "samples" / "test.png")


def show(result: Result) -> None:
    """Print the table."""
    print(f"\n{result['samples']} images generated after {result['step']} steps, ", end="")
    print(f"against as many held out; scorer: {result['scorer']}")
    print(f"{'score':<30}{'generated':>12}{'real':>12}")
    for name, row in result["scores"].items():
        real = "" if row["real"] is None else f"{row['real']:.4f}"
        print(f"{name:<30}{row['generated']:>12.4f}{real:>12}")


def write(path: Path, result: Result) -> None:
    """Write JSON that is there whole or not at all; what is no number in JSON, nan for one, becomes null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(finite(result), indent=2, allow_nan=False) + "\n")
    partial.replace(path)


def log_row(logger: WandbLogger, result: Result, grid: Path) -> None:
    """Log one row: what was tested, its sample grid if any, each score and real data's. Runs make one table."""
    import wandb  # a second of import time, needed only by runs that log there

    row: dict[str, Any] = {name: result[name] for name in ("checkpoint", "step", "samples", "scorer")}
    row["grid"] = wandb.Image(str(grid)) if grid.is_file() else None
    for name, values in result["scores"].items():
        row |= {name: values["generated"], f"{name} (real)": values["real"]}
    logger.log_table("test/table", columns=list(row), data=[list(row.values())], step=result["step"])


def finite(value: Any) -> Any:
    """Return the same with None for every float that is not finite."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

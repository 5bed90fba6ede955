"""Where the scores of a test go: to the terminal, to a file, to the dashboard."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger

Result = dict[str, Any]
"""checkpoint, step, samples, scorer, and under `scores` for each score what is `generated` and `real`."""


def publish(result: Result, folder: Path, loggers: Sequence[Logger]) -> None:
    """Writes `scores.json` into a run's folder, prints the table, and logs it as a row where there is a dashboard."""
    write(folder / "scores.json", result)
    show(result)
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            log_row(logger, result, folder / "samples" / "test.png")


def show(result: Result) -> None:
    """Prints the table."""
    print(f"\n{result['samples']} images generated after {result['step']} steps, ", end="")
    print(f"against as many held out; scorer: {result['scorer']}")
    print(f"{'score':<30}{'generated':>12}{'real':>12}")
    for name, row in result["scores"].items():
        real = "" if row["real"] is None else f"{row['real']:.4f}"
        print(f"{name:<30}{row['generated']:>12.4f}{real:>12}")


def write(path: Path, result: Result) -> None:
    """JSON that is there whole or not at all; what is no number in JSON, nan for one, becomes null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(finite(result), indent=2, allow_nan=False) + "\n")
    partial.replace(path)


def log_row(logger: WandbLogger, result: Result, grid: Path) -> None:
    """One row: what was tested, its sample grid if there is one, each score and real data's. Runs make one table."""
    import wandb  # a second of import time, paid only by runs that log there

    row: dict[str, Any] = {name: result[name] for name in ("checkpoint", "step", "samples", "scorer")}
    row["grid"] = wandb.Image(str(grid)) if grid.is_file() else None
    for name, values in result["scores"].items():
        row |= {name: values["generated"], f"{name} (real)": values["real"]}
    logger.log_table("test/table", columns=list(row), data=[list(row.values())], step=result["step"])


def finite(value: Any) -> Any:
    """The same, with None for every float that is not finite."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value

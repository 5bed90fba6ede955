"""Versions, commit and command of a run, for the run's folder and for every logger."""

import platform
import re
import shlex
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import TensorBoardLogger

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = "ganzoo-lightning", "lightning", "torchvision", "torchmetrics", "numpy"
SECRET = re.compile(r"key|token|password|secret|credential", re.IGNORECASE)


def environment(argv: Sequence[str]) -> dict[str, Any]:
    """Return versions, the commit of this code if it is a checkout, and a command's arguments, less what is secret."""
    found = {"python": platform.python_version(), "machine": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    found["torch"] = str(torch.__version__)  # says for which accelerator it was built, too
    return found | {"commit": commit(), "command": shlex.join(["ganzoo", *without_secrets(argv)])}


def commit() -> str | None:
    """Return the commit of this code; None where it is installed, or git is not."""
    if not (ROOT / ".git").exists():
        return None
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def without_secrets(argv: Sequence[str]) -> list[str]:
    """Return a command's arguments, with stars for the values of options that are called a key, a token or the like."""
    shown: list[str] = []
    for argument in argv:
        option, equals, _ = argument.partition("=")
        if shown and shown[-1].startswith("-") and "=" not in shown[-1] and SECRET.search(shown[-1]):
            argument = "***"
        elif equals and SECRET.search(option):
            argument = f"{option}=***"
        shown.append(argument)
    return shown


def tell_loggers(trainer: Trainer, configuration: dict[str, Any], text: str) -> None:
    """Give every logger of a run the whole configuration, and what it was made with.

    Args:
        trainer: whose loggers.
        configuration: nested dictionaries of plain values.
        text: the same as YAML, for a logger that shows text.
    """
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_text("configuration", f"```yaml\n{text}\n```")  # its table would flatten it all
        else:
            logger.log_hyperparams(configuration)

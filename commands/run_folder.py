"""The one folder of a run, and what of Lightning's talk goes into it and onto the terminal."""

import logging
import os
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import SaveConfigCallback
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities import rank_zero_only

from callbacks.step_trainer import ADVISER, is_not_an_advert
from commands.environment import environment, tell_loggers
from commands.run_order import number
from zoo.hub.fine_tuning import Taken

LOGGERS = "lightning", "lightning.pytorch", "lightning.fabric"

# What Lightning warns of on every run of ours, and why it may be ignored.
NOISE = (
    r".*LeafSpec.* is deprecated",  # its own code
    r"The number of training batches \(",  # logs go by steps here, not by epochs
    r".*does not have many workers",  # loaders index memory: workers would slow them down
    r"You're resuming from a checkpoint that ended before the epoch ended",  # the data order follows from the step
    r"Using ModelCheckpoint with manual optimization and every_n_train_steps",  # the state after the step is meant
    r"Experiment logs directory .* exists and is not empty",  # the run's own folder
    r"Checkpoint directory .* exists and is not empty",
    r"(?s).*(Jsonargparse|was deprecated in v4\.)",  # of jsonargparse, called by LightningCLI
    r"The dirpath has changed from",  # a resumed run has a folder, and a best score, of its own
    r"Be aware that when using `ckpt_path`.*\[\"BestCheckpoint[^]]*\]\.?$",  # named by its score in earlier versions
)

# What a run folder holds before the first step: what the run was asked to do, and what was said.
ASKED = {
    "config.yaml", "environment.yaml", "hparams.yaml", "log.txt", "number.txt", "predict.yaml", "test.yaml",
    "validate.yaml", "wandb_id.txt",
}  # fmt: skip


# Lightning's Timer has an option that is an enumeration, which jsonargparse reads and YAML cannot write.
yaml.SafeDumper.add_multi_representer(Enum, lambda dumper, each: dumper.represent_str(str(each.value)))


class RunConfig(SaveConfigCallback):
    """Write the run's whole configuration into its folder: config.yaml for fit, test.yaml for test, ...

    What it was made with (versions, commit, command) goes to environment.yaml beside it, and both to every logger.

    Args:
        *args, **kwargs: SaveConfigCallback's.
        argv: the command's arguments, after `ganzoo`.
        taken: from the weights that the run begins with.
    """

    def __init__(self, *args: Any, argv: Sequence[str] = (), taken: Taken | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.argv, self.taken = argv, taken

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Write the files on rank 0, before anything else runs."""
        name = TrainerFn(stage).value
        path = Path(trainer.default_root_dir) / ("config.yaml" if name == "fit" else f"{name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        # what was parsed is valid; Lightning's Timer would not be, once more
        self.parser.save(self.config, path, skip_unset=False, skip_validation=True, overwrite=True, multifile=False)
        if name == "fit":
            made_with = environment(self.argv) | ({"init_from": self.taken.record()} if self.taken else {})
            (path.parent / "environment.yaml").write_text(yaml.safe_dump(made_with, sort_keys=False))
            text = path.read_text()
            tell_loggers(trainer, {"configuration": yaml.safe_load(text), "environment": made_with}, text)


def run_name(config: Any) -> str:
    """Return what the folder of the runs is called: as the last configuration file is, or the model."""
    if config.get("config"):
        return Path(str(config.config[-1])).stem
    return str(config.model.class_path).rsplit(".", 1)[-1]


def new_run_folder(runs: Path) -> Path:
    """Make `runs/<time>`, once for all processes of a run, however they were started.

    A process that Lightning started takes it from $GANZOO_RUN_DIR. Under torchrun, rank 0 tells the others through
    torchrun's own store; under SLURM, the folder is named by the job and its step.
    """
    if "LOCAL_RANK" in os.environ and (given := os.environ.get("GANZOO_RUN_DIR")):
        return Path(given)
    runs.mkdir(parents=True, exist_ok=True)
    if TorchElasticEnvironment.detect():
        folder = agreed_by_torchrun(runs, TorchElasticEnvironment())
    elif SLURMEnvironment.detect() and int(os.environ.get("SLURM_NTASKS", 1)) > 1:
        restart = os.environ.get("SLURM_RESTART_COUNT", "0")
        folder = runs / f"slurm_{os.environ['SLURM_JOB_ID']}.{os.environ.get('SLURM_STEP_ID', '0')}.{restart}"
        folder.mkdir(exist_ok=True)
        if os.environ.get("SLURM_PROCID", "0") == "0":
            number(folder)
    else:
        folder = folder_of_now(runs)
    os.environ["GANZOO_RUN_DIR"] = str(folder)
    return folder


def agreed_by_torchrun(runs: Path, environment: TorchElasticEnvironment) -> Path:
    """Return the folder that rank 0 makes."""
    agent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if not agent:  # another launcher that speaks torchrun's language, with nobody at the main address yet
        return folder_of_now(runs)
    at = environment.main_address, environment.main_port
    store = torch.distributed.TCPStore(*at, is_master=False)  # type: ignore[attr-defined]
    key = f"ganzoo_run_dir_{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}"
    if environment.global_rank() == 0:
        store.set(key, str(folder_of_now(runs)))
    return Path(store.get(key).decode())


def folder_of_now(runs: Path) -> Path:
    """Make a folder that nobody else has, named by the time."""
    now = time.strftime("%Y-%m-%d_%H-%M-%S")
    for attempt in count():
        folder = runs / (f"{now}~{attempt}" if attempt else now)
        with suppress(FileExistsError):
            folder.mkdir(parents=True)  # another run that failed may have removed the folder above
            number(folder)
            break
    return folder


@rank_zero_only
def forget_if_empty(run_dir: Path) -> None:
    """Remove the folder of a run that failed before its first step, unless there is anything in it but what was asked.

    Also removes the folders above it up to `runs/` where they are empty then.
    """
    files = (path.relative_to(run_dir) for path in run_dir.rglob("*") if path.is_file())
    if not all(file.name in ASKED or file.parts[0] in ("wandb", "tensorboard") for file in files):
        return
    if wandb := sys.modules.get("wandb"):
        wandb.finish(1)
    shutil.rmtree(run_dir, ignore_errors=True)
    for folder in run_dir.parents:
        with suppress(OSError):  # it is not empty
            folder.rmdir()
        if folder.name == "runs":
            break


def log_file(path: Path) -> None:
    """Send log messages to a file too; `quiet_logs` closes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in LOGGERS:
        if name == "lightning" or not logging.getLogger(name).propagate:  # else it comes through "lightning"
            logging.getLogger(name).addHandler(handler)


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Ignore NOISE, and take back what a run changes in this process: log files, W&B's run, its folder's name."""
    handlers = {name: list(logging.getLogger(name).handlers) for name in LOGGERS}
    was_quiet = is_not_an_advert in ADVISER.filters
    ADVISER.addFilter(is_not_an_advert)
    status = 1
    try:
        with warnings.catch_warnings():
            for message in NOISE:
                warnings.filterwarnings("ignore", message)
            yield
        status = 0
    finally:
        if wandb := sys.modules.get("wandb"):
            wandb.finish(status)
        if not was_quiet:
            ADVISER.removeFilter(is_not_an_advert)
        os.environ.pop("GANZOO_RUN_DIR", None)
        for name in LOGGERS:
            for handler in set(logging.getLogger(name).handlers) - set(handlers[name]):
                logging.getLogger(name).removeHandler(handler)
                handler.close()

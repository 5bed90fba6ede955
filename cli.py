"""The command line: `ganzoo fit | validate | test | predict | list`, also `python cli.py ...`.

`--config` takes a recipe's name or a file. Everything a run makes lies in `runs/<name>/<time>/` under
`--trainer.default_root_dir`.
"""

import argparse
import json
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Literal, NoReturn

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn

import callbacks
import configs
from datamodules import DataError, ImageDataModule
from zoo import GAN

log = logging.getLogger("lightning.pytorch.ganzoo")
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
)

# What every run has; each does nothing where it has nothing to do.
CALLBACKS = (
    "ImageGrid", "Scatter", "Scores", "Speed", "StepBar", "SampleWriter", "BestCheckpoint", "LastCheckpoint"
)  # fmt: skip

# What of a model a checkpoint's weights depend on; the rest may differ where nothing is trained.
ARCHITECTURE = {
    "class", "image_shape", "network", "generator_options", "critic_options", "prior", "prior_options", "latent_dim"
}  # fmt: skip

IRRELEVANT = re.compile(r"NoneType|Expected a path|Does not validate against any")


class Parser(LightningArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Prints what is wrong and ends with status 2."""
        # Of a failed union, jsonargparse tells every branch: only what the chosen class said is of use.
        problem, _, given = str(message).partition("Given value type:")
        head, *branches = re.split(r"\n\s*- ", problem)
        causes = [branch for branch in branches if not IRRELEVANT.search(branch)]
        told = [head.split("\n")[0], "; ".join(causes), *given.split("\n")[1:]] if causes else [str(message)]
        print("ganzoo: error:", *" ".join(told).split(), "(see ganzoo fit --help)", file=sys.stderr)
        raise SystemExit(2)


class RunConfig(SaveConfigCallback):
    """Writes the run's whole configuration into its folder: config.yaml for fit, test.yaml for test, ..."""

    def save_config(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Runs on rank 0 before anything else does."""
        name = TrainerFn(stage).value
        path = Path(trainer.default_root_dir) / ("config.yaml" if name == "fit" else f"{name}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.parser.save(self.config, path, skip_unset=False, overwrite=True, multifile=False)


class ZooCLI(LightningCLI):
    """LightningCLI with recipes by name, one folder for each run, and no surprises from a checkpoint."""

    runs: Path
    run_dir: Path
    checkpoint: Path | None

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Beside Lightning's own: the run's name, its loggers, and the callbacks that every run has."""
        parser.add_argument("--name", type=str | None, default=None, help="folder of the run under runs/: the recipe's")
        kinds = list[Literal["wandb", "csv", "tensorboard"]]
        parser.add_argument("--loggers", type=kinds, default=["wandb", "csv"], help="unless --trainer.logger is given")
        for name in CALLBACKS:
            parser.add_lightning_class_args(getattr(callbacks, name), snake_case(name))
        parser.link_arguments("data.image_shape", "model.init_args.image_shape", apply_on="instantiate")
        parser.set_defaults(
            {
                "trainer.num_sanity_val_steps": 0,
                "trainer.check_val_every_n_epoch": None,  # intervals count steps
                "trainer.val_check_interval": 1000,
            }
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """As LightningCLI does, less its warning about arguments that come from Python."""
        self.config = parser.parse_args(args)
        config = self.config[self.config.subcommand]
        seed = config.seed_everything
        if not isinstance(seed, bool) and not 0 <= seed < 2**32:
            parser.error(f"seed_everything must be in [0, 2**32), got {seed}")
        given = parser.parse_args(args, defaults=False)[self.config.subcommand]
        if "image_shape" in given.model.get("init_args", {}):
            parser.error("model.init_args.image_shape: comes from the data module, e.g. --data.init_args.image_size")

    def _parse_ckpt_path(self) -> None:
        """Keeps the user's configuration: LightningCLI would replace its model by the checkpoint's, silently."""

    def before_instantiate_classes(self) -> None:
        """Settles where the run goes."""
        config = self.config[self.subcommand]
        config.name = config.name or run_name(config)
        config.weights_only = True  # nothing of ours needs pickle
        if self.subcommand == "test":
            config.verbose = False  # Scores prints its own table, with the real data's scores
        if config.trainer.val_check_interval == 0:
            self.parser.error("trainer.val_check_interval must be above 0")
        root = Path(config.trainer.default_root_dir or ".")
        self.runs = root / "runs" / config.name
        self.checkpoint = self.find_checkpoint(config.get("ckpt_path"), self.runs)

    def find_checkpoint(self, given: str | None, runs: Path) -> Path | None:
        """`last` and `best` mean the newest of that name among this recipe's runs; anything else is a path."""
        if given is None:
            return None
        if given not in ("last", "best"):
            if not Path(given).is_file():
                self.parser.error(f"--ckpt_path: there is no file {given}")
            return Path(given)
        found = sorted(runs.glob(f"*/checkpoints/{given}.ckpt"), key=lambda path: path.stat().st_mtime)
        if not found:
            self.parser.error(f"--ckpt_path {given}: no {given}.ckpt under {runs}/*/checkpoints")
        return found[-1]

    def make_run_dir(self) -> Path:
        """A new folder; for anything but `fit`, that of the run the checkpoint comes from."""
        if self.subcommand != "fit" and self.checkpoint and self.checkpoint.parent.name == "checkpoints":
            return self.checkpoint.parent.parent
        if "LOCAL_RANK" in os.environ and (folder := os.environ.get("GANZOO_RUN_DIR")):
            return Path(folder)  # a process that rank 0 started
        self.runs.mkdir(parents=True, exist_ok=True)
        now = time.strftime("%Y-%m-%d_%H-%M-%S")
        for attempt in count():
            made = self.runs / (f"{now}~{attempt}" if attempt else now)
            with suppress(FileExistsError):
                made.mkdir()
                break
        os.environ["GANZOO_RUN_DIR"] = str(made)
        return made

    def instantiate_classes(self) -> None:
        """Builds data, model and trainer; a value that one of them refuses is an error of the command line."""
        try:
            super().instantiate_classes()
        except (ValueError, MisconfigurationException, OSError) as error:
            self.parser.error(str(error))

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Lightning's Trainer, at home in the run's folder, which is made once the model is known to be right."""
        if self.checkpoint:
            self.compare(self.checkpoint)
            self.config_init[self.subcommand]["ckpt_path"] = str(self.checkpoint)
        self.run_dir = self.make_run_dir()
        log_file(self.run_dir / "log.txt")
        config, ours = self._get(self.config_init, "trainer"), self._parser(self.subcommand).callback_keys
        if config.get("enable_progress_bar") is False:
            ours.remove("step_bar")
        if config.get("enable_checkpointing") is False:
            ours[:] = [key for key in ours if not key.endswith("_checkpoint")]
        if config.get("logger") is None:
            kwargs["logger"] = self.loggers()
        return super().instantiate_trainer(default_root_dir=str(self.run_dir), **kwargs)

    def loggers(self) -> list[Logger]:
        """The chosen loggers, all in the run's folder; test's beside fit's."""
        folder = self.run_dir if self.subcommand == "fit" else self.run_dir / str(self.subcommand)
        made: dict[str, Any] = {
            "csv": lambda: CSVLogger(str(folder), name="", version=""),
            "tensorboard": lambda: TensorBoardLogger(str(folder), name="", version="tensorboard"),
            "wandb": lambda: callbacks.WeightsAndBiases(
                str(folder), name=f"{self.run_dir.parent.name}-{self.run_dir.name}", job_type=self.subcommand
            ),
        }
        folder.mkdir(parents=True, exist_ok=True)
        return [made[kind]() for kind in sorted(self._get(self.config, "loggers"))]

    def compare(self, path: Path) -> None:
        """Ends with an error if the checkpoint belongs to another model than the configuration describes."""
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            theirs, model_class = dict(saved["hyper_parameters"]), saved["model_class"]
        except Exception as error:  # torch raises half a dozen kinds, with pages of advice
            self.parser.error(f"--ckpt_path: {path} is no checkpoint of this zoo ({type(error).__name__})")
        theirs = plain(theirs) | {"class": model_class}
        ours = plain(dict(self.model.hparams)) | {"class": type(self.model).__name__}
        keys = set(ours) | set(theirs)
        differences = [
            (key, theirs.get(key), ours.get(key))
            for key in sorted(keys if self.subcommand == "fit" else keys & ARCHITECTURE)
            if theirs.get(key) != ours.get(key)
        ]
        if differences:
            told = "; ".join(f"{key} is {a} in the checkpoint, {b} in the configuration" for key, a, b in differences)
            self.parser.error(f"--ckpt_path: {path} is of another model: {told}")

    def before_fit(self) -> None:
        """Says where to look while it runs."""
        if self.trainer.is_global_zero:
            print(f"run folder: {self.run_dir}", flush=True)

    def after_fit(self) -> None:
        """Says where everything is."""
        if self.trainer.is_global_zero and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            print(f"\nrun folder: {self.run_dir}\nsamples:    {self.run_dir / 'samples'}")

    def before_validate(self) -> None:
        """Says whether the scores mean anything."""
        if not self.checkpoint:
            log.warning("This model is untrained: a trained one needs --ckpt_path, e.g. --ckpt_path last")

    before_test = before_predict = before_validate

    def after_predict(self) -> None:
        """Says where everything is."""
        if self.trainer.is_global_zero:
            print(f"\nsamples: {self.run_dir / 'predictions'}")

    def after_test(self) -> None:
        """Says where everything is."""
        if self.trainer.is_global_zero:
            print(f"scores:      {self.run_dir / 'scores.json'}\nsample grid: {self.run_dir / 'samples' / 'test.png'}")
            print(f"run folder:  {self.run_dir}")


def snake_case(name: str) -> str:
    """ImageGrid becomes image_grid."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def run_name(config: Any) -> str:
    """The last configuration file's name, or the model's."""
    if config.get("config"):
        return Path(str(config.config[-1])).stem
    return str(config.model.class_path).rsplit(".", 1)[-1]


def plain(value: Any) -> Any:
    """Hyperparameters as they compare: tuples are lists, what is no scalar is its text."""
    return json.loads(json.dumps(value, default=str))


def log_file(path: Path) -> None:
    """Sends log messages to a file too; `quiet_logs` closes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in LOGGERS:
        if name == "lightning" or not logging.getLogger(name).propagate:  # else it comes through "lightning"
            logging.getLogger(name).addHandler(handler)


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Ignores NOISE, and takes back what a run changes in this process: log files, W&B's run, its folder's name."""
    handlers = {name: list(logging.getLogger(name).handlers) for name in LOGGERS}
    adverts = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    adverts.addFilter(is_not_an_advert)
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
        adverts.removeFilter(is_not_an_advert)
        os.environ.pop("GANZOO_RUN_DIR", None)
        for name in LOGGERS:
            for handler in set(logging.getLogger(name).handlers) - set(handlers[name]):
                logging.getLogger(name).removeHandler(handler)
                handler.close()


def is_not_an_advert(record: logging.LogRecord) -> bool:
    """False for Lightning's tips to install its other products."""
    return "litlogger" not in record.getMessage() and "litmodels" not in record.getMessage()


def recipes_to_paths(words: Sequence[str]) -> list[str]:
    """The same words, with every recipe's name after --config or -c turned into its file. Files are checked."""
    made: list[str] = []
    try:
        for word in words:
            attached = re.match(r"--config=|-c=?(?=[^-])", word)
            if made and made[-1] in ("--config", "-c"):
                word = str(configs.check(configs.find(word)))
            elif attached:
                word = f"--config={configs.check(configs.find(word[attached.end() :]))}"
            made.append(word)
    except ValueError as error:
        print(f"ganzoo: error: --config: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    return made


def main(args: Sequence[str] | None = None) -> None:
    """Runs one command, given as the words after `ganzoo`; by default those of the command line.

    Ends by SystemExit: status 2 for wrong words, keys and values, 1 for wrong data.
    """
    words = list(sys.argv[1:] if args is None else args)
    if words[:1] == ["list"]:
        list_recipes(words[1:])
        return
    with quiet_logs():
        run(recipes_to_paths(words))


def list_recipes(words: list[str]) -> None:
    """Prints the recipes and what is in them."""
    parser = argparse.ArgumentParser("ganzoo list", description="The recipes, for --config.", allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="as JSON rather than a table")
    as_json = parser.parse_args(words).json
    rows = [configs.describe(name) for name in configs.names()]
    print(json.dumps(rows, indent=2) if as_json else configs.table(rows))


def run(words: list[str]) -> None:
    """Parses and runs; wrong data ends with status 1, what Lightning finds wrong only then with 2."""
    try:
        ZooCLI(
            GAN,
            ImageDataModule,
            parser_kwargs={"allow_abbrev": False, "description": "GANs, by recipe. `ganzoo list` shows the recipes."},
            subclass_mode_model=True,
            subclass_mode_data=True,
            args=words,
            parser_class=Parser,
            save_config_callback=RunConfig,
            save_config_kwargs={"save_to_log_dir": False},
            seed_everything_default=0,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
        )
    except (DataError, MisconfigurationException) as error:
        print("ganzoo: error:", *str(error).split(), file=sys.stderr)
        raise SystemExit(1 if isinstance(error, DataError) else 2) from None


if __name__ == "__main__":
    main()

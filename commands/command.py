"""The base of commands that train or use a model: LightningCLI with recipes, a folder and callbacks for each run."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_info

import callbacks
from commands import beginning, reports, validation_plan
from commands.checkpoint_io import AtomicCheckpointIO
from commands.ending import Ending, finish
from commands.loggers import build_loggers
from commands.parser import classes_of
from commands.resuming import checkpoint_meant
from commands.run_callbacks import CALLBACKS, is_needed, left_out, silence, snake_case
from commands.run_folder import forget_if_empty, log_file, new_run_folder, run_name
from commands.stop_together import stop_together
from zoo.engine import precision
from zoo.engine.compatible import check_options
from zoo.hub.fine_tuning import Taken
from zoo.networks import count_parameters

log = logging.getLogger("lightning.pytorch.ganzoo")

PLAYERS = "generator", "critic", "prior"


class ZooCLI(LightningCLI):
    """LightningCLI with recipes by name, one folder for each run, and no surprises from a checkpoint."""

    runs: Path
    run_dir: Path
    checkpoint: Path | None
    first_step = 0  # of the checkpoint that fit goes on from
    taken: Taken | None = None  # from the weights that fit begins with
    is_new_run = False
    argv: Sequence[str]

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the run's name, its loggers, and the callbacks that every run has."""
        parser.add_argument("--name", type=str | None, default=None, help="folder of the run under runs/: the recipe's")
        kinds = list[Literal["wandb", "csv", "tensorboard"]]
        parser.add_argument("--loggers", type=kinds, default=["wandb", "csv"], help="unless --trainer.logger is given")
        parser.add_argument(
            "--wandb.log_model",
            type=bool | Literal["all"],
            default=False,
            help="the best checkpoint as an artifact, at the end; all: each as it is saved",
        )
        parser.add_argument("--init_from", type=str | None, default=None, help="weights that fit begins with")
        for name in CALLBACKS:
            parser.add_lightning_class_args(getattr(callbacks, name), snake_case(name))
        parser.link_arguments("data.image_shape", "model.init_args.image_shape", apply_on="instantiate")
        parser.link_arguments("data", "model.init_args.num_classes", classes_of, apply_on="instantiate")
        parser.set_defaults(
            {
                "trainer.num_sanity_val_steps": 0,
                "trainer.enable_model_summary": False,  # one line says it: see before_fit
                "trainer.check_val_every_n_epoch": None,  # intervals count steps
                "trainer.val_check_interval": 1000,
            }
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse as LightningCLI does, less its warning about arguments that come from Python."""
        self.config, self.argv = parser.parse_args(args), args
        seed = self.config[self.config.subcommand].seed_everything
        if not isinstance(seed, bool) and not 0 <= seed < 2**32:
            parser.error(f"seed_everything must be in [0, 2**32), got {seed}")
        given = parser.parse_args(args, defaults=False)[self.config.subcommand]
        if "image_shape" in given.model.get("init_args", {}):
            parser.error("model.init_args.image_shape: comes from the data module, e.g. --data.init_args.image_size")

    def _parse_ckpt_path(self) -> None:
        """Keep the user's configuration: LightningCLI would replace its model by the checkpoint's, silently."""

    def before_instantiate_classes(self) -> None:
        """Settle where the run goes."""
        config = self.config[self.subcommand]
        config.name = config.name or run_name(config)
        if Path(config.name).is_absolute() or ".." in Path(config.name).parts:
            self.parser.error(f"--name {config.name}: a name, the folder of the recipe's runs under runs/")
        config.weights_only = True  # nothing of ours needs pickle
        if self.subcommand == "test":
            config.verbose = False  # Scores prints its own table, with the real data's scores
        root = Path(config.trainer.default_root_dir or ".")
        self.runs = root / "runs" / config.name
        try:
            self.checkpoint = checkpoint_meant(config, self.runs, str(self.subcommand))
        except ValueError as error:
            self.parser.error(f"--ckpt_path: {error}")

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; a value that one of them refuses is an error of the command line."""
        try:
            if self.subcommand == "fit":
                validation_plan.settle(self.config["fit"], self.argv)
            super().instantiate_classes()
        except (ValueError, MisconfigurationException, OSError) as error:
            self.forget_run()
            self.parser.error(str(error))

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Build Lightning's Trainer, at home in the run's folder, which is made once the model is known to be right."""
        beginning.settle(self)
        if self.subcommand == "fit":
            check_options(dict(self._get(self.config, "trainer")))
        self.settle_run_dir()
        log_file(self.run_dir / "log.txt")
        if self.taken:
            rank_zero_info(self.taken)
        config, ours = self._get(self.config_init, "trainer"), self._parser(self.subcommand).callback_keys
        ours[:] = [key for key in ours if key not in left_out(config)]
        if config.get("logger") is None:
            kinds = self._get(self.config, "loggers")
            log_model = self._get(self.config, "wandb").log_model
            kwargs["logger"] = build_loggers(kinds, self.run_dir, str(self.subcommand), self.checkpoint, log_model)
        plugins = config.get("plugins") or []
        kwargs["plugins"] = [*(plugins if isinstance(plugins, list) else [plugins]), AtomicCheckpointIO()]
        trainer = super().instantiate_trainer(default_root_dir=str(self.run_dir), **kwargs)
        stop_together(trainer)
        given = trainer.callbacks  # type: ignore[attr-defined]
        needed = [each for each in given if is_needed(each, self.model, str(self.subcommand))]
        for callback in needed:
            silence(callback)
        trainer.callbacks = [Ending(), *needed]  # type: ignore[attr-defined]
        if isinstance(trainer.strategy, DDPStrategy) and config.get("strategy") in ("auto", "ddp"):
            # Each player's backward leaves the other's parameters without gradients, which plain DDP refuses.
            trainer.strategy._ddp_kwargs["find_unused_parameters"] = True
            rank_zero_info(f"{trainer.world_size} devices: DistributedDataParallel, one player's gradients at a time")
        if isinstance(trainer.accelerator, CPUAccelerator):
            precision.allow_onednn_float32()
            if precision.is_imitated(str(trainer.precision)):
                log.warning("precision %s: this CPU only imitates bfloat16, slower than float32", trainer.precision)
        return trainer

    def settle_run_dir(self) -> None:
        """Find the data, then make the run's folder. Raise DataError."""
        if self.subcommand != "predict" and "LOCAL_RANK" not in os.environ:
            self.datamodule.prepare_data()  # here, where data that is missing or wrong leaves no folder behind
            self.datamodule.setup()
        if self.subcommand != "fit" and self.checkpoint and self.checkpoint.parent.name == "checkpoints":
            self.run_dir = self.checkpoint.parent.parent  # what is tested or drawn belongs to the run it comes from
        else:
            self.run_dir = new_run_folder(self.runs)
            self.is_new_run = True

    def _run_subcommand(self, subcommand: str) -> None:
        """Run; what fails before its first step leaves no folder behind."""
        try:
            super()._run_subcommand(subcommand)
        except BaseException:
            if subcommand != "fit" or self.trainer.global_step <= self.first_step:
                self.forget_run()
            raise

    def forget_run(self) -> None:
        """Remove the run's folder if this command made it and nothing came of it."""
        if self.is_new_run:
            forget_if_empty(self.run_dir)

    def before_fit(self) -> None:
        """Say where to look while it runs."""
        if self.trainer.is_global_zero:
            sizes = (f"{part} {count_parameters(getattr(self.model, part)):,}" for part in PLAYERS)
            print(f"{type(self.model).__name__}: {', '.join(sizes)} parameters\nrun folder: {self.run_dir}", flush=True)

    def after_fit(self) -> None:
        """Say where everything is."""
        if self.trainer.is_global_zero and not self.trainer.fast_dev_run:  # type: ignore[attr-defined]
            finish(self.model, self.trainer, self.run_dir)

    def before_validate(self) -> None:
        """Say whether the scores mean anything."""
        if not self.checkpoint:
            log.warning("This model is untrained: a trained one needs --ckpt_path, e.g. --ckpt_path last")

    before_test = before_predict = before_validate

    def after_predict(self) -> None:
        """Say where everything is."""
        if self.trainer.is_global_zero:
            print(f"\nsamples: {self.run_dir / 'predictions'}")

    def after_test(self) -> None:
        """Say where everything is."""
        if self.trainer.is_global_zero:
            grid = self.run_dir / "samples" / "test.png"
            print(f"scores:      {self.run_dir / 'scores.json'}\nsample grid: {grid}\nrun folder:  {self.run_dir}")
            reports.leave(self.run_dir)

"""The commands that train or use a model: what they need takes seconds to import."""

import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.exceptions import SIGTERMException

from callbacks.scoring.guard import GuardError
from commands import installed, recipes, train_scorer
from commands.command import ZooCLI
from commands.interrupts import patient_interrupts
from commands.messages import fail
from commands.own_pictures import settings_for_folder
from commands.parser import Parser
from commands.run_folder import RunConfig, quiet_logs
from commands.stop_together import end_without, is_lost_connection
from datamodules import DataError, ImageDataModule
from zoo import GAN
from zoo.engine.compiled import CompileError, plain_errors
from zoo.engine.errors import BatchError, CheckpointError, NothingSavedError
from zoo.engine.precision import restore_matmul_precision
from zoo.scores.scorer import ScorerError

ABOUT = "GANs, by recipe. `ganzoo list` shows the recipes; `--debug` shows where in the code an error was found."


def run(argv: list[str], debug: bool) -> None:
    """Run one command: fit, validate, test, predict or scorer, and what follows it."""
    with quiet_logs(), restore_matmul_precision(), endings(debug), statuses():
        if argv[0] == "scorer":
            train_scorer.main(argv)
        else:
            with settings_for_folder(argv) as words:
                train_or_use(words, argv)


@contextmanager
def endings(debug: bool) -> Iterator[None]:
    """End a run that was interrupted with 128 + the signal: who waits for it must not take it for a finished one."""
    with patient_interrupts() as interrupts:
        try:
            yield
        except SIGTERMException:
            raise SystemExit(0 if interrupts.child else interrupts.status) from None
        except KeyboardInterrupt:
            raise SystemExit(128 + signal.SIGINT) from None
        except SystemExit as end:
            if debug and end.__context__:
                traceback.print_exception(end.__context__)
            if not interrupts.received or not end.code:
                raise
            raise SystemExit(interrupts.status) from None
        except RuntimeError as error:
            if is_lost_connection(error):
                end_without(error)
            raise


@contextmanager
def statuses() -> Iterator[None]:
    """End with status 1 for wrong data, with 2 for what is found wrong only after the arguments were parsed."""
    try:
        with plain_errors():
            yield
    except (DataError, GuardError, NothingSavedError) as error:
        fail(1, str(error))
    except ModuleNotFoundError as error:
        if "pip install" not in str(error):  # Lightning's own message on what one of its callbacks needs
            raise
        fail(2, str(error))
    except RuntimeError as error:
        if "Early stopping conditioned on metric" not in str(error):
            raise
        fail(2, " ".join(str(error).split()))
    except OSError as error:  # a full disk, a folder that nobody may write to
        fail(1, f"{error.filename or 'a file'}: {error.strerror or error}")
    except (ScorerError, CompileError, BatchError, CheckpointError, MisconfigurationException) as error:
        fail(2, str(error))


def train_or_use(argv: list[str], typed: list[str]) -> None:
    """Parse the arguments and run; `typed` are those that were typed, for the record."""
    try:
        argv = recipes.files_first(recipes.recipes_to_paths(installed.with_class_paths(argv)))
        recipes.check_classes(argv)
    except ValueError as error:
        fail(2, f"--config: {error}")
    ZooCLI(
        GAN,
        ImageDataModule,
        parser_kwargs={
            "allow_abbrev": False,
            "prog": "ganzoo",
            "description": ABOUT,
        },
        subclass_mode_model=True,
        subclass_mode_data=True,
        args=argv,
        parser_class=Parser,
        save_config_callback=RunConfig,
        save_config_kwargs={"save_to_log_dir": False, "argv": typed},
        seed_everything_default=0,
        auto_configure_optimizers=False,
        load_from_checkpoint_support=False,
    )

"""The end of a run: why and at which step, and where everything is."""

import logging
import signal
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, Timer
from lightning.pytorch.utilities.exceptions import SIGTERMException

from callbacks import Floors, ScoreLines
from callbacks.callbacks_of_type import callbacks_of_type
from commands import bundles, interrupts, reports
from zoo import GAN

log = logging.getLogger("lightning.pytorch.ganzoo")


class Ending(Callback):
    """Say in one line at which step training ended, and why: on the terminal and in `log.txt`."""

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Say why training is over."""
        if trainer.is_global_zero:
            log.info("ended at step %d: %s", trainer.global_step, reason(trainer))

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Say what broke a training off."""
        if not (trainer.is_global_zero and trainer.state.fn == "fit"):
            return
        cause = type(exception).__name__
        if isinstance(exception, SIGTERMException | KeyboardInterrupt):
            asked = interrupts.current.received
            cause = signal.Signals(asked[0]).name if asked else "another process was asked to stop"
        log.info("ended at step %d: %s", trainer.global_step, cause)


def finish(model: GAN, trainer: Trainer, folder: Path) -> None:
    """Leave the model's bundle and the report in the run's folder, and say where everything is."""
    for lines in callbacks_of_type(trainer, ScoreLines)[:1]:
        say_scores(lines, callbacks_of_type(trainer, Floors), folder / "checkpoints" / "best.ckpt")
    print(f"run folder:  {folder}\nsamples:     {folder / 'samples'}")
    bundles.leave(model, trainer, folder)
    reports.leave(folder)


def say_scores(lines: ScoreLines, floors: Sequence[Floors], checkpoint: Path) -> None:
    """Say which scores the last validation gave, which validation of the run gave the best, and if that is nothing."""
    print()
    if lines.last:
        print(f"scores:      {lines.last.text()} (step {lines.last.step})")
    if lines.best:
        where = f": {checkpoint}" if checkpoint.is_file() else ""
        name, value = next(iter(lines.best.scores.items()))
        print(f"best:        {name} {value:.4g} at step {lines.best.step}{where}")
        for each in floors:
            if each.name == name and each.found:
                print(f"beside:      {each}")
                if not each.is_a_result(value):
                    print("no result:   hardly better than blurred pictures; for more steps: --ckpt_path last")


def reason(trainer: Trainer) -> str:
    """Return why training is over, in a few words."""
    for stopper in callbacks_of_type(trainer, EarlyStopping):
        if stopper.stopping_reason_message:
            return f"early stopping, {stopper.stopping_reason_message}"
    if 0 <= trainer.max_steps <= trainer.global_step:
        return f"max_steps {trainer.max_steps} reached"
    left = [timer.time_remaining() for timer in callbacks_of_type(trainer, Timer)]
    if any(seconds is not None and seconds <= 0 for seconds in left):
        return "max_time reached"
    if trainer.max_epochs is not None and 0 <= trainer.max_epochs <= trainer.current_epoch:
        return f"max_epochs {trainer.max_epochs} reached"
    return "a callback asked for it"

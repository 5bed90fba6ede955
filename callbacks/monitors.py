"""What would make of a score one that it is not."""

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


def check_monitors(trainer: Trainer) -> None:
    """Raises MisconfigurationException for a ModelCheckpoint that would save later weights under a validation's score.

    Lightning keeps what a validation logged until the next one, and whoever saves in between reads it.
    """
    for each in trainer.checkpoint_callbacks:
        if not isinstance(each, ModelCheckpoint) or not (each.monitor or "").startswith("val/"):
            continue
        at_epochs = each._save_on_train_epoch_end and trainer.val_check_interval != 1.0
        if each._every_n_train_steps or each._train_time_interval or at_epochs:
            raise MisconfigurationException(
                f"a {type(each).__name__} that monitors {each.monitor} must save after validations only: "
                "save_on_train_epoch_end=False, and neither every_n_train_steps nor train_time_interval"
            )


def check_interval(trainer: Trainer, every_n_steps: int) -> None:
    """Raises MisconfigurationException where most validations that are due to be scored would never happen."""
    between = trainer.val_check_interval
    if trainer.check_val_every_n_epoch is None and isinstance(between, int) and between and every_n_steps % between:
        raise MisconfigurationException(
            f"scores.every_n_steps {every_n_steps} must be a multiple of trainer.val_check_interval, which is {between}"
        )

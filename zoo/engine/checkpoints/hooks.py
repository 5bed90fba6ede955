"""Methods of a model that save and load its part of a checkpoint."""

from typing import TYPE_CHECKING, Any

from lightning.pytorch.trainer.states import TrainerFn

from zoo.engine.checkpoints import trust
from zoo.engine.epochs import reopen_epoch

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule


def save(model: "AdversarialModule", checkpoint: dict[str, Any]) -> None:
    """Keep the model's name, so that no other is built from it, who moves next, and what the data is."""
    checkpoint["model_class"] = type(model).__name__
    checkpoint["schedule"] = model.schedule.state_dict()
    trainer = model._trainer
    if trainer is not None:
        reopen_epoch(checkpoint, trainer.num_training_batches)
        if model.is_scaled:
            checkpoint["data"] = trainer.datamodule.fingerprint()  # type: ignore[attr-defined]


def load(model: "AdversarialModule", checkpoint: dict[str, Any]) -> None:
    """Check all that a checkpoint holds, then take over how long the weights were trained and who moves next."""
    trainer = model._trainer
    to_train = trainer is not None and trainer.state.fn == TrainerFn.FITTING
    trust.check(checkpoint, model, "the checkpoint", to_train)
    if trainer is not None:
        trust.take_only_what_is_trusted(checkpoint, model, trainer)
    if to_train:
        trust.check_data(checkpoint, getattr(trainer, "datamodule", None))
    model.trained_steps = checkpoint["global_step"]
    model.schedule.load_state_dict(checkpoint["schedule"])
    if any(key.startswith("averaged.") for key in checkpoint["state_dict"]):
        model.averaged = model.new_average().to(model.device)

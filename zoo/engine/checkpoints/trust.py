"""Comparison of a checkpoint with what the model expects, before anything is loaded from it.

Tensors of another shape corrupt memory in fused optimizers, and Lightning lets a checkpoint choose paths: nothing here
is believed because the file says so.
"""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, Timer
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from zoo.engine.checkpoints.alike import check_alike, check_alike_tensor, check_counters
from zoo.engine.checkpoints.checkpoint_file import check_top, check_values, read_file
from zoo.engine.checkpoints.trusted_optimizers import check_optimizers
from zoo.engine.errors import CheckpointError

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule

#: What load_from_checkpoint takes beside hyperparameters.
LIGHTNINGS = "map_location", "hparams_file", "strict", "weights_only"
#: Whose callbacks' states are compared with what they would save; a user's own read theirs themselves.
KNOWN = "lightning", "callbacks"


def check(saved: dict[str, Any], model: "AdversarialModule", name: str, to_train: bool) -> None:
    """Raise CheckpointError unless the weights in a checkpoint are those of `model`, and its optimizers' to train it.

    Args:
        saved: the checkpoint.
        model: what is to be loaded.
        name: of the checkpoint, for the message.
        to_train: whether its optimizers, its schedule and its counters will be used too.
    """
    check_values(saved, name)
    check_top(saved, name)
    check_class(saved, type(model), name)
    check_size(saved, model, name)
    check_weights(saved["state_dict"], model, name)
    check_alike(saved["schedule"], model.schedule.state_dict(), f"{name}: schedule")
    check_counters(saved.get("loops", {}), f"{name}: loops")
    if to_train:
        check_optimizers(saved, model, name)


def check_size(saved: dict[str, Any], model: "AdversarialModule", name: str) -> None:
    """Raise CheckpointError for a checkpoint of more bytes than the weights, their average and two moments could be.

    A file with holes is small on a disk and large in memory.
    """
    most = sum(8 * value.numel() for value in model.state_dict().values() if isinstance(value, Tensor))
    if (size := bytes_of(saved)) > 4 * most + 2**24:
        raise CheckpointError(f"{name} holds {size:,} bytes, more than such a model could need")


def bytes_of(value: Any) -> int:
    """Return how many bytes all tensors in nested dictionaries and lists take."""
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return sum(map(bytes_of, children))


def check_class(saved: dict[str, Any], cls: type, name: str) -> None:
    """Raise CheckpointError unless a checkpoint is of a class."""
    if saved["model_class"] != cls.__name__:
        raise CheckpointError(
            f"{name} is of {saved['model_class']}, not of {cls.__name__}: zoo.load finds a checkpoint's class by itself"
        )


def checked_arguments(
    saved: dict[str, Any], cls: type["AdversarialModule"], name: str, changed: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments that a checkpoint's model is built with, once its weights are known to fit that model.

    The model is built without memory for its weights first, whatever sizes the file states. What a base class takes and
    the class itself does not, the class has chosen for itself. Raises CheckpointError.

    Args:
        saved: the checkpoint.
        cls: of the model.
        name: of the checkpoint, for the message.
        changed: arguments to replace.
    """
    taken = inspect.signature(cls).parameters
    makers = [vars(base)["__init__"] for base in cls.__mro__ if "__init__" in vars(base) and base is not object]
    inherited = {each for maker in makers for each in inspect.signature(maker).parameters}
    takes_any = any(each.kind == inspect.Parameter.VAR_KEYWORD for each in taken.values())
    left_out = set() if takes_any else inherited - set(taken)
    held = {key: value for key, value in saved["hyper_parameters"].items() if key[:1] != "_" and key not in left_out}
    arguments = held | changed
    try:
        with torch.device("meta"):
            check(saved, cls(**arguments), name, to_train=False)
    except (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"{name}: no model with its arguments: {str(error).splitlines()[0]}") from error
    return arguments


def check_file(path: Path, cls: type["AdversarialModule"], options: dict[str, Any] | None) -> None:
    """Raise CheckpointError unless a file is a checkpoint of a class, and its weights fit the model it describes.

    Args:
        path: of the file.
        cls: of the model.
        options: of load_from_checkpoint; None where the model is described elsewhere, by the caller.
    """
    saved = read_file(path)
    check_top(saved, str(path))
    check_class(saved, cls, str(path))
    if options is not None:
        changed = {key: value for key, value in options.items() if key not in LIGHTNINGS}
        checked_arguments(saved, cls, str(path), changed)


def check_data(saved: dict[str, Any], data: Any) -> None:
    """Raise an error of the data module's where training would go on with other images than it began with.

    Args:
        saved: a checked checkpoint; one of an earlier version has its record of the data under the module's name.
        data: the data module, or None where the trainer was given a loader: nothing is known of that.
    """
    if not hasattr(data, "check_fingerprint"):
        return
    earlier = [value for key, value in saved.items() if key.endswith("DataModule") and isinstance(value, dict)]
    if isinstance(record := saved.get("data", earlier[0] if earlier else {}), dict):
        data.check_fingerprint(record)


def check_weights(weights: Mapping[str, Any], model: "AdversarialModule", name: str) -> None:
    """Raise CheckpointError unless names, shapes and kinds of number are the model's, and all are finite."""
    expected = model.state_dict()
    if any(key.startswith("averaged.") for key in weights) and model.averaged is None:
        average = model.new_average().state_dict()
        expected |= {f"averaged.{key}": value for key, value in average.items()}
    if different := sorted(expected.keys() ^ weights.keys()):
        side = "has no" if different[0] in expected else "has an unknown"
        raise CheckpointError(f"{name}: the checkpoint {side} {different[0]}")
    for key, value in expected.items():
        if isinstance(value, Tensor):
            check_alike_tensor(weights[key], value, f"{name}: {key}")
        else:
            check_alike(weights[key], value, f"{name}: {key}")
    extra = weights.get("averaged._extra_state", {})  # plain numbers, as was looked at above
    if any(value < 0 for value in extra.values()) or not extra.get("decay", 0.0) < 1:
        held = " and ".join(f"{key} {value}" for key, value in extra.items())
        raise CheckpointError(f"{name}: averaged has {held}")


def take_only_what_is_trusted(saved: dict[str, Any], model: "AdversarialModule", trainer: Trainer) -> None:
    """Change a checked checkpoint so that it chooses no path and no rate, before Lightning reads it.

    A resumed run's best is its own, in its own folder. The optimizers' options are the configuration's. What else is
    loaded has the keys and the types that this run would save itself. Raises CheckpointError.
    """
    held = saved.get("callbacks", {})
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, ModelCheckpoint):
            held.pop(callback.state_key, None)
            held.pop(callback._legacy_state_key, None)
        elif held.get(callback.state_key) and (
            isinstance(callback, EarlyStopping | Timer) or type(callback).__module__.split(".")[0] in KNOWN
        ):
            check_alike(held[callback.state_key], callback.state_dict(), f"the checkpoint's {callback.state_key}")
    plugin = trainer.precision_plugin
    saved.pop("native_amp_scaling_state", None)
    if type(plugin).__qualname__ in saved:
        check_alike(saved[type(plugin).__qualname__], plugin.state_dict(), "the checkpoint's gradient scaler")
    if trainer.state.fn != TrainerFn.FITTING:
        return
    for state, optimizer in zip(saved["optimizer_states"], model.configure_optimizers(), strict=True):
        state["param_groups"] = optimizer.state_dict()["param_groups"]
    check_alike(saved["loops"].get("fit_loop"), trainer.fit_loop.state_dict(), "the checkpoint's loops.fit_loop")
    counted = saved["loops"]["fit_loop"]["epoch_loop.manual_optimization.optim_step_progress"]["total"]["completed"]
    if counted != saved["global_step"]:
        raise CheckpointError(f"the checkpoint says {saved['global_step']} steps and counts {counted}")

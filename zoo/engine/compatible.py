"""Options of Lightning that do not fit manual optimization of two players: refused in one line, before training.

Everything else of the Trainer and of Lightning's callbacks works here; `tests/test_compatible.py` has the whole table.
"""

from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy

AVERAGE = "--model.init_args.average '{name: steps, decay: 0.999}' averages the generator"
FINETUNING = "a GAN has no backbone to freeze: train from a checkpoint, or with a critic_optimizer of rate 0"

#: Callbacks of Lightning that are refused, and what to do instead.
CALLBACKS = {
    "BackboneFinetuning": FINETUNING,
    "BaseFinetuning": FINETUNING,
    "BatchSizeFinder": "its trials would train two players out of step: set --data.init_args.batch_size",
    "EMAWeightAveraging": AVERAGE,
    "GradientAccumulationScheduler": "--model.init_args.accumulate cuts a batch, for both players",
    "LearningRateFinder": "a GAN has two rates: set generator_optimizer.lr and critic_optimizer.lr",
    "ModelPruning": "it renames weights, so no checkpoint would fit the model: prune a trained generator instead",
    "OnExceptionCheckpoint": "it would save a step half done: last.ckpt keeps the last whole step",
    "SpikeDetection": "a step of two players returns no loss: the guard watches both (--guard.stop true)",
    "StochasticWeightAveraging": AVERAGE,
    "WeightAveraging": AVERAGE,
}

#: Options of the Trainer, the values of them that are refused, and what to do instead.
OPTIONS: dict[str, tuple[Any, str]] = {
    "accumulate_grad_batches": (lambda n: n != 1, "--model.init_args.accumulate cuts a batch, for both players"),
    "gradient_clip_val": (bool, "no gradients are clipped here: lower a rate, or take WGAN-GP"),
    "gradient_clip_algorithm": (bool, "no gradients are clipped here: lower a rate, or take WGAN-GP"),
    "overfit_batches": (bool, "to train on few images give few: --trainer.limit_train_batches, or a folder of them"),
    "model_registry": (bool, "checkpoints are files here: --ckpt_path"),
    "barebones": (bool, "--loggers [] --trainer.enable_checkpointing false takes away what costs time"),
}

#: The strategies that train two players; a name of another one, and what to do instead.
STRATEGIES = "auto", "ddp", "ddp_find_unused_parameters_true", "single_device"
OTHER_STRATEGY = "one device or ddp trains both players: --trainer.devices 2 is enough"


def check_options(options: dict[str, Any]) -> None:
    """Raise MisconfigurationException for options of the Trainer that are refused, by their names."""
    for name, (is_refused, advice) in OPTIONS.items():
        if (value := options.get(name)) is not None and is_refused(value):
            raise MisconfigurationException(f"trainer.{name} {value} does not fit a GAN: {advice}")
    strategy = options.get("strategy")
    if isinstance(strategy, str) and strategy not in STRATEGIES:
        raise MisconfigurationException(
            f"trainer.strategy must be one of {', '.join(STRATEGIES)}; got {strategy!r}: {OTHER_STRATEGY}"
        )
    if str(options.get("precision")).startswith("transformer-engine"):
        raise MisconfigurationException(
            "trainer.precision: give 32-true, bf16-mixed or 16-mixed; there are no transformers"
        )


def check_trainer(trainer: Trainer) -> None:
    """Raise MisconfigurationException for a Trainer that cannot train a GAN, before it does anything."""
    check_options({name: getattr(trainer, name, None) for name in OPTIONS if name != "barebones"})
    check_devices(trainer)
    check_steps(trainer)
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for cls in type(callback).__mro__:
            if cls.__module__.startswith("lightning.") and cls.__name__ in CALLBACKS:
                raise MisconfigurationException(
                    f"{type(callback).__name__} does not fit a GAN: {CALLBACKS[cls.__name__]}"
                )


def check_devices(trainer: Trainer) -> None:
    """Raise MisconfigurationException for processes that cannot train two players by turns."""
    strategy = trainer.strategy
    if not isinstance(strategy, DDPStrategy | SingleDeviceStrategy) or (
        isinstance(strategy, DDPStrategy) and strategy._start_method not in (None, "popen")
    ):
        raise MisconfigurationException(f"{type(strategy).__name__} does not fit a GAN: {OTHER_STRATEGY}")
    if type(strategy) is DDPStrategy and not strategy._ddp_kwargs.get("find_unused_parameters"):
        raise MisconfigurationException("one player moves at a time: strategy must be ddp_find_unused_parameters_true")
    if trainer._accelerator_connector._layer_sync is not None and isinstance(trainer.accelerator, CPUAccelerator):
        raise MisconfigurationException("trainer.sync_batchnorm needs GPUs: leave it out")


def check_steps(trainer: Trainer) -> None:
    """Raise MisconfigurationException for a number of steps that cannot be."""
    if 0 <= trainer.max_steps < (trainer.min_steps or 0):
        raise MisconfigurationException(f"trainer.min_steps {trainer.min_steps} is above max_steps {trainer.max_steps}")
    for name in ("limit_train_batches", "max_steps"):
        if getattr(trainer, name) == 0:
            raise MisconfigurationException(f"trainer.{name} 0: nothing would be trained")

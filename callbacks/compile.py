"""Compiled training."""

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from torch.nn.modules.batchnorm import _BatchNorm

from zoo.engine.compiled import compiled
from zoo.engine.module import AdversarialModule
from zoo.networks import is_random


class Compile(Callback):
    """Train through torch.compile: the same run up to rounding, in fewer and larger kernels.

    On a GPU the graphs are CUDA graphs: for small networks there, whose kernels take longer to launch than to run.
    On a CPU it hardly pays (docs/speed.md). The first step takes a minute or so, and needs a C++ compiler.

    Args:
        losses: whether the losses are compiled, with their gradients and the generator's images.

    Raises:
        MisconfigurationException: on several devices, with accumulate, or with batch norm or dropout under the gradient
            penalty.
        zoo.engine.compiled.CompileError: torch.compile cannot do it.
    """

    def __init__(self, losses: bool = False) -> None:
        self.losses = losses

    def is_needed(self, model: AdversarialModule, command: str) -> bool:
        """Return whether anything is compiled."""
        return self.losses

    def on_fit_start(self, trainer: Trainer, pl_module: AdversarialModule) -> None:
        """Put graphs in the functions' places."""
        pl_module.compiled = None  # of a run that failed
        if not self.losses:
            return
        if trainer.world_size > 1:
            raise MisconfigurationException("compile.losses is for one device: leave it out, or train on one")
        if pl_module.needs_second_order:
            if any(isinstance(part, _BatchNorm) for part in pl_module.critic.modules()):
                raise MisconfigurationException("compile.losses: torch.func cannot take the penalty through batch norm")
            if is_random(pl_module.critic):  # torch.func would draw other masks
                raise MisconfigurationException("compile.losses is not for a gradient penalty through dropout")
        if pl_module.accumulate > 1:
            raise MisconfigurationException("compile.losses is for whole batches: accumulate must be 1")
        pl_module.compiled = compiled(pl_module.graphs, pl_module.observed)

    def on_fit_end(self, trainer: Trainer, pl_module: AdversarialModule) -> None:
        """Leave the model as it was."""
        pl_module.compiled = None

    def on_exception(self, trainer: Trainer, pl_module: AdversarialModule, exception: BaseException) -> None:
        """Leave the model as it was."""
        self.on_fit_end(trainer, pl_module)

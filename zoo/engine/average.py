"""Generator averaging (Yazıcı et al., The Unusual Effectiveness of Averaging in GAN Training, arXiv:1806.04498)."""

from copy import deepcopy
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

M = TypeVar("M", bound=nn.Module)


class MovingAverage(nn.Module, Generic[M]):
    """The exponential moving average of a module's weights and of its batch norms' running statistics.

    torch's own AveragedModel waits for the device at each update, and its average is still a tenth of the first weights
    after 2,300 updates with decay 0.999; this one's decay is n / (n + 9) until that reaches `decay`.

    Args:
        module: what is copied now, and averaged from its next update on.
        decay: of the average, in [0, 1): it looks back over about 1 / (1 - decay) updates.
    """

    def __init__(self, module: M, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        super().__init__()
        self.module: M = deepcopy(module).requires_grad_(False)
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, module: M) -> None:
        """Take in `module` as it is now: its weights and batch norm's running statistics; other buffers are copied.

        A mean of spectral norm's vectors, or of counts, is none; a mean of constants drifts.
        """
        decay = min(self.decay, self.updates / (self.updates + 9))
        self.updates += 1
        (ours, held), (theirs, given) = (averaged_and_copied(each) for each in (self.module, module))
        get_ema_multi_avg_fn(decay)(ours, theirs, self.updates)
        for own, their in zip(held, given, strict=True):
            own.copy_(their)

    def get_extra_state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"decay": self.decay, "updates": self.updates}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.decay, self.updates = state["decay"], state["updates"]


def averaged_and_copied(module: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return a module's tensors of which a mean is taken, and those that are only copied, always in the same order."""
    statistics = running_statistics(module)
    known = {id(each) for each in statistics}
    weights = [weight.detach() for weight in module.parameters()]
    return [*weights, *statistics], [buffer for buffer in module.buffers() if id(buffer) not in known]


def running_statistics(module: nn.Module) -> list[Tensor]:
    """Return the running means and variances of a module's norms, always in the same order."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._NormBase)]
    return [each for norm in norms for each in (norm.running_mean, norm.running_var) if each is not None]

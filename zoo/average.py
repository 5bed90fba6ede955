"""Generator averaging (Yazıcı et al., The Unusual Effectiveness of Averaging in GAN Training, arXiv:1806.04498)."""

from copy import deepcopy
from typing import Any, Generic, TypeVar

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

M = TypeVar("M", bound=nn.Module)


class MovingAverage(nn.Module, Generic[M]):
    """The exponential moving average of a module's parameters and buffers.

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
        """Takes in `module` as it is now. Integers, such as batch norm's count of batches, are copied."""
        decay = min(self.decay, self.updates / (self.updates + 9))
        self.updates += 1
        ours, theirs = ([*each.parameters(), *each.buffers()] for each in (self.module, module))
        pairs = list(zip(ours, theirs, strict=True))
        floats = [(own, their.detach()) for own, their in pairs if own.is_floating_point()]
        get_ema_multi_avg_fn(decay)([own for own, _ in floats], [their for _, their in floats], self.updates)
        for own, their in pairs:
            if not own.is_floating_point():
                own.copy_(their)

    def get_extra_state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"decay": self.decay, "updates": self.updates}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.decay, self.updates = state["decay"], state["updates"]

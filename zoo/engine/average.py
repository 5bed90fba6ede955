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
    after 2,300 updates with decay 0.999; this one's decay is n / (n + warmup) until that reaches `decay`.

    Args:
        module: what is copied now, and averaged from its next update on.
        decay: of the average, in [0, 1): it looks back over about 1 / (1 - decay) updates.
        warmup: updates; 0 has the full decay from the first update on.
        start: the update, from 1, with which warmup and averaging begin; before it, the average is a copy.
    """

    def __init__(self, module: M, decay: float = 0.999, warmup: int = 9, start: int = 0) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        if warmup < 0 or start < 0:
            raise ValueError(f"warmup and start must be at least 0, got {warmup} and {start}")
        super().__init__()
        self.module: M = deepcopy(module).requires_grad_(False)
        self.decay, self.warmup, self.start, self.updates = decay, warmup, start, 0

    def next_decay(self, images: int) -> float:
        """Return the decay of an update after `images` more images, and count it."""
        begun = self.updates - max(self.start - 1, 0)
        self.updates += 1
        if begun < 0:
            return 0.0
        warm = begun / (begun + self.warmup) if self.warmup else 1.0
        return min(self.decay, warm)

    @torch.no_grad()
    def update(self, module: M, images: int = 0) -> None:
        """Take in `module` as it is now: its weights and batch norm's running statistics; other buffers are copied.

        A mean of spectral norm's vectors, or of counts, is none; a mean of constants drifts.

        Args:
            module: as the one given to the constructor.
            images: that the generator has made for this update, on all processes.
        """
        decay = self.next_decay(images)
        (ours, held), (theirs, given) = (averaged_and_copied(each) for each in (self.module, module))
        get_ema_multi_avg_fn(decay)(ours, theirs, self.updates)
        for own, their in zip(held, given, strict=True):
            own.copy_(their)

    def get_extra_state(self) -> dict[str, Any]:
        """Return the count, for a checkpoint."""
        return {"decay": self.decay, "updates": self.updates}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the count from a checkpoint."""
        self.decay, self.updates = state["decay"], state["updates"]


class HalfLifeAverage(MovingAverage[M]):
    """A moving average whose memory is counted in images, so that it is the same at any batch size (arXiv:1812.04948).

    An image's weight halves after `half_life` images; at first after `ramp_up` times the images seen so far.

    Args:
        module: see MovingAverage.
        half_life: in images, above 0.
        ramp_up: a share; None has the full half-life from the first update on. StyleGAN2-ADA's is 0.05.
    """

    def __init__(self, module: M, half_life: float, ramp_up: float | None = None) -> None:
        if not 0 < half_life < float("inf") or not (ramp_up is None or ramp_up > 0):
            raise ValueError(f"half_life and ramp_up must be above 0, got {half_life} and {ramp_up}")
        super().__init__(module, decay=0.0)
        self.half_life, self.ramp_up, self.images = half_life, ramp_up, 0

    def next_decay(self, images: int) -> float:
        """Return the share of the old average in the next one; see the class."""
        half_life = self.half_life
        if self.ramp_up is not None:
            half_life = min(half_life, self.ramp_up * self.images)
        self.images += images
        self.updates += 1
        return float(0.5 ** (images / max(half_life, 1e-8)))

    def get_extra_state(self) -> dict[str, Any]:
        """Return the counts, for a checkpoint."""
        return {"updates": self.updates, "images": self.images}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Take the counts from a checkpoint."""
        self.updates, self.images = state["updates"], state["images"]


#: Which average, by the `name` in the model's option `average`; the other keys are its arguments.
AVERAGES: dict[str, type[MovingAverage[Any]]] = {"steps": MovingAverage, "images": HalfLifeAverage}


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

"""The variation of samples and of a critic's outputs over one validation, beside real images."""

import torch
from lightning.pytorch import Trainer
from torch import Tensor


class Diversity:
    """The pixels' variance over samples and over real images, and how far a critic's outputs lie apart.

    Shapes: real, fake: [N, C, H, W], as many batches as there are; outputs: [N], of the critic on images of both kinds.
    Every rank must ask for what it is about the whole.
    """

    def __init__(self) -> None:
        self.moments: dict[str, list[Tensor]] = {}
        self.range: Tensor | None = None

    def add(self, real: Tensor, fake: Tensor) -> None:
        """Add a batch: count, sum and sum of squares of each pixel."""
        for name, images in (("real", real), ("fake", fake)):
            pixels = images.detach().double().flatten(1)
            new = [torch.tensor(float(len(pixels)), device=pixels.device), pixels.sum(0), pixels.square().sum(0)]
            old = self.moments.get(name)
            self.moments[name] = [a + b for a, b in zip(old, new, strict=True)] if old else new

    def add_outputs(self, outputs: Tensor) -> None:
        """Add the critic's outputs on a batch."""
        outputs = outputs.detach().double()
        self.range = torch.stack([outputs.max() - outputs.min(), outputs.abs().max()])

    def share(self, trainer: Trainer) -> float:
        """Return the samples' variance as a share of the real images'; 1 where nothing was added."""
        if not self.moments:
            return 1.0
        real, fake = (variance(*(total(trainer, part) for part in self.moments[name])) for name in ("real", "fake"))
        return fake / max(real, 1e-12)

    def is_constant(self, trainer: Trainer) -> bool:
        """Return whether the critic's outputs are all the same but for rounding, a millionth of the largest."""
        if self.range is None:
            return False
        apart, largest = total(trainer, self.range).tolist()
        return bool(apart <= 1e-6 * largest)


def variance(count: Tensor, sums: Tensor, squares: Tensor) -> float:
    """Compute the mean over P pixels of the variance over images, from count [], sums and sums of squares [P]."""
    return float((squares / count - (sums / count).square()).clamp(min=0).mean())


def total(trainer: Trainer, value: Tensor) -> Tensor:
    """Return the sum over all ranks, each of which must ask."""
    summed: Tensor = trainer.strategy.reduce(value, reduce_op="sum")
    return summed

"""Generator averaging."""

from lightning.pytorch import Callback, Trainer

from zoo.engine.module import AdversarialModule


class GeneratorEMA(Callback):
    """Average the generator, and the prior with it, over their updates; samples and scores come from the average.

    The average belongs to the model (`zoo.engine.average.MovingAverage`): it is in the checkpoint, goes on when a run
    is resumed, and is used wherever the checkpoint is. The critic meets the generator itself.

    Args:
        decay: of the average: 0.999 looks back over about 1,000 updates. By default a model without an average gets
            none.
    """

    def __init__(self, decay: float | None = None) -> None:
        if decay is not None and not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay = decay

    def is_needed(self, model: AdversarialModule, command: str) -> bool:
        """Return whether there is an average to begin."""
        return self.decay is not None

    def on_fit_start(self, trainer: Trainer, pl_module: AdversarialModule) -> None:
        """Begin to average, or go on; on the device, and with what a checkpoint brought."""
        if self.decay is not None:
            pl_module.average(self.decay)

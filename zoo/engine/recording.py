"""What a model tells of itself while it is trained: values of a step, as tensors until a step is logged."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from zoo.engine.sampling import GenerativeModule


class RecordingModule(GenerativeModule):
    """A model whose losses observe what they compute, and whose trainer's loggers get it at x = rounds made."""

    def __init__(self) -> None:
        super().__init__()
        self.observed: dict[str, Tensor] = {}
        self.is_logged = False  # whether all that is observed has been
        self.observing = True
        self.portion = 0  # of the batch, where it goes through the networks in several

    @property
    def is_logged_step(self) -> bool:
        """Whether losses are logged at this step, one in `trainer.log_every_n_steps` and the last."""
        every = int(getattr(self.trainer, "log_every_n_steps", 50))
        return every > 0 and (self.global_step % every == 0 or self.global_step == self.trainer.max_steps)

    def observe(self, **values: Tensor) -> None:
        """Keeps values as tensors: nothing waits for the device until a step is logged, and then the last ones are.

        What is observed for each portion of a batch is averaged.
        """
        for name, value in values.items() if self.observing else ():
            value = value.detach()
            self.observed[name] = (
                torch.lerp(self.observed[name], value, 1 / (self.portion + 1)) if self.portion else value
            )

    def forget_logged(self) -> None:
        """Begin anew once all that was observed is logged: what falls between logged steps waits for the next one."""
        if self.is_logged:
            self.observed.clear()
            self.is_logged = False

    @contextmanager
    def unobserved(self) -> Iterator[None]:
        """Within, losses are computed to decide something: what they observe is no value of the step."""
        self.observing = False
        try:
            yield
        finally:
            self.observing = True

    def record(self, values: Mapping[str, Tensor | float]) -> None:
        """Logs values at x = global_step, the rounds made, to every logger, bar and monitor.

        `self.log` would count x from 0, and log again what was logged once (at every logged step until the epoch ends).
        """
        tensors = {name: value.detach().float() for name, value in values.items() if isinstance(value, Tensor)}
        numbers: dict[str, Any] = {}
        if tensors:
            numbers = dict(zip(tensors, torch.stack([*tensors.values()]).tolist(), strict=True))
        for logger in self.trainer.loggers:
            logger.log_metrics({name: numbers.get(name, value) for name, value in values.items()}, self.global_step)
            logger.save()  # a file's own rhythm looks at step + 1
        self.trainer.callback_metrics.update({name: torch.as_tensor(value) for name, value in values.items()})

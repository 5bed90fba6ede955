"""Schedules, which say who moves next: `Alternate`, and DeLiGAN's three rules by which the generator's loss decides.

A schedule is a state machine without tensors: who moves follows from the generator's loss and the state alone. Call
`begin_epoch` before each pass over the data, `begin_batch` before each batch, then `moves_generator` `moves` times.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from zoo.engine.arguments import check_name, check_named
from zoo.engine.building import beside_name
from zoo.engine.schedule import Schedule


class Alternate(Schedule):
    """`critic_steps` moves of the critic, then `generator_steps` of the generator.

    Args:
        critic_steps: at least 1.
        generator_steps: at least 1.
    """

    reads_loss = False
    variables = ("made",)

    def __init__(self, critic_steps: int = 1, generator_steps: int = 1) -> None:
        for name, value in (("critic_steps", critic_steps), ("generator_steps", generator_steps)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.critic_steps, self.moves = critic_steps, critic_steps + generator_steps
        self.made = 0

    def begin_batch(self) -> None:
        """Forget moves that an exception cut short."""
        self.made = 0

    def moves_generator(self, generator_loss: float = 0.0) -> bool:
        """Return True for the generator's moves, after the critic's."""
        is_generator = self.made >= self.critic_steps
        self.made = (self.made + 1) % self.moves
        return is_generator


class ToyThreshold(Schedule):
    """DeLiGAN's rule for its toy (dg_toy.py): the generator moves while its loss is above a threshold.

    `balance` is the generator's moves less the critic's, since the threshold last changed. The threshold rises when
    the generator has moved too often and falls, down to `floor`, when the critic has. At the floor `balance` is no
    longer reset, and once it is below -1000 each epoch lowers the floor itself, from 0.73 to 0.70.
    """

    moves = 5
    redraws = False
    variables = ("threshold", "floor", "balance")

    def __init__(self) -> None:
        self.threshold, self.floor, self.balance = 1.0, 0.73, 0

    def begin_epoch(self) -> None:
        """Lower the floor."""
        if self.balance < -1000:
            self.floor = max(self.floor - 0.005, 0.70)

    def begin_batch(self) -> None:
        """Move the threshold."""
        if self.balance > 10:
            self.threshold, self.balance = min(self.threshold + 0.01, 1.0), 0
        if self.balance < -150 and self.threshold > self.floor:
            self.threshold, self.balance = max(self.threshold - 0.001, self.floor), 0

    def moves_generator(self, generator_loss: float) -> bool:
        """Return True above the threshold."""
        generator = generator_loss > self.threshold
        self.balance += 1 if generator else -1
        return generator


class MNISTThreshold(Schedule):
    """DeLiGAN's rule for MNIST (dg_mnist.py): the threshold follows the player that moves several times in a row.

    More than 3 moves of the generator in a row raise it by 0.003, up to 1; more than 1 of the critic lower it by as
    much, down to 0.70. Runs go on across batches, are looked at between them only, and start anew when they have moved
    the threshold, even where it is already at its end. The loss is taken in inference mode.
    """

    moves = 5
    most = 3
    variables = ("threshold", "generator_run", "critic_run")

    def __init__(self) -> None:
        self.threshold, self.generator_run, self.critic_run = 1.0, 0, 0

    def begin_batch(self) -> None:
        """Move the threshold."""
        if self.generator_run > self.most:
            self.threshold, self.generator_run = min(self.threshold + 0.003, 1.0), 0
        if self.critic_run > 1:
            self.threshold, self.critic_run = max(self.threshold - 0.003, 0.70), 0

    def moves_generator(self, generator_loss: float) -> bool:
        """Return True above the threshold."""
        generator = generator_loss > self.threshold
        self.generator_run = self.generator_run + 1 if generator else 0
        self.critic_run = 0 if generator else self.critic_run + 1
        return generator


class SketchesThreshold(MNISTThreshold):
    """DeLiGAN's rule for sketches (dg_sketches.py): that for MNIST, but for three things.

    More than 5 moves of the generator in a row raise the threshold, and then a batch begins with one move more, the
    critic's, at half of the learning rate, which counts in no run. The loss is that of training, noise and dropout on.
    It is taken anew at a batch's beginning and after the critic's moves: after its own move the generator goes by the
    loss from before that move, and after the additional one by that from before it.
    """

    in_training_mode = True
    most = 5

    def __init__(self) -> None:
        super().__init__()
        self.begins_with_critic = self.keeps_loss = False

    def begin_batch(self) -> None:
        """Move the threshold."""
        self.begins_with_critic = self.generator_run > self.most
        self.moves = 6 if self.begins_with_critic else 5
        super().begin_batch()

    @property
    def rate(self) -> float:
        """Return one half for the additional move."""
        return 0.5 if self.begins_with_critic else 1.0

    def moves_generator(self, generator_loss: float) -> bool:
        """Return True above the threshold, but for the additional move."""
        if self.begins_with_critic:
            self.begins_with_critic, self.keeps_loss = False, True
            return False
        self.keeps_loss = super().moves_generator(generator_loss)
        return self.keeps_loss


SCHEDULES: dict[str, type[Schedule]] = {
    "alternate": Alternate,
    "deligan_toy": ToyThreshold,
    "deligan_mnist": MNISTThreshold,
    "deligan_sketches": SketchesThreshold,
}


def rule_of(schedule: str | dict[str, Any]) -> dict[str, Any]:
    """Return the option `schedule` as a dictionary with a name. Raise ValueError for a name that is none."""
    if isinstance(schedule, str):
        check_name("schedule", schedule, SCHEDULES)
        return {"name": schedule}
    check_named("schedule", schedule, SCHEDULES)
    return schedule


def build_schedule(rule: Mapping[str, Any], critic_steps: int) -> Schedule:
    """Build the schedule with a name of SCHEDULES and its own options; `alternate` has the model's critic steps.

    Raises ValueError for an option that it does not have.
    """
    cls = SCHEDULES[rule["name"]]
    options = beside_name(rule)
    taken = [name for name in inspect.signature(cls).parameters if name != "critic_steps"]
    if unknown := sorted(options.keys() - taken):
        raise ValueError(
            f"schedule {rule['name']} has no option {unknown[0]!r}; it takes: {', '.join(taken) or 'none'}"
        )
    if cls is Alternate:
        options["critic_steps"] = critic_steps
    return cls(**options)


__all__ = [
    "SCHEDULES",
    "Alternate",
    "MNISTThreshold",
    "Schedule",
    "SketchesThreshold",
    "ToyThreshold",
    "build_schedule",
    "rule_of",
]

"""The base of every model: two players and their calls, samples, evaluation, records, checkpoints.

Shapes: images [N, C, H, W] in [-1, 1]; latents z [N, D]; labels [N]; critic outputs [N].
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from zoo.engine import evaluation, loop
from zoo.engine.average import AVERAGES, MovingAverage
from zoo.engine.building import build_named
from zoo.engine.checkpoints import hooks
from zoo.engine.compiled import Graphs
from zoo.engine.observations import Observations
from zoo.engine.optimizers import OptimizerConfig, build_optimizer
from zoo.engine.paper import Paper
from zoo.engine.players import Players
from zoo.engine.regulariser import CRITIC, GENERATOR, correction
from zoo.engine.sampler import Sampler
from zoo.engine.schedule import Schedule
from zoo.engine.standing import StandingStatistics


class AdversarialModule(Players, Paper, LightningModule):
    """Two players, one optimizer each, and a schedule that says who moves: see `zoo.engine.loop`."""

    if TYPE_CHECKING:
        hparams: Any  # what Lightning's is declared as has no attributes

    # What a model provides.
    image_shape: tuple[int, ...]
    schedule: Schedule
    optimizer_configs: tuple[OptimizerConfig, OptimizerConfig]
    critic_steps: int
    lr_decay: list[int] | None
    repeats_draws: Callable[[int], bool]
    making_fakes: Callable[[], AbstractContextManager[None]]
    accumulate: int
    average_options: dict[str, Any] | None
    sampling: dict[str, Any]
    extras: Any  # a ModuleList of `zoo.regularisers.Extra`

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.averaged: MovingAverage[Sampler] | None = None
        self.standing = StandingStatistics()
        self.compiled: Graphs | None = None
        self.observations = Observations()
        self.is_first_batch, self.is_scaled = True, False  # is_scaled: a data module of ours gives the images
        self.looked_at = 0  # images of this rank, in an evaluation's loader
        self.trained_steps = 0  # of these weights, also where they were loaded for a test

    def look_once(self) -> None:
        """Compute, when all is built, what would take time in each step."""
        self.critic_takes_labels = getattr(self.critic, "num_labels", None) is not None
        self.generator_takes_labels = getattr(self.generator, "num_labels", None) is not None
        self.terms = [*self.regularisers, *(each.of(self) for each in self.extras)]
        self.has_lazy_regularisers = any(each.every > 1 for each in self.terms)
        self.always_regularised = [
            any(each.player == player and each.every == 1 for each in self.terms) for player in (CRITIC, GENERATOR)
        ]

    # -- training --

    @property
    def graphs(self) -> Graphs:
        """Return what updates compute; compiled where callbacks.Compile made it so."""
        return self.compiled or Graphs(self.images_of, self.critic_terms, self.adversarial)

    def adapt_all(self) -> None:
        """Move what learns from the step without an optimizer: an augmentation, regularisers, the paper's own."""
        with torch.no_grad():
            if self.augment is not None:
                self.observe(**self.augment.adapt(self.sum_over_ranks))
            for each in self.extras:
                each.adapt(self)
            self.adapt()

    @property
    def batches_per_step(self) -> int:
        """Return how many batches of images one training step consumes."""
        return self.critic_steps

    def sum_over_ranks(self, value: Tensor) -> Tensor:
        """Return the sum over all processes, each of which must ask."""
        total: Tensor = self.trainer.strategy.reduce(value, reduce_op="sum")
        return total

    def mean_over_ranks(self, value: Tensor) -> Tensor:
        """Return the mean over all processes, each of which must ask."""
        mean: Tensor = self.trainer.strategy.reduce(value, reduce_op="mean")
        return mean

    # -- what it tells --

    @property
    def observed(self) -> dict[str, Tensor]:
        """Return what the losses observed since the last logged step, by name."""
        return self.observations.values

    @property
    def is_logged_step(self) -> bool:
        """Return whether losses are logged at this step, one in `trainer.log_every_n_steps` and the last."""
        every = int(getattr(self.trainer, "log_every_n_steps", 50))
        return every > 0 and (self.global_step % every == 0 or self.global_step == self.trainer.max_steps)

    def observe(self, **values: Tensor) -> None:
        """Keep values of a step: see `zoo.engine.observations`."""
        self.observations.add(values)

    def log_observed(self) -> None:
        """Log what was observed."""
        self.observe(**self.prior.describe())
        self.record({f"train/{name}": value for name, value in self.observed.items()})
        self.observations.are_logged = True

    # -- samples --

    @property
    def sampler(self) -> Sampler:
        """Return what makes images, as it is trained."""
        return Sampler(self.prior, self.generator)

    @property
    def averaged_sampler(self) -> Sampler:
        """Return the average where there is one, else the sampler."""
        return self.sampler if self.averaged is None else self.averaged.module

    @property
    def trained_sampler(self) -> Sampler:
        """Return what `sample` uses: the average if there is one, with standing statistics if they are asked for."""
        return self.standing.of(self.averaged_sampler, self.sampling)

    def new_average(self) -> MovingAverage[Sampler]:
        """Return an average that begins now, as the option `average` says."""
        return build_named(AVERAGES, self.average_options or {"name": "steps"}, self.sampler)

    # -- what is written elsewhere --

    training_step = loop.training_step
    update_critic = loop.update_critic
    update_generator = loop.update_generator
    regularise = loop.regularise
    current_generator_loss = loop.current_generator_loss
    descend = loop.descend
    validation_step = test_step = evaluation.evaluation_step
    predict_step = evaluation.predict_step
    forward = evaluation.forward
    sample = evaluation.sample
    numbered = evaluation.numbered
    record = evaluation.record
    on_save_checkpoint = hooks.save
    on_load_checkpoint = hooks.load

    # -- Lightning's hooks --

    def on_validation_end(self) -> None:
        """Take the x of the validation's scores back, so that it never names a later checkpoint."""
        self.trainer.callback_metrics.pop("step", None)

    def on_fit_start(self) -> None:
        """Look at the first batch of every fit; leave the evaluation mode in which a model is loaded."""
        self.is_first_batch = True
        if not self.training:  # Lightning would train it so
            self.train()
        if self.averaged is None and self.average_options:
            self.averaged = self.new_average()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Build the critic's, then the generator's, which also trains the prior."""
        players = zip(self.optimizer_configs, self.players, (CRITIC, GENERATOR), strict=True)
        return [
            build_optimizer(config, player.parameters(), correction(self.terms, which))
            for config, player, which in players
        ]

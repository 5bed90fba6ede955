"""The loop that all models share: who moves, what is counted and drawn.

Shapes: images [N, C, H, W] in [-1, 1]; latents [N, D]; critic outputs [N].
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from zoo.engine.compiled import Graphs
from zoo.engine.errors import BatchError
from zoo.engine.inputs import Scaled, check_batch_norm, check_images, check_range, images_of, warn_of_places
from zoo.engine.optimizers import decayed
from zoo.engine.randomness import run_seed, seed_draws
from zoo.engine.recording import RecordingModule
from zoo.engine.sampling import evaluating
from zoo.engine.statistics import share_statistics
from zoo.schedules import Schedule

CRITIC, GENERATOR = 0, 1  # the order of the optimizers


class AdversarialLoop(RecordingModule):
    """Two players, one optimizer each, and a schedule that says who moves.

    One training step is one round of the schedule. For `alternate` that is one generator iteration: `critic_steps`
    critic updates, each on its own part of the batch and fresh latents, then one generator update.
    `trainer.global_step` counts rounds. Every draw of a round comes from (seed, rank, step), so a resumed run is the
    run that never stopped.
    """

    # What a model provides.
    schedule: Schedule
    critic_steps: int
    lr_decay: list[int] | None
    reuse_critic_noise: bool
    fake_mode: Literal["train", "eval"]
    accumulate: int

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.compiled: Graphs | None = None
        self.is_first_batch, self.is_scaled = True, False  # is_scaled: a data module of ours gives the images

    @abstractmethod
    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the critic minimises. `fake` carries no graph."""

    @property
    def critic_terms(self) -> list[Callable[[Tensor, Tensor], Tensor]]:
        """The losses of the optimizer steps that make one critic update: one step, unless a source says otherwise."""
        return [self.critic_loss]

    @abstractmethod
    def generator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, the prior's penalty aside."""

    def adversarial(self, real: Tensor, latents: Tensor) -> Tensor:
        """The generator's loss on its images of these latents."""
        return self.generator_loss(real, self.generator(latents))

    @property
    def graphs(self) -> Graphs:
        """What the moves compute; compiled where callbacks.Compile made it so."""
        return self.compiled or Graphs(self.generator, self.critic_terms, self.adversarial)

    def constrain_critic(self) -> None:
        """Runs after each critic update."""

    @property
    def batches_per_step(self) -> int:
        """How many batches of images one training step consumes."""
        return self.critic_steps

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One round, on images [critic_steps * N, C, H, W]: each critic update has its own N."""
        parts, step = self.parts(batch), self.global_step
        self.forget_logged()
        seed_draws(self.device, "step", run_seed(), self.global_rank, step)
        if self.lr_decay:
            self.set_learning_rates(decayed(step, *self.lr_decay))
        if step % self.trainer.num_training_batches == 0:
            self.schedule.begin_epoch()
        self.schedule.begin_batch()
        for move in range(self.schedule.moves):
            real = parts[min(move, len(parts) - 1)]
            # Lightning counts every optimizer's step in global_step; a round must count once: its last move does.
            last = move == self.schedule.moves - 1
            if self.reuse_critic_noise and move >= self.schedule.moves - 2:
                seed_draws(self.device, "last", run_seed(), self.global_rank, step)
            if self.schedule.moves_generator(self.peek(real, move) if self.schedule.reads_loss else 0.0):
                self.move_generator(real, counted=last)
            else:
                self.move_critic(real, counted=last)
        share_statistics(self, self.trainer)
        self.trained_steps = self.global_step
        if self.is_logged_step:
            self.observe(**self.prior.describe())
            self.record({f"train/{name}": value for name, value in self.observed.items()})
            self.is_logged = True

    def set_learning_rates(self, share: float) -> None:
        """Sets both to a share of what they began with."""
        for optimizer in (self.optimizer_of(CRITIC), self.optimizer_of(GENERATOR)):
            for group in optimizer.param_groups:
                group["lr"] = share * optimizer.defaults["lr"]

    def parts(self, batch: Any) -> tuple[Tensor, ...]:
        """The batch's images, cut into one equal part for each critic update."""
        images, portions = images_of(batch), self.critic_steps * self.accumulate
        if not images.is_floating_point() or not len(images) or len(images) % portions:
            raise BatchError(
                f"a training batch must hold float images in [-1, 1], a multiple of critic_steps={self.critic_steps} x "
                f"accumulate={self.accumulate} of them; got {len(images)} of dtype {images.dtype}"
                + ("" if images.is_floating_point() else ": give images / 127.5 - 1 of bytes")
            )
        check_images(images, self.image_shape, self.dtype)  # type: ignore[arg-type]
        if self.is_first_batch:
            self.is_first_batch, self.is_scaled = False, isinstance(batch, Scaled)
            if not self.is_scaled:
                check_range(images)
            warn_of_places(self, len(images) // portions)
        if len(images) == portions:
            check_batch_norm(self, images)
        return images.chunk(self.critic_steps)

    def move_critic(self, real: Tensor, counted: bool) -> None:
        """One critic update; the generator's graph is not even built."""
        with torch.no_grad(), evaluating(*[self.generator] * (self.fake_mode == "eval")):
            made = [self.graphs.generator(latents) for latents in self.portions(self.prior(len(real)))]
        paid: list[Tensor] = []
        for loss in self.graphs.critic_terms:
            terms = (loss(*portion) for portion in zip(self.portions(real), made, strict=True))
            paid.append(self.descend(CRITIC, terms, counted and not paid))
        self.constrain_critic()
        self.observe(critic_loss=torch.stack(paid).mean() if len(paid) > 1 else paid[0])

    def move_generator(self, real: Tensor, counted: bool) -> None:
        """One update of the generator and the prior."""
        penalties: list[Tensor] = []

        def loss(real: Tensor, latents: Tensor) -> Tensor:
            adversarial = self.graphs.adversarial(real, latents)
            penalties.append(self.prior.penalty())
            return adversarial + penalties[-1]

        with self.toggled_optimizer(self.optimizer_of(GENERATOR)):  # no gradients for the critic's weights
            portions = zip(self.portions(real), self.portions(self.prior(len(real))), strict=True)
            paid = self.descend(GENERATOR, (loss(*portion) for portion in portions), counted)
        if self.averaged is not None:
            self.averaged.update(self.sampler)
        self.observe(generator_loss=paid - penalties[0].detach())

    def portions(self, batch: Tensor) -> tuple[Tensor, ...]:
        """A batch, cut into what goes through the networks at once."""
        return batch.chunk(self.accumulate) if self.accumulate > 1 else (batch,)

    @torch.no_grad()
    def peek(self, real: Tensor, move: int) -> float:
        """The generator's loss on the latents of the move to come, in inference mode, the same on every rank."""
        key = run_seed(), self.global_rank, self.global_step, move if self.schedule.redraws else 0
        seed_draws(self.device, "move", *key)
        with evaluating(self.generator, self.critic), self.unobserved():
            loss = self.generator_loss(real, self.generator(self.prior(len(real))))
        seed_draws(self.device, "move", *key)
        return float(self.trainer.strategy.reduce(loss, reduce_op="mean"))

    def optimizer_of(self, player: int) -> LightningOptimizer:
        """The optimizer of CRITIC or GENERATOR."""
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        return optimizers[player]

    def descend(self, player: int, terms: Iterator[Tensor], counted: bool) -> Tensor:
        """One update of CRITIC or GENERATOR by the mean of `accumulate` terms, each computed when its turn comes.

        Returns that mean; global_step counts the update only if told to.
        """
        optimizer, paid = self.optimizer_of(player), []
        optimizer.zero_grad()
        for portion in range(self.accumulate):
            self.portion = portion
            term = next(terms) / self.accumulate if self.accumulate > 1 else next(terms)
            # the portions' latents share the prior's graph
            self.manual_backward(term, retain_graph=portion + 1 < self.accumulate)
            paid.append(term.detach())
        self.portion = 0
        if counted:
            optimizer.step()
        else:
            self.trainer.strategy.optimizer_step(optimizer.optimizer, lambda: None)
        if self.compiled:
            optimizer.zero_grad()  # gradients in a CUDA graph's memory: the next one to run writes there
        return torch.stack(paid).sum() if len(paid) > 1 else paid[0]

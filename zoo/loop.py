"""The loop that all models share: who moves, what is counted, drawn and logged.

Shapes: images [N, C, H, W] in [-1, 1]; latents [N, D]; critic outputs [N].
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from zoo.average import MovingAverage
from zoo.priors import Prior
from zoo.randomness import run_seed, seed_draws, seeded
from zoo.schedules import Schedule

CRITIC, GENERATOR = 0, 1  # the order of the optimizers


def images_of(batch: Any) -> Tensor:
    """The images [N, C, H, W] of a batch, which is (images, ...) or the images alone."""
    images: Tensor = batch[0] if isinstance(batch, list | tuple) else batch
    return images


@contextmanager
def evaluating(*networks: nn.Module) -> Iterator[None]:
    """Networks in inference mode; after it every part of them is back in its own mode, frozen ones too."""
    modes = [(part, part.training) for network in networks for part in network.modules()]
    try:
        for network in networks:
            network.eval()
        yield
    finally:
        for part, training in modes:
            part.training = training


def decayed(step: int, begin: int, end: int) -> float:
    """1 up to step `begin`, 0 from `end` on, linear between."""
    return min(max((end - step) / (end - begin), 0.0), 1.0)


class Sampler(nn.Module):
    """A prior and a generator: n images [n, C, H, W]."""

    def __init__(self, prior: Prior, generator: nn.Module) -> None:
        super().__init__()
        self.prior, self.generator = prior, generator

    def forward(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """N images; their latents are drawn from `generator`, or from torch's own without one."""
        images: Tensor = self.generator(self.prior(n, generator))
        return images


class AdversarialLoop(LightningModule):
    """Two players, one optimizer each, and a schedule that says who moves.

    One training step is one round of the schedule. For `alternate` that is one generator iteration: `critic_steps`
    critic updates, each on its own part of the batch and fresh latents, then one generator update.
    `trainer.global_step` counts rounds. Every draw of a round comes from (seed, rank, step), so a resumed run is the
    run that never stopped.
    """

    # What a model provides.
    image_shape: tuple[int, ...]
    prior: Prior
    generator: nn.Module
    critic: nn.Module
    schedule: Schedule
    critic_steps: int
    lr_decay: list[int] | None
    reuse_critic_noise: bool
    fake_mode: Literal["train", "eval"]

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.averaged: MovingAverage[Sampler] | None = None
        self.observed: dict[str, Tensor] = {}
        self.trained_steps = 0  # of these weights, also where they were loaded for a test

    @abstractmethod
    def critic_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the critic minimises. `fake` carries no graph."""

    def critic_losses(self, real: Tensor, fake: Tensor) -> Iterator[Tensor]:
        """The loss of each optimizer step that makes one critic update; one step, unless a source says otherwise."""
        yield self.critic_loss(real, fake)

    @abstractmethod
    def generator_loss(self, real: Tensor, fake: Tensor) -> Tensor:
        """What the generator minimises, the prior's penalty aside."""

    def constrain_critic(self) -> None:
        """Runs after each critic update."""

    @property
    def batches_per_step(self) -> int:
        """How many batches of images one training step consumes."""
        return self.critic_steps

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One round, on images [critic_steps * N, C, H, W]: each critic update has its own N."""
        parts, step, self.observed = self.parts(batch), self.global_step, {}
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
        self.trained_steps = self.global_step
        if self.is_logged_step:
            self.observe(**self.prior.describe())
            self.record({f"train/{name}": value for name, value in self.observed.items()})

    def set_learning_rates(self, share: float) -> None:
        """Sets both to a share of what they began with."""
        for optimizer in (self.optimizer_of(CRITIC), self.optimizer_of(GENERATOR)):
            for group in optimizer.param_groups:
                group["lr"] = share * optimizer.defaults["lr"]

    def parts(self, batch: Any) -> tuple[Tensor, ...]:
        """The batch's images, cut into one equal part for each critic update."""
        images = images_of(batch)
        if tuple(images.shape[1:]) != tuple(self.image_shape):
            raise ValueError(
                f"the model is for images of shape {tuple(self.image_shape)}, the batch has {tuple(images.shape[1:])}: "
                "give the model image_shape=data.image_shape"
            )
        if not images.is_floating_point() or len(images) % self.critic_steps:
            raise ValueError(
                f"a training batch must hold float images in [-1, 1], a multiple of critic_steps={self.critic_steps} "
                f"of them; got {len(images)} of dtype {images.dtype}"
            )
        return images.chunk(self.critic_steps)

    def move_critic(self, real: Tensor, counted: bool) -> None:
        """One critic update; the generator's graph is not even built."""
        with torch.no_grad(), evaluating(*[self.generator] * (self.fake_mode == "eval")):
            fake = self.generator(self.prior(len(real)))
        paid: list[Tensor] = []
        for loss in self.critic_losses(real, fake):
            self.descend(CRITIC, loss, counted and not paid)
            paid.append(loss.detach())
        self.constrain_critic()
        self.observe(critic_loss=torch.stack(paid).mean() if len(paid) > 1 else paid[0])

    def move_generator(self, real: Tensor, counted: bool) -> None:
        """One update of the generator and the prior."""
        with self.toggled_optimizer(self.optimizer_of(GENERATOR)):  # no gradients for the critic's weights
            fake = self.generator(self.prior(len(real)))
            loss = self.generator_loss(real, fake)
            self.descend(GENERATOR, loss + self.prior.penalty(), counted)
        if self.averaged is not None:
            self.averaged.update(self.sampler)
        self.observe(generator_loss=loss)

    @torch.no_grad()
    def peek(self, real: Tensor, move: int) -> float:
        """The generator's loss on the latents of the move to come, in inference mode, the same on every rank."""
        key = run_seed(), self.global_rank, self.global_step, move if self.schedule.redraws else 0
        seed_draws(self.device, "move", *key)
        with evaluating(self.generator, self.critic):
            loss = self.generator_loss(real, self.generator(self.prior(len(real))))
        seed_draws(self.device, "move", *key)
        return float(self.trainer.strategy.reduce(loss, reduce_op="mean"))

    def optimizer_of(self, player: int) -> LightningOptimizer:
        """The optimizer of CRITIC or GENERATOR."""
        optimizers = self.optimizers()
        assert isinstance(optimizers, list)
        return optimizers[player]

    def descend(self, player: int, loss: Tensor, counted: bool) -> None:
        """One update of CRITIC or GENERATOR; global_step counts it only if told to."""
        optimizer = self.optimizer_of(player)
        optimizer.zero_grad()
        self.manual_backward(loss)
        if counted:
            optimizer.step()
        else:
            self.trainer.strategy.optimizer_step(optimizer.optimizer, lambda: None)

    @property
    def is_logged_step(self) -> bool:
        """Whether losses are logged at this step, one in `trainer.log_every_n_steps` and the last."""
        every = int(getattr(self.trainer, "log_every_n_steps", 50))
        return every > 0 and (self.global_step % every == 0 or self.global_step == self.trainer.max_steps)

    def observe(self, **values: Tensor) -> None:
        """Keeps values of this step, as tensors: nothing waits for the device until a step is logged."""
        self.observed |= {name: value.detach() for name, value in values.items()}

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

    @property
    def sampler(self) -> Sampler:
        """What makes images, as it is trained."""
        return Sampler(self.prior, self.generator)

    @property
    def trained_sampler(self) -> Sampler:
        """What `sample` uses: the average where there is one."""
        return self.sampler if self.averaged is None else self.averaged.module

    def average(self, decay: float) -> None:
        """From now on, `sample` uses the moving average of the sampler; an average that exists goes on."""
        if self.averaged is None:
            self.averaged = MovingAverage(self.sampler, decay)
        self.averaged.decay = decay

    @torch.no_grad()
    def sample(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Images [n, C, H, W] in [-1, 1], float32, in inference mode, drawn from `generator` or torch's own.

        By the averaged generator where there is one.
        """
        sampler = self.trained_sampler
        with evaluating(sampler):
            images: Tensor = sampler(n, generator)
        return images.float()

    def validation_step(self, batch: Any, batch_idx: int) -> Tensor:
        """One fake for each held-out image, [N, C, H, W], from latents that are the same in every validation."""
        real = images_of(batch)
        fake = self.sample(len(real), seeded("sample", run_seed(), self.global_rank, batch_idx))
        gap = self.critic(real).mean() - self.critic(fake.to(real.dtype)).mean()
        stage = "test" if self.trainer.testing else "val"
        self.log(f"{stage}/critic_gap", gap, batch_size=len(real), sync_dist=True)
        # The loggers' x, as in `record`; a mean over the batches, the default, would round it.
        self.log("step", float(self.trained_steps), batch_size=len(real), sync_dist=True, reduce_fx="max")
        return fake

    test_step = validation_step

    def on_validation_end(self) -> None:
        """Takes the x of the validation's scores back, so that it never names a later checkpoint."""
        self.trainer.callback_metrics.pop("step", None)

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """One image for each number in the batch, [N, C, H, W] in [-1, 1]."""
        return self.sample(len(batch), seeded("sample", run_seed(), self.global_rank, batch_idx))

"""A training step, whatever the model: who moves, on what, with which draws; what is counted.

One training step is all moves of the schedule. For `alternate` that is one generator iteration: `critic_steps` critic
updates, each on its own part of the batch and fresh latents, then one generator update; lazy regularisers follow.
`trainer.global_step` counts training steps. Every draw comes from (seed, rank, step), so a resumed run is the run that
never stopped.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor

from zoo.engine.batch import Batch
from zoo.engine.first_batch import show_first_batch
from zoo.engine.inputs import critic_batches
from zoo.engine.learning_rates import decay_learning_rates, scaled_learning_rates
from zoo.engine.randomness import run_seed, seed_draws
from zoo.engine.regulariser import CRITIC, GENERATOR, Regulariser, due
from zoo.engine.sampler import evaluating
from zoo.engine.statistics import restoring, share_statistics

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule


def training_step(model: "AdversarialModule", batch: Any, batch_idx: int) -> None:
    """Train on images [critic_steps * N, C, H, W]: each critic update has its own N."""
    is_first = model.is_first_batch
    parts, step = critic_batches(model, batch), model.global_step
    if is_first:
        show_first_batch(model, parts[0])
    model.observations.begin_step()
    seed_draws(model.device, "step", run_seed(), model.global_rank, step)
    if model.lr_decay:
        decay_learning_rates(optimizers_of(model), step, *model.lr_decay)
    model.begin_step(step * len(parts[0].images) * model.trainer.world_size)
    if step % model.trainer.num_training_batches == 0:
        model.schedule.begin_epoch()
    model.schedule.begin_batch()
    known: float | None = None
    for move in range(model.schedule.moves):
        known = update_player(model, parts[min(move, len(parts) - 1)], move, step, known)
    if model.has_lazy_regularisers:
        regularise_lazily(model, parts[-1], step)
    share_statistics(model, model.trainer)
    model.adapt_all()
    model.trained_steps = model.global_step
    if model.is_logged_step:
        model.log_observed()


def update_player(model: "AdversarialModule", real: Batch, move: int, step: int, known: float | None) -> float | None:
    """Update one of the players: the schedule says which, by the `known` loss of the generator or by its current one.

    Returns the loss that the next move is to go by; None where that is to be computed.
    """
    schedule = model.schedule
    # Lightning counts every optimizer's step in global_step; a training step must count once: its last update does.
    last = move == schedule.moves - 1
    if model.repeats_draws(move):
        seed_draws(model.device, "last", run_seed(), model.global_rank, step)
    if known is None:
        known = model.current_generator_loss(real, move) if schedule.reads_loss else 0.0
    rate = schedule.rate
    with scaled_learning_rates(optimizers_of(model), rate) if rate != 1 else nullcontext():
        if schedule.moves_generator(known):
            loss = model.update_generator(real, counted=last)
            known = float(model.mean_over_ranks(loss)) if schedule.keeps_loss else known
        else:
            model.update_critic(real, counted=last)
    return known if schedule.keeps_loss else None


def regularise_lazily(model: "AdversarialModule", real: Batch, step: int) -> None:
    """Update each player by those of its lazy regularisers whose turn it is."""
    for player in (CRITIC, GENERATOR):
        if lazy := due(model.terms, player, step):
            model.regularise(player, real, lazy)


def update_critic(model: "AdversarialModule", real: Batch, counted: bool) -> None:
    """Make one critic update; the generator's graph is not even built."""
    model.observations.player = CRITIC
    graphs, parts = model.graphs, microbatches(model, real)
    with torch.no_grad(), model.making_fakes():
        latents = model.prior(len(real.images), None, model.fake_labels(real))
        fakes = [Batch(graphs.images(part), part.labels, part) for part in microbatches(model, latents)]
    losses: list[Tensor] = []
    for loss in graphs.critic_terms:
        terms = (loss(*pair) for pair in zip(parts, fakes, strict=True))
        if model.always_regularised[CRITIC] and not losses:
            terms = (with_regularisers(model, CRITIC, *pair) for pair in zip(terms, parts, strict=True))
        losses.append(model.descend(CRITIC, terms, counted and not losses))
    model.constrain_critic()
    model.observe(critic_loss=torch.stack(losses).mean() if len(losses) > 1 else losses[0])


def update_generator(model: "AdversarialModule", real: Batch, counted: bool) -> Tensor:
    """Make one update of the generator and the prior; return the generator's loss before it, without the prior's."""
    model.observations.player = GENERATOR
    penalties: list[Tensor] = []

    def term(real: Batch, latents: Any) -> Tensor:
        adversarial = model.graphs.adversarial(real, latents)
        penalties.append(model.prior.penalty())
        total = adversarial + penalties[-1]
        return with_regularisers(model, GENERATOR, total, real) if model.always_regularised[GENERATOR] else total

    with model.toggled_optimizer(optimizer_of(model, GENERATOR)):  # no gradients for the critic's weights
        latents = model.prior(len(real.images), None, model.fake_labels(real))
        pairs = zip(microbatches(model, real), microbatches(model, latents), strict=True)
        loss = model.descend(GENERATOR, (term(*pair) for pair in pairs), counted)
    if model.averaged is not None:
        model.averaged.update(model.sampler, len(real.images) * model.trainer.world_size)
    loss = loss - penalties[0].detach()
    model.observe(generator_loss=loss)
    return loss


def regularise(model: "AdversarialModule", player: int, real: Batch, lazy: Sequence[Regulariser]) -> None:
    """Make one update of a player by its lazy regularisers, each times its interval."""
    model.observations.player = player
    optimizer = optimizer_of(model, player)

    def term(real: Batch) -> Tensor:
        values = {each.name: each.loss(real) for each in lazy}
        model.observe(**values)
        return torch.stack([each.every * values[each.name] for each in lazy]).sum()

    with model.toggled_optimizer(optimizer):
        model.descend(player, (term(part) for part in microbatches(model, real)), False)


def with_regularisers(model: "AdversarialModule", player: int, loss: Tensor, real: Batch) -> Tensor:
    """Add a player's regularisers that belong to each of its updates."""
    for each in model.terms:
        if each.player == player and each.every == 1:
            value = each.loss(real)
            model.observe(**{each.name: value})
            loss = loss + value
    return loss


def microbatches(model: "AdversarialModule", batch: Any) -> Sequence[Any]:
    """Cut a Batch or Latents into what goes through the networks at once."""
    return batch.cut(model.accumulate) if model.accumulate > 1 else (batch,)


@torch.no_grad()
def current_generator_loss(model: "AdversarialModule", real: Batch, move: int) -> float:
    """Return the generator's loss on the latents of the move to come, the same on every rank; nothing is changed."""
    model.observations.player = GENERATOR
    players = model.generator, model.critic
    key = run_seed(), model.global_rank, model.global_step, move if model.schedule.redraws else 0
    seed_draws(model.device, "move", *key)
    with (restoring if model.schedule.in_training_mode else evaluating)(*players), model.observations.paused():
        latents = model.prior(len(real.images), None, model.fake_labels(real))
        loss = model.generator_loss(real, model.generate(latents))
    seed_draws(model.device, "move", *key)
    return float(model.trainer.strategy.reduce(loss, reduce_op="mean"))


def optimizer_of(model: "AdversarialModule", player: int) -> LightningOptimizer:
    """Return the optimizer of CRITIC or GENERATOR."""
    return optimizers_of(model)[player]


def optimizers_of(model: "AdversarialModule") -> list[LightningOptimizer]:
    """Return the critic's optimizer and the generator's."""
    return model.optimizers()  # type: ignore[return-value]


def descend(model: "AdversarialModule", player: int, terms: Iterator[Tensor], counted: bool) -> Tensor:
    """Make one update of CRITIC or GENERATOR by the mean of `accumulate` terms, each computed when its turn comes.

    Returns that mean; global_step counts the update only if `counted`.
    """
    optimizer, losses = optimizer_of(model, player), []
    optimizer.zero_grad()
    for index in range(model.accumulate):
        model.observations.microbatch = index
        term = next(terms) / model.accumulate if model.accumulate > 1 else next(terms)
        # the parts' latents share the prior's graph
        model.manual_backward(term, retain_graph=index + 1 < model.accumulate)
        losses.append(term.detach())
    model.observations.microbatch = 0
    if counted:
        optimizer.step()
    else:
        model.trainer.strategy.optimizer_step(optimizer.optimizer, lambda: None)
    if model.compiled:
        optimizer.zero_grad()  # gradients in a CUDA graph's memory: the next one to run writes there
    return torch.stack(losses).sum() if len(losses) > 1 else losses[0]

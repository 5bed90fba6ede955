"""Methods of every model beside its training: samples, evaluation, records. `model` is an AdversarialModule.

Shapes: images [N, C, H, W] in [-1, 1]; latents z [N, D]; labels [N].
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from zoo.engine.batch import Latents
from zoo.engine.errors import BatchError
from zoo.engine.inputs import (
    Scaled,
    check_images,
    check_labels,
    check_latents,
    check_range,
    images_of,
    labels_of,
    prediction_of,
)
from zoo.engine.randomness import run_seed
from zoo.engine.sampler import evaluating

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule


def forward(model: "AdversarialModule", latents: Tensor, labels: Tensor | None = None) -> Tensor:
    """Make an image [C, H, W] in [-1, 1], float32, of each latent [N, D], in inference mode; gradients flow.

    By the averaged generator where there is one, with constant noise where it has any. Raises BatchError for anything
    else.
    """
    check_latents(latents, model.prior.dim)
    sampler = model.trained_sampler
    if model.generator_takes_labels and labels is None:
        raise BatchError("this generator takes labels, int64 [N]: model(latents, labels)")
    how = of_each(model.sampling)
    if getattr(sampler.generator, "draws_noise", False):  # an image is a function of its latents
        how = {"noise": "const"} | how
    with evaluating(sampler.generator):
        return sampler.generate(Latents(latents, labels), **how).float()


@torch.no_grad()
def sample(
    model: "AdversarialModule", n: int, generator: torch.Generator | None = None, labels: Any = None, **how: Any
) -> Tensor:
    """Make images [n, C, H, W] in [-1, 1], float32, in inference mode, by the averaged generator where there is one.

    Args:
        model: whose.
        n: how many.
        generator: of random numbers; torch's own without it. The network's own noise is drawn from it too.
        labels: what each image is to be, n whole numbers or one for all; drawn by the prior without them.
        **how: what replaces the model's `sampling` options, such as truncation; None switches one off.

    Raises:
        TypeError: n is no number; latents are for the model itself.
        ValueError: a label or an option that the model does not have.
    """
    if not isinstance(n, int | np.integer) or n < 0:
        found = n if isinstance(n, int | np.integer) else f"a {type(n).__name__}"
        raise TypeError(f"sample takes how many images to make, got {found}; of latents: model(latents)")
    check_sampling(how, model)
    options = model.sampling | how
    sampler = model.standing.of(model.averaged_sampler, options)
    with evaluating(sampler):
        images: Tensor = sampler(int(n), generator, checked_labels(labels, int(n), model), **of_each(options))
    return images.float()


@torch.no_grad()
def numbered(model: "AdversarialModule", numbers: Tensor, labels: Tensor | None = None) -> Tensor:
    """Make images as `sample` does, each a function of the run's seed, its number, int64 [N], and its label.

    Without `labels`, those of the option `sampling.labels` are taken in turn, by number; else the prior draws them.
    """
    sampler, wanted = model.trained_sampler, model.sampling.get("labels")
    if labels is None and wanted is not None:
        turns = torch.as_tensor(wanted, device=numbers.device).flatten()
        labels = turns[numbers % len(turns)]
    labels = checked_labels(labels, len(numbers), model)
    with evaluating(sampler):
        return sampler.numbered(numbers, run_seed(), labels, **of_each(model.sampling)).float()


def checked_labels(labels: Any, n: int, model: "AdversarialModule") -> Tensor | None:
    """Return labels as int64 [n] on the model's device, or None for None. Raises ValueError for what are none."""
    if labels is None:
        return None
    most = model.prior.num_labels
    if most is None:
        raise ValueError("this model has no labels: its samples cannot be asked for by label")
    given = torch.as_tensor(labels, device=model.device)
    if (
        given.is_floating_point()
        or given.dtype == torch.bool
        or (given.dim() and given.shape != (n,))
        or given.dim() > 1
    ):
        raise ValueError(f"labels are {n} whole numbers, or one for all; got {given.dtype} {tuple(given.shape)}")
    if given.numel() and not 0 <= int(given.min()) <= int(given.max()) < most:
        raise ValueError(f"labels are in 0 .. {most - 1}, got {int(given.min())} .. {int(given.max())}")
    return given.long().expand(n)


def check_sampling(options: dict[str, Any], model: "AdversarialModule") -> None:
    """Raise ValueError for an option of sampling that the model does not have, or that it cannot use."""
    known = {"labels", "standing_statistics", "truncation", *model.sampler.of_generator}
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"sampling has no option {name!r}; it takes: {', '.join(sorted(known))}")
        if name == "truncation" and value is not None and name not in model.sampler.of_generator:
            model.prior.truncate(torch.zeros(0), value)
        if name == "standing_statistics" and value is not None and not (isinstance(value, int) and value >= 0):
            raise ValueError(f"sampling: standing_statistics is how many batches, 0 or more; got {value!r}")
        if name == "labels" and value is not None:
            wanted = torch.as_tensor(value).flatten()
            if not len(wanted):
                raise ValueError("sampling: labels are one or more whole numbers; got none")
            checked_labels(wanted, len(wanted), model)


def of_each(sampling: dict[str, Any]) -> dict[str, Any]:
    """Return what of sampling's options each sample is made with."""
    whole = "labels", "standing_statistics"
    return {name: value for name, value in sampling.items() if name not in whole and value is not None}


def numbers_of(model: "AdversarialModule", batch_idx: int, count: int) -> Tensor:
    """Return which samples go with the images of an evaluation's batch, int64 [count]: those of the same numbers."""
    first = model.looked_at if batch_idx else 0  # a loader begins
    if batch_idx and not first:  # an evaluation goes on that a checkpoint has broken off
        first = batch_idx * count
    model.looked_at = first + count
    return model.global_rank + model.trainer.world_size * torch.arange(first, first + count)


def evaluation_step(model: "AdversarialModule", batch: Any, batch_idx: int, dataloader_idx: int = 0) -> Tensor:
    """Return a fake for each held-out image, [N, C, H, W], from latents that are the same in every evaluation.

    Those of a conditional model have the labels of the images.
    """
    if dataloader_idx:
        raise BatchError("a model is validated and tested on one loader: give one, or call validate for each")
    real = images_of(batch)
    check_images(real, model.image_shape, model.dtype)  # type: ignore[arg-type]
    if batch_idx == 0 and not isinstance(batch, Scaled):
        check_range(real)
        if model.is_conditional:
            check_labels(batch, model)
    labels = labels_of(batch, model) if model.is_conditional else None
    fake = model.numbered(numbers_of(model, batch_idx, len(real)), labels)
    gap = model.critic_on(real, labels).mean() - model.critic_on(fake.to(real.dtype), labels).mean()
    stage = "test" if model.trainer.testing else "val"
    model.log(f"{stage}/critic_gap", gap, batch_size=len(real), sync_dist=True)
    # The loggers' x, as in `record`; a mean over the batches, the default, would round it.
    model.log("step", float(model.trained_steps), batch_size=len(real), sync_dist=True, reduce_fx="max")
    return fake


def predict_step(model: "AdversarialModule", batch: Any, batch_idx: int) -> Tensor:
    """Return images [N, C, H, W] in [-1, 1] of latents [N, D] or of numbers of samples [N], either with labels [N]."""
    given, labels = prediction_of(batch, model.prior.dim)
    if not given.is_floating_point():
        return model.numbered(given, labels)
    return model(given.to(model.dtype), checked_labels(labels, len(given), model))  # type: ignore[no-any-return]


def record(model: "AdversarialModule", values: Mapping[str, Tensor | float]) -> None:
    """Log values at x = global_step, the training steps made, to every logger, bar and monitor.

    `model.log` would count x from 0, and log again what was logged once (at every logged step until the epoch ends).
    """
    trainer = model.trainer
    tensors = {name: value.detach().float() for name, value in values.items() if isinstance(value, Tensor)}
    numbers: dict[str, Any] = {}
    if tensors:
        numbers = dict(zip(tensors, torch.stack([*tensors.values()]).tolist(), strict=True))
    for logger in trainer.loggers:
        logger.log_metrics({name: numbers.get(name, value) for name, value in values.items()}, trainer.global_step)
        logger.save()  # a file's own rhythm looks at step + 1
    trainer.callback_metrics.update({name: torch.as_tensor(value) for name, value in values.items()})

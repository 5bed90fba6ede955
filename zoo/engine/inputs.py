"""Checks of the batches that a model is given, before it computes anything: one line says what is wrong."""

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from zoo.engine.batch import Batch
from zoo.engine.errors import BatchError

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule

log = logging.getLogger("lightning.pytorch.ganzoo")


class Scaled(NamedTuple):
    """A batch whose images need no look at their range: a data module of ours has scaled them from bytes.

    A trainer keeps the data module of an earlier call, so that it cannot be asked whose the images of this one are.
    """

    images: Tensor
    labels: Tensor


#: Points around the unit square are honest; bytes, and pixels normalised by a mean and a deviation, go further.
FURTHEST = 2.0
#: Numbers of which some are below 0 unless all images are bright.
ENOUGH = 64


def critic_batches(model: "AdversarialModule", batch: Any) -> Sequence[Batch]:
    """Return a checked batch, cut into equal parts: for each critic update, or all of them. Raises BatchError."""
    images, parts = images_of(batch), model.batches_per_step
    count = parts * model.accumulate
    named = "critic_steps" if parts == model.critic_steps else "batches_per_step"
    if not images.is_floating_point() or not len(images) or len(images) % count:
        raise BatchError(
            f"a training batch must hold float images in [-1, 1], a multiple of {named}={parts} x "
            f"accumulate={model.accumulate} of them; got {len(images)} of dtype {images.dtype}"
            + ("" if images.is_floating_point() else ": give images / 127.5 - 1 of bytes")
        )
    check_images(images, model.image_shape, model.dtype)  # type: ignore[arg-type]
    if model.is_first_batch:
        model.is_first_batch, model.is_scaled = False, isinstance(batch, Scaled)
        if not model.is_scaled:
            check_range(images)
            check_labels(batch, model)
        warn_of_turns(model, len(images) // parts)
    if len(images) == count:
        check_batch_norm(model, images)
    return Batch(images, labels_of(batch, model) if model.reads_labels else None).cut(parts)


def images_of(batch: Any) -> Tensor:
    """Return the images [N, C, H, W] of a batch, which is (images, ...) or the images alone. Raises BatchError."""
    images = batch[0] if isinstance(batch, list | tuple) and batch else batch
    if not isinstance(images, Tensor):
        keys = f" with keys {', '.join(map(str, batch))}" if isinstance(batch, dict) else ""
        raise BatchError(
            f"a batch must be (images, ...) or images, a tensor [N, C, H, W]; got a {type(images).__name__}{keys}: "
            "let the loader give tuples"
        )
    return images


def labels_of(batch: Any, model: "AdversarialModule") -> Tensor:
    """Return the labels [N] of a batch, on the model's device. Raises BatchError for a batch without them."""
    labels = batch[1] if isinstance(batch, list | tuple) and len(batch) > 1 else None
    classes = model.num_classes
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != images_of(batch).shape[:1]:
        found = "none" if labels is None else described(labels)
        raise BatchError(
            f"a {type(model).__name__} takes labels: a batch must be (images, labels), labels int64 [N] "
            f"in 0 .. {(classes or 1) - 1}; got {found}"
        )
    return labels.to(model.device)


def check_images(images: Tensor, image_shape: Sequence[int], dtype: torch.dtype) -> None:
    """Raise BatchError unless images have the shape and the kind of number that a model takes."""
    if tuple(images.shape[1:]) != tuple(image_shape):
        raise BatchError(
            f"the model is for images of shape {tuple(image_shape)}, the batch has {tuple(images.shape[1:])}: "
            "give the model image_shape=data.image_shape"
        )
    if images.dtype != dtype:
        advice = "images / 127.5 - 1 of bytes" if images.dtype == torch.uint8 else f"images.to({dtype})"
        raise BatchError(
            f"a batch must hold images in [-1, 1] of {dtype}, got {len(images)} of dtype {images.dtype}: give {advice}"
        )


def check_range(images: Tensor) -> None:
    """Raise BatchError for images [N, C, H, W] that are not what a GAN ends in: finite, and from -1 to 1.

    Images in [0, 1] train without a complaint, and may even score better: half of the range is never used.
    """
    least, most = (float(value) for value in images.detach().aminmax()) if images.numel() else (-1.0, 1.0)
    if not images.isfinite().all():
        raise BatchError("the first batch has values that are not finite: look at the data")
    if max(-least, most) > FURTHEST:
        raise BatchError(
            f"images must be in [-1, 1], the first batch goes from {least:.4g} to {most:.4g}: scale it, bytes by "
            "images / 127.5 - 1"
        )
    if least >= 0 and images.numel() >= ENOUGH:
        raise BatchError(
            f"images must be in [-1, 1], the first batch goes from {least:.4g} to {most:.4g}: scale images in [0, 1] "
            "by 2 * images - 1; if they really have nothing dark, give them as bytes through datamodules.Images"
        )


def warn_of_turns(model: "AdversarialModule", at_once: int) -> None:
    """Warn where a generator's experts, whose turns begin anew in each batch, would not learn alike."""
    if model.prior.in_turns and at_once % (labels := model.prior.num_labels or 1):
        log.warning(
            "this generator has %d experts, in turn: of %d images at a time, not all experts learn alike; let "
            "batch_size be a multiple of %d", labels, at_once, labels
        )  # fmt: skip


def check_batch_norm(model: "AdversarialModule", images: Tensor) -> None:
    """Raise BatchError where one image at a time is to go through a batch norm without positions to divide by."""
    if any(isinstance(part, nn.BatchNorm1d) for player in (model.generator, model.critic) for part in player.modules()):
        raise BatchError(
            f"batch norm needs at least 2 images at a time: a batch of {len(images)} for critic_steps="
            f"{model.critic_steps} and accumulate={model.accumulate} leaves 1; change batch_size, lower accumulate, or "
            "let the loader drop its last batch"
        )


def check_latents(latents: Any, latent_dim: int) -> None:
    """Raise BatchError unless these are latents, float [N, latent_dim]."""
    if not (isinstance(latents, Tensor) and latents.is_floating_point() and latents.shape[1:] == (latent_dim,)):
        raise BatchError(
            f"a model takes latents, float [N, {latent_dim}], got {described(latents)}; how many: sample(n)"
        )


def described(value: Any) -> str:
    """Return what a value is, in a few words."""
    return f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def check_labels(batch: Any, model: "AdversarialModule") -> None:
    """Raise BatchError for labels that a model which reads them has no class for."""
    if not model.reads_labels:
        return
    labels, classes = labels_of(batch, model), model.num_classes or 0
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise BatchError(
            f"labels must be in 0 .. {classes - 1} for a model with num_classes={classes}, the first batch has "
            f"{int(labels.min())} .. {int(labels.max())}"
        )


def prediction_of(batch: Any, latent_dim: int) -> tuple[Tensor, Tensor | None]:
    """Return what `predict` is given: latents [N, latent_dim] or numbers [N] of samples, and labels or None.

    Raises BatchError.
    """
    given, labels = batch, None
    if isinstance(batch, list | tuple) and len(batch) in (1, 2):
        given, labels = batch[0], batch[1] if len(batch) == 2 else None
    if isinstance(given, Tensor) and (labels is None or isinstance(labels, Tensor)):
        if given.is_floating_point() and given.dim() == 2 and given.shape[1] == latent_dim:
            return given, labels
        if given.dim() == 1 and given.dtype in (torch.int32, torch.int64) and not (given < 0).any():
            return given, labels
    raise BatchError(
        f"predict takes latents, float [N, {latent_dim}], or numbers of samples, int64 [N], at least 0; "
        f"got {described(given)}"
    )

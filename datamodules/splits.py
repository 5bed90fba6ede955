"""Cutting images into splits, and refusing splits that no model could train on as it means to."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from datamodules.batches import Images
from datamodules.errors import DataError
from datamodules.stored import StoredImages
from zoo.engine.randomness import seeded

#: How far a float image may be out of [-1, 1], by rounding.
TOLERANCE = 1e-3
#: Images of a split that are looked at for their range, where a look at all of them would take long.
LOOKED_AT = 1000
WANTED = "uint8 [N, C, H, W] in 0..255, or float in [-1, 1]"


def held_out(data: Images, **sizes: int) -> dict[str, Images]:
    """Split `data` at random, always in the same way: `held_out(data, val=500, test=500)`, the rest is `train`."""
    order = torch.randperm(len(data.images), generator=seeded("split"))
    splits = {}
    for name, size in sizes.items():
        splits[name], order = data.subset(order[:size].sort().values), order[size:]
    return {"train": data.subset(order.sort().values)} | splits


def check_splits(
    owner: str, splits: Mapping[str, Any], image_shape: Sequence[int], num_classes: int | None
) -> dict[str, Images]:
    """Return what a data module's `load` gave, if that is what it should be.

    Args:
        owner: the data module's name, for messages.
        splits: Images by name: `train`, which has some, `val` and `test`, which may be empty.
        image_shape: (C, H, W) that every image must have.
        num_classes: labels are below it; None if that is not known.

    Raises:
        DataError: there is another type, dtype, shape or range, or too few.
    """
    missing = {"train", "val", "test"} - splits.keys() if isinstance(splits, Mapping) else {"train", "val", "test"}
    if missing:
        raise DataError(f"{owner}.load() gives no {sorted(missing)[0]!r}: return a dict of Images for train, val, test")
    for name, split in splits.items():
        problem = wrong_split(split, tuple(image_shape), num_classes)
        if problem is None and name == "train":
            problem = wrong_training_images(split.images)
        if problem:
            raise DataError(f"{owner}.load(): {name!r} {problem}")
    return dict(splits)


def wrong_split(split: Any, image_shape: tuple[int, ...], num_classes: int | None) -> str | None:
    """Return what is wrong with a split, None if nothing is."""
    if not isinstance(split, Images):
        return f"is a {type(split).__name__}; make it datamodules.Images(images, labels)"
    return wrong_images(split.images, image_shape) or wrong_labels(split.labels, len(split.images), num_classes)


def wrong_images(images: Any, image_shape: tuple[int, ...]) -> str | None:
    """Return what is wrong with images, None if nothing is."""
    if not isinstance(images, Tensor | StoredImages):
        return f"has images that are a {type(images).__name__}, not a tensor; torch.from_numpy makes one of an array"
    if images.dtype != torch.uint8 and not images.dtype.is_floating_point:
        return f"has images of {images.dtype}; they must be {WANTED}"
    if len(images.shape) != 4 or tuple(images.shape[1:]) != image_shape:
        return (
            f"has images of shape {list(images.shape)}, not [N, {', '.join(map(str, image_shape))}] as image_shape says"
        )
    if isinstance(images, StoredImages) or images.dtype == torch.uint8 or not len(images):
        return None
    low, high = map(float, images.aminmax())
    if not math.isfinite(low) or not math.isfinite(high):
        return "has images with values that are not finite"
    is_picture = image_shape[1:] != (1, 1)  # points in the plane may lie outside
    if is_picture and (low < -1 - TOLERANCE or high > 1 + TOLERANCE):
        return f"has images of {images.dtype} from {low:g} to {high:g}; they must be {WANTED}"
    return None


def wrong_labels(labels: Any, count: int, num_classes: int | None) -> str | None:
    """Return what is wrong with labels, None if nothing is."""
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
        kind = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        return (
            f"has labels of {kind}; they must be a tensor of torch.int64 (labels.long()), 0 where there are no classes"
        )
    if labels.shape != (count,):
        return f"has labels of shape {list(labels.shape)} for {count:,} images; they must be of shape [{count}]"
    low, high = (int(value) for value in labels.aminmax()) if count else (0, 0)
    if low < 0 or (num_classes and high >= num_classes):
        most = f"{num_classes - 1}, by num_classes" if num_classes else "num_classes - 1"
        return f"has labels from {low} to {high}; they must be from 0 to {most}"
    return None


def wrong_training_images(images: Tensor | StoredImages) -> str | None:
    """Return why good types hold what is not meant, None if they don't: no images, [0, 1] in the place of a range."""
    if not len(images):
        return "has no images"
    if images.shape[2:] == (1, 1):
        return None
    some = images[:LOOKED_AT]
    low, high = map(float, some.aminmax())
    if some.dtype == torch.uint8 and high == 1:
        return "has images of uint8 that are all 0 or 1: scale them to 0..255, by images * 255"
    if some.is_floating_point() and low >= 0:
        return f"has images of {some.dtype} from {low:g} to {high:g}: scale them to [-1, 1], by images * 2 - 1"
    return None

"""Latents from files in the place of seeds: what `ganzoo project` found, or any that somebody made.

Shapes: noise [N, D]; labels [1].
"""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from zoo.engine.errors import CheckpointError
from zoo.engine.randomness import seeded
from zoo.files.regular_files import open_regular
from zoo.hub.seeds import SeedSampler

#: Bytes that a file may have; what `ganzoo project` writes beside a latent, and the largest of it.
MOST, FOUND, MOST_FOUND = 2**28, "projection.json", 2**20


class Given(NamedTuple):
    """Latents [N, D], and the label that each was found with, None for none."""

    noise: Tensor
    labels: list[int | None]


class LatentSampler(SeedSampler):
    """Makes images of given latents, which take the place of seeds: 0, 1, 2, ...

    A generator's own noise is constant, as in `zoo.hub.projection`: an image is a function of its latent.

    Args:
        sampler: whose images.
        given: the latents.

    Raises:
        ValueError: they have another size than the model's.
    """

    def __init__(self, sampler: SeedSampler, given: Given) -> None:
        wanted = sampler.draw(seeded("image", 0), None)[0].shape[1]
        if given.noise.shape[1] != wanted:
            raise ValueError(f"latents of {given.noise.shape[1]} numbers, and this model's have {wanted}")
        has_noise = "noise" in sampler.sampler.of_generator
        super().__init__(
            sampler.sampler, sampler.sampling | ({"noise": "const"} if has_noise else {}), sampler.image_shape
        )
        self.given = given

    def start(
        self, seed: int, label: int | None, truncation: float | None = None
    ) -> tuple[Tensor, Tensor | None, torch.Generator]:
        """Return the latent [1, D] of that number, its label [1], and what the generator's own noise is drawn from."""
        chosen = self.given.labels[seed] if label is None else label
        labels = None if self.num_labels is None or chosen is None else torch.tensor([chosen])
        return self.given.noise[seed : seed + 1], labels, seeded("projection", 0)

    def check(self, labels: Sequence[int] | None, truncation: float | None) -> None:
        """Raise ValueError as the base does, for latents that lack a label, and for a truncation: nothing is drawn."""
        super().check(labels, truncation)
        if truncation is not None and "truncation" not in self.sampler.of_generator:
            raise ValueError("--truncation is of latents that are drawn: these are given")
        if labels is None and self.num_labels is not None:
            if None in self.given.labels:
                raise ValueError(
                    f"--labels: these latents have none, and the model has labels 0 .. {self.num_labels - 1}"
                )
            super().check([label for label in self.given.labels if label is not None], None)


def read_latents(paths: Sequence[Path]) -> Given:
    """Return the latents in files, one after the other.

    A file holds numbers [D] or [N, D] as numpy writes them. The label is what a `projection.json` beside it says.

    Raises:
        CheckpointError: a file is none, is damaged or not finite, or they have different sizes.
    """
    parts: list[Tensor] = []
    labels: list[int | None] = []
    for path in paths:
        part = read_numbers(path)
        if parts and part.shape[1] != parts[0].shape[1]:
            raise CheckpointError(f"{path}: latents of {part.shape[1]} numbers, and {paths[0]} of {parts[0].shape[1]}")
        parts.append(part)
        labels += [label_beside(path)] * len(part)
    return Given(torch.cat(parts), labels)


def read_numbers(path: Path) -> Tensor:
    """Return the numbers of a file, float32 [N, D]. Nothing is made in memory before the file is known to hold it."""
    content = read_bytes(path, MOST)
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
        shape, by_columns, dtype = read(file)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise CheckpointError(f"{path} is no file of numpy (.npy): {' '.join(str(error).split())[:100]}") from error
    if dtype.kind != "f" or dtype.itemsize > 8 or not 1 <= len(shape) <= 2:
        raise CheckpointError(f"{path} holds {dtype} {shape}: latents are floating numbers, [D] or [N, D]")
    if math.prod(shape) * dtype.itemsize != len(content) - file.tell() or not math.prod(shape):
        raise CheckpointError(f"{path} says {shape} and holds {len(content) - file.tell():,} bytes")
    found = np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order="F" if by_columns else "C")
    made = torch.from_numpy(np.atleast_2d(found).astype(np.float32))
    if not made.isfinite().all():
        raise CheckpointError(f"{path} is not finite: nothing can be made of such latents")
    return made


def label_beside(path: Path) -> int | None:
    """Return the label in the `projection.json` of a file's folder; None where there is none of either."""
    beside = path.parent / FOUND
    if not beside.is_file():
        return None
    try:
        found = json.loads(read_bytes(beside, MOST_FOUND))
        label = found["label"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{beside} is not what ganzoo project writes ({type(error).__name__})") from error
    if label is not None and (type(label) is not int or label < 0):
        raise CheckpointError(f"{beside}: label is {label!r:.50}")
    return label


def read_bytes(path: Path, most: int) -> bytes:
    """Return a regular file's bytes. Raise CheckpointError for one that has more, or cannot be read."""
    try:
        with open_regular(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from error
    if len(content) > most:
        raise CheckpointError(f"{path} has more than {most:,} bytes")
    return content

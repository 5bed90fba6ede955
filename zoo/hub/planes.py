"""Planes of images: between four seeds, between four labels, label by label, and by truncation.

Shapes: noise [1, D]; images [C, H, W] in [-1, 1].
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from zoo.engine.batch import Latents
from zoo.engine.sampler import evaluating
from zoo.hub.between import Between
from zoo.hub.paths import SeedPath, spherical, straight
from zoo.hub.seeds import SeedSampler

Value = TypeVar("Value")
#: Labels that are shown without being asked for.
LABELS = 10


class Plane(NamedTuple):
    """Rows of images that are not made yet.

    Attributes:
        title: what is shown.
        corners: what is at the upper left, upper right, lower left and lower right.
        columns: what each column is, in words.
        rows: what each row is.
        make: makes the image [C, H, W] of a row and a column.
    """

    title: str
    corners: tuple[str, str, str, str]
    columns: list[str]
    rows: list[str]
    make: Callable[[int, int], Tensor]


class SeedPlane(SeedPath):
    """A plane through four seeds: at each corner is the image that `SeedSampler.make` makes of it.

    First the way along both horizontal edges, then the way between these two points, each as `SeedPath` goes.

    Args:
        sampler: whose images.
        keys: four seeds and their labels: upper left, upper right, lower left, lower right.
        truncation: in the place of the model's own.
    """

    @torch.no_grad()
    def place(self, across: float, down: float) -> Tensor:
        """Make the image [C, H, W] at a place; both are shares in [0, 1]."""

        def blend(way: Callable[[Any, Any, float], Value], ends: Sequence[Value]) -> Value:
            return way(way(ends[0], ends[1], across), way(ends[2], ends[3], across), down)

        made, source = self.sampler.sampler, self.noise()
        noises, labels = zip(*self.drawn, strict=True)
        with evaluating(made):
            if hasattr(made.generator, "mapping"):
                return self.of_w(blend(straight, [self.to_w(*each) for each in self.drawn]), source)
            noise = blend(spherical if made.prior.distribution == "normal" else straight, noises)
            z = blend(straight, [made.prior.place(noise, each) for each in labels])
            label = None if labels[0] is None else blend(Between.of, labels)
            return made.generate(Latents(z, label), source, **self.how)[0].float()


class TruncationPlane(SeedPath):
    """The way from a seed to another, and down from all of each w to none: there is the image of the mean w."""

    @torch.no_grad()
    def place(self, across: float, down: float) -> Tensor:
        """Make the image [C, H, W] at a place; both are shares in [0, 1]."""
        self.how = self.how | {"truncation": 1 - down}
        return self.at(0, across)


def planes(
    sampler: SeedSampler, seeds: Sequence[int], labels: Sequence[int] | None, steps: int, truncation: float | None
) -> list[Plane]:
    """Return the planes of a model.

    Between each four seeds; with labels, all of one plane have the same one. Between the first four labels, of the
    first seed. A row for each label, from the first seed to the second. By truncation, where there is a mean w.

    Args:
        sampler: whose images.
        seeds: a multiple of four.
        labels: to be shown; the first ones that there are without it.
        steps: images from one side of a plane to the other, at least 2.
        truncation: in the place of the model's own.
    """
    if labels is None and sampler.num_labels is not None:
        labels = range(min(sampler.num_labels, LABELS))
    made = []
    for number in range(0, len(seeds), 4):
        four, label = seeds[number : number + 4], labels[number // 4 % len(labels)] if labels else None
        title = f"Between the seeds {in_words(four)}" + ("" if label is None else f", label {label}")
        corners = SeedPlane(sampler, [(seed, label) for seed in four], truncation)
        made.append(square(title, "seed", four, corners.place, steps))
    if labels and len(labels) >= 4:
        title = f"Between the labels {in_words(labels[:4])}, seed {seeds[0]}"
        corners = SeedPlane(sampler, [(seeds[0], label) for label in labels[:4]], truncation)
        made.append(square(title, "label", labels[:4], corners.place, steps))
    if labels:
        made.append(label_rows(sampler, seeds[:2], labels, steps, truncation))
    if hasattr(sampler.sampler.generator, "w_average"):
        keys = [(seed, labels[0] if labels else None) for seed in seeds[:2]]
        made.append(by_truncation(TruncationPlane(sampler, keys), seeds, steps))
    return made


def square(title: str, kind: str, ends: Sequence[int], place: Callable[[float, float], Tensor], steps: int) -> Plane:
    """Return a plane of as many rows as columns between four seeds or labels."""
    first, second, third, fourth = (f"{kind} {end}" for end in ends)
    columns, rows = shares("across", steps), shares("down", steps)
    return Plane(title, (first, second, third, fourth), columns, rows, at_shares(place, steps))


def label_rows(
    sampler: SeedSampler, seeds: Sequence[int], labels: Sequence[int], steps: int, truncation: float | None
) -> Plane:
    """Return a row for each label, in which the noise goes from a seed to another: each column has the same."""
    ways = [SeedPath(sampler, [(seed, label) for seed in seeds], truncation) for label in labels]
    first, second = (f"seed {seed}" for seed in seeds)
    title = f"Label by label, from {first} to {second}"
    rows = [f"label {label}" for label in labels]
    return Plane(
        title,
        (first, second, "", ""),
        shares("across", steps),
        rows,
        lambda row, column: ways[row].at(0, column / (steps - 1)),
    )


def by_truncation(plane: TruncationPlane, seeds: Sequence[int], steps: int) -> Plane:
    """Return the plane with its words."""
    first, second = f"seed {seeds[0]}", f"seed {seeds[1]}"
    rows = [f"truncation {1 - row / (steps - 1):.2f}" for row in range(steps)]
    title = f"Truncation, from {first} to {second}"
    return Plane(title, (first, second, "mean", "mean"), shares("across", steps), rows, at_shares(plane.place, steps))


def at_shares(place: Callable[[float, float], Tensor], steps: int) -> Callable[[int, int], Tensor]:
    """Return what makes the image of a row and a column, of what makes that of shares."""
    return lambda row, column: place(column / (steps - 1), row / (steps - 1))


def shares(word: str, steps: int) -> list[str]:
    """Return how far each step is, in words."""
    return [f"{round(100 * step / (steps - 1))} % {word}" for step in range(steps)]


def in_words(numbers: Sequence[int]) -> str:
    """Return numbers as text."""
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"

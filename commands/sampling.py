"""`ganzoo sample`: an image for each seed, as a file."""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from commands import catalogue
from commands.numbers import numbers
from commands.plain import PlainParser, report
from commands.starts import add_starts, starts

if TYPE_CHECKING:
    from zoo.hub.seeds import Made, SeedSampler

NO_LABEL: list[int | None] = [None]


def parser() -> PlainParser:
    """Return what reads the command's arguments."""
    made = PlainParser("sample", "An image for each seed: the same one whatever else is asked for.")
    made.add_source()
    add_starts(made, "0-63", "numbers and ranges, such as 0-63,100")
    made.add_argument("--labels", metavar="LIST", help="each seed with each of these; drawn by the seed without them")
    made.add_argument("--truncation", type=float, metavar="X", help="cut normal latents to [-X, X]: fewer odd images")
    made.add_argument("--grid", action="store_true", help="all of them in grid.png too, a row for each label")
    made.add_argument("--npy", action="store_true", help="images.npy too: float32 [N, C, H, W] in [-1, 1]")
    made.add_argument("--out", required=True, type=Path, metavar="DIR", help="made if needed")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name.

    Raises ValueError for wrong values, CheckpointError for a source that is not what it should be, OSError.
    """
    given = parser().parse_args(argv)
    labels = None if given.labels is None else numbers("--labels", given.labels)
    if given.truncation is not None and not 0 < given.truncation < math.inf:
        raise ValueError(f"--truncation must be finite and above 0, got {given.truncation}")
    sampler, seeds, name = starts(given, numbers)
    sampler.check(labels, given.truncation)
    from commands import sample_files

    wanted = [(seed, label) for label in (labels or NO_LABEL) for seed in seeds]
    made = with_progress(images(sampler, wanted, given.truncation), len(wanted))
    columns = len(seeds) if labels else None
    report(sample_files.write(made, sampler.image_shape, given.out, columns, given.grid, given.npy, name))


def sampler_of(source: str) -> "SeedSampler":
    """Return what makes images of a source. Raises SourceError, which knows recipes' names, and CheckpointError."""
    from zoo.hub import sources
    from zoo.hub.samplers import seed_sampler

    try:
        return seed_sampler(sources.read(source))
    except sources.SourceError as error:
        with suppress(OSError):
            if source in catalogue.names():
                advice = f"train it: ganzoo fit --config {source}, then give its run's folder"
                raise sources.SourceError(f"{error}; {source} is a recipe: {advice}") from error
        raise


def images(
    sampler: "SeedSampler", wanted: Sequence[tuple[int, int | None]], truncation: float | None
) -> Iterator[tuple[int, "Made"]]:
    """Give the seed and the image of each wanted seed and label."""
    for seed, label in wanted:
        yield seed, sampler.make(seed, label, truncation)


def with_progress(made: Iterator[tuple[int, "Made"]], total: int) -> Iterator[tuple[int, "Made"]]:
    """Give the same, with a bar on a terminal once it takes more than two seconds."""
    from tqdm import tqdm

    return iter(tqdm(made, total=total, delay=2, unit="image", leave=False, disable=None))

"""The options --seeds and --latents: seeds, or latents from files in their place."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.plain import PlainParser

if TYPE_CHECKING:
    from zoo.hub.seeds import SeedSampler


def add_starts(parser: PlainParser, default: str, what: str) -> None:
    """Add --seeds, and --latents in its place.

    Args:
        parser: of the command.
        default: seeds.
        what: they are.
    """
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--seeds", default=default, metavar="LIST", help=f"{what} (default: {default})")
    group.add_argument(
        "--latents",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="in their place: latent.npy of ganzoo project, any [N, D]",
    )


def starts(
    given: argparse.Namespace, read: Callable[[str, str], list[int]]
) -> tuple["SeedSampler", Sequence[int], str]:
    """Return what makes images, the seeds or the numbers of latents that are asked for, and what these are called.

    Raises ValueError for wrong seeds, and CheckpointError for a source or a file that is not what it should be.

    Args:
        given: the command's values: source, seeds, latents.
        read: a list of seeds.
    """
    seeds = read("--seeds", given.seeds)  # before torch is imported
    from commands.sampling import sampler_of

    if given.latents is None:
        return sampler_of(given.source), seeds, "seed"
    from zoo.hub.latents import LatentSampler, read_latents

    latents = read_latents(given.latents)
    return LatentSampler(sampler_of(given.source), latents), range(len(latents.noise)), "latent"

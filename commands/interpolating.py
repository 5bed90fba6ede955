"""`ganzoo interpolate`: the way from one seed or label to the next."""

import math
from collections.abc import Sequence
from pathlib import Path

from commands.numbers import sequence
from commands.plain import PlainParser, report
from commands.starts import add_starts, starts

KINDS = ".gif", ".png", ".mp4"


def parser() -> PlainParser:
    """Return what reads the command's arguments."""
    made = PlainParser("interpolate", "The way from one seed or label to the next, as a GIF, an MP4 or rows of a PNG.")
    made.add_source()
    add_starts(made, "0-3", "the way's ends, such as 3,7,12")
    made.add_argument("--labels", metavar="LIST", help="one for each seed, one for all, or many for one seed")
    made.add_argument(
        "--steps", type=int, metavar="N", help="images from one end to the next (default: 30; of a PNG 8)"
    )
    made.add_argument("--truncation", type=float, metavar="X", help="cut normal latents to [-X, X]")
    made.add_argument("--loop", action="store_true", help="end where it began")
    made.add_argument("--fps", type=int, default=20, metavar="N", help="images in a second (default: 20)")
    made.add_argument("--out", required=True, type=Path, metavar="FILE", help=", ".join(KINDS))
    return made


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name.

    Raises ValueError for wrong values, CheckpointError for a source that is not what it should be, OSError.
    """
    given = parser().parse_args(argv)
    labels = None if given.labels is None else sequence("--labels", given.labels)
    kind = given.out.suffix.lower()
    if kind not in KINDS:
        raise ValueError(f"--out must end in {', '.join(KINDS)}, got {given.out}")
    if given.truncation is not None and not 0 < given.truncation < math.inf:
        raise ValueError(f"--truncation must be finite and above 0, got {given.truncation}")
    steps = (8 if kind == ".png" else 30) if given.steps is None else given.steps
    if not 2 <= steps <= 10_000 or not 1 <= given.fps <= 50:
        raise ValueError(f"--steps is at least 2, --fps 1 to 50: got {steps} and {given.fps}")
    from tqdm import tqdm

    from commands import moving_pictures
    from commands.sample_files import save
    from zoo.hub import paths
    from zoo.hub.pictures import are_pictures, png

    sampler, seeds, _ = starts(given, sequence)
    keys = paths.keys_of(seeds, labels)
    sampler.check(labels, given.truncation)
    if not are_pictures(sampler.image_shape):
        raise ValueError(f"{given.source} makes points, not pictures: there is nothing to be seen between them")
    if kind == ".mp4":
        moving_pictures.ffmpeg()
    way = paths.SeedPath(sampler, keys, given.truncation)
    places = (paths.rows if kind == ".png" else paths.positions)(len(keys), steps, given.loop)
    images = [way.at(*place) for place in tqdm(places, delay=2, unit="image", leave=False)]
    if kind == ".png":
        content = png(moving_pictures.strip(images, steps))
    else:
        frames = [moving_pictures.enlarged(image) for image in images]
        of_kind = {".gif": moving_pictures.gif, ".mp4": moving_pictures.mp4}[kind]
        content = of_kind(frames, given.fps)
    report([save(given.out, content)])

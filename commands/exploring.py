"""`ganzoo explore`: planes of a model's images as one page, to be dragged through."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from commands.numbers import numbers
from commands.plain import PlainParser, report

if TYPE_CHECKING:
    import numpy as np

    from commands.explore.sprite import Sheet
    from zoo.hub.planes import Plane

#: Images from one side of a plane to the other, unless that makes a side of more than WIDE pixels.
STEPS, FEWEST, WIDE = 15, 5, 1448
#: Pixels of all planes together, at most: browsers decode them at once.
MAX_PIXELS = 2**24


def parser() -> PlainParser:
    """Return what reads the command's arguments."""
    made = PlainParser("explore", "Planes of images between seeds and labels, as one page: drag, or use arrow keys.")
    made.add_source()
    made.add_argument("--seeds", default="0-7", metavar="LIST", help="a plane for each four (default: 0-7)")
    made.add_argument("--labels", metavar="LIST", help="a row for each of these (default: the first ten)")
    made.add_argument("--steps", type=int, metavar="N", help="images from side to side (default: 15; fewer large ones)")
    made.add_argument("--truncation", type=float, metavar="X", help="cut normal latents to [-X, X]")
    made.add_argument("--out", type=Path, default=Path("explore.html"), metavar="FILE", help="explore.html")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name.

    Raises ValueError for wrong values, CheckpointError for a source that is not what it should be, OSError.
    """
    given = parser().parse_args(argv)
    seeds = numbers("--seeds", given.seeds)
    labels = None if given.labels is None else numbers("--labels", given.labels)
    if len(seeds) % 4:
        raise ValueError(f"--seeds {given.seeds}: a plane has four seeds at its corners: give 4, 8, 12, ... of them")
    if given.out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {given.out}: a page's name ends with .html")
    if given.truncation is not None and not 0 < given.truncation < math.inf:
        raise ValueError(f"--truncation must be finite and above 0, got {given.truncation}")
    if given.steps is not None and not 2 <= given.steps <= 100:
        raise ValueError(f"--steps is 2 to 100, got {given.steps}")
    from commands.bundles import without_places
    from commands.explore.page import page
    from commands.explore.sprite import address, sheet_of, sprite
    from commands.sample_files import save
    from commands.sampling import sampler_of
    from zoo.hub.pictures import are_pictures
    from zoo.hub.planes import planes

    sampler = sampler_of(given.source)
    sampler.check(labels, given.truncation)
    if not are_pictures(sampler.image_shape):
        raise ValueError(f"{given.source} makes points, not pictures: there is nothing to be seen between them")
    sheet = sheet_of(sampler.image_shape)
    steps = given.steps or max(FEWEST, min(STEPS, WIDE // max(sheet.cell_width, sheet.cell_height)))
    shown = planes(sampler, seeds, labels, steps, given.truncation)
    check_size(shown, sheet)
    picture = address(sprite(cells(shown, sheet)))
    name = Path(given.source).name if Path(given.source).is_absolute() else given.source
    command = without_places(shlex.join(["ganzoo", "explore", *argv]))
    report([save(given.out, page(name, command, shown, sheet, picture))])


def check_size(shown: "Sequence[Plane]", sheet: "Sheet") -> None:
    """Raise ValueError where planes have more pixels than a browser should be given."""
    rows, widest = sum(len(plane.rows) for plane in shown), max(len(plane.columns) for plane in shown)
    pixels = rows * widest * sheet.cell_width * sheet.cell_height
    if pixels > MAX_PIXELS:
        advice = "give fewer --seeds or --labels, or a smaller --steps"
        raise ValueError(f"{len(shown)} planes have {pixels:,} pixels, more than {MAX_PIXELS:,}: {advice}")


def cells(shown: "Sequence[Plane]", sheet: "Sheet") -> "list[list[list[np.ndarray]]]":
    """Make the images of all planes, with a bar on a terminal once it takes more than two seconds."""
    from tqdm import tqdm

    from commands.explore.sprite import cell

    total = sum(len(plane.rows) * len(plane.columns) for plane in shown)
    made: list[list[list[np.ndarray]]] = []
    with tqdm(total=total, delay=2, unit="image", leave=False, disable=None) as bar:
        for plane in shown:
            made.append([])
            for row in range(len(plane.rows)):
                made[-1].append([cell(plane.make(row, column), sheet) for column in range(len(plane.columns))])
                bar.update(len(plane.columns))
    return made

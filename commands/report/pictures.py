"""The pictures of a run's folder, decoded and made again for the page."""

import base64
import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from commands.report.elements import Markup, tag
from commands.report.run_data import RunData, content

MAX_PIXELS = 2**25
#: Pixels of a picture's longer side on the page.
SIDE = 520
STEP = re.compile(r"(labels_|)step_(\d{1,12})\.png")


def figures(run: RunData, count: int) -> list[Markup]:
    """Return `count` grids of a run by step, its newest one of labels, and those of its test; no picture twice."""
    made: dict[str, Markup] = {}
    for name, title in [*of_steps(run, count), *of_test(run)]:
        caption = tag("figcaption", title)
        try:
            source = data_of(content(run.folder, f"samples/{name}"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning) as error:
            why = "it is no PNG" if isinstance(error, UnidentifiedImageError) else None
            why = why or getattr(error, "strerror", None) or str(error)
            made[name] = tag("figure", tag("p", f"samples/{name} was not read: {why}", class_="note"), caption)
            continue
        image = tag("img", src=source, alt=f"{run.name}: grid of images, {title}", loading="lazy")
        made.setdefault(source, tag("figure", image, caption))
    return list(made.values())


def of_steps(run: RunData, count: int) -> list[tuple[str, str]]:
    """Return the files and titles of at most `count` pictures of a run by step, evenly chosen, first and last too."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names(run.folder):
        if match := STEP.fullmatch(name):
            found.setdefault(match[1], []).append((int(match[2]), name))
    steps = sorted(found.get("", []))
    count = min(count, len(steps))
    chosen = [steps[round(i * (len(steps) - 1) / max(1, count - 1))] for i in range(count)]
    made = [(name, f"step {step:,}") for step, name in chosen]
    return made + [(name, f"labels, step {step:,}") for step, name in sorted(found.get("labels_", []))[-1:]]


def of_test(run: RunData) -> list[tuple[str, str]]:
    """Return the files and titles of the pictures that a test left."""
    wanted = {"test.png": "of the test", "real.png": "real images"}
    return [(name, wanted[name]) for name in wanted if name in names(run.folder)]


def names(folder: Path) -> Sequence[str]:
    """Return the names of files under samples/."""
    try:
        return sorted(path.name for path in (folder / "samples").iterdir())[:100_000]
    except OSError:
        return []


def data_of(held: bytes) -> Markup:
    """Return a PNG's picture, not larger than the page needs, as an address that is the picture itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with io.BytesIO(held) as stream, Image.open(stream, formats=["PNG"]) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ValueError(f"more than {MAX_PIXELS:,} pixels")
            picture = opened.convert("RGB")
    scale = SIDE / max(picture.size)
    if scale < 1:
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    if is_grey(picture):
        picture = picture.convert("L")
    picture.save(exact := io.BytesIO(), format="PNG", optimize=True)
    picture.save(near := io.BytesIO(), format="JPEG", quality=85, subsampling=0)
    kind, data = min(("png", exact.getvalue()), ("jpeg", near.getvalue()), key=lambda each: len(each[1]))
    return Markup(f"data:image/{kind};base64,{base64.b64encode(data).decode()}")


def is_grey(picture: Image.Image) -> bool:
    """Return whether all three colours of each pixel are equal."""
    red, green, blue = picture.split()
    return red.tobytes() == green.tobytes() == blue.tobytes()

"""One image file of any kind to 8-bit grey or RGB of one size; what is said of files that are damaged."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from datamodules.depth import depth_of, graded
from datamodules.drawings import drawn
from datamodules.errors import DataError
from zoo.files.regular_files import open_regular

#: PIL's decoders that a picture may choose by what it holds, whatever its name; others (EPS!) start programs.
DECODERS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

#: Names of JPEG files end so, in any case, and those of all image files; everything else is ignored.
JPEG = (".jfif", ".jif", ".jpe", ".jpeg", ".jpg", ".mpo", ".pjp", ".pjpeg")
EXTENSIONS = (*JPEG, ".apng", ".bmp", ".dib", ".gif", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")

#: Pictures of more pixels are decoded one at a time, whatever the threads: a small file may unpack to half a gigabyte.
LARGE, ONE_LARGE = 2**24, Lock()

Resize = Literal["stretch", "crop", "drawing"]

WHITE = (255, 255, 255, 255)


class Decoded(NamedTuple):
    """An image and how sure its range is.

    Attributes:
        pixels: uint8 [channels, height, width].
        doubt: why they may be too dark, None where they are not.
        full: whether they were 16 bits, all in use: a proof for doubtful ones of the same folder.
    """

    pixels: np.ndarray
    doubt: str | None
    full: bool


class Outcome(NamedTuple):
    """The outcome of reading a file: a problem in one line, a doubt about its range, or a proof of it; see Decoded."""

    problem: str | None = None
    doubt: str | None = None
    full: bool = False


def decode(path: Path, channels: int, size: int | tuple[int, int], resize: Resize) -> np.ndarray:
    """Return an image of `read_image` as uint8 [channels, height, width]. Raise ValueError if it may be too dark."""
    pixels, doubt, _ = read_image(path, channels, size, resize)
    if doubt:
        raise ValueError(doubt)
    return pixels


def read_image(path: Path, channels: int, size: int | tuple[int, int], resize: Resize) -> Decoded:
    """Read an image: the first frame of an animated one, turned as its EXIF orientation says.

    What the file holds decides how it is decoded, not its name. Transparency is put onto white. RGB becomes grey by
    ITU-R 601 (PIL's "L"). Resizing is bilinear with antialiasing; "crop" resizes until the image covers `size` and
    keeps the centre; "drawing" is `drawings.drawn`. Pixels of more than 8 bits are scaled by the range that the file
    states (a PNG's sBIT, a TIFF's tags, a PGM's maximum), 16-bit ones that state none by 1/257.

    Args:
        path: the file.
        channels: 3 for RGB, 1 for grey.
        size: height and width of the result, one number where they are equal.
        resize: "stretch", "crop" or, of one channel, "drawing".

    Raises:
        Exception: whatever PIL raises for a file that is damaged or no image; OSError for what is no regular file;
            ValueError for pixels whose range cannot be known.
    """
    height, width = (size, size) if isinstance(size, int) else size
    with open_regular(path) as stream, Image.open(stream, formats=DECODERS) as file:
        # lets the JPEG decoder halve large photographs, but only while twice the size remains for the antialiasing
        if resize != "drawing":  # whose lines are one pixel wide
            file.draft(None, (2 * width, 2 * height))
        depth = depth_of(file, stream)
        with ONE_LARGE if file.width * file.height > LARGE else nullcontext():
            image, doubt, full = graded(ImageOps.exif_transpose(file), depth)
    image = on_white(image).convert("L" if channels == 1 else "RGB")
    if resize == "drawing":
        return Decoded(drawn(np.asarray(image), height, width)[None], doubt, full)
    box = centre_box(image.size, (width, height)) if resize == "crop" else None
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box=box))
    return Decoded(pixels.reshape(height, width, channels).transpose(2, 0, 1), doubt, full)


def decode_into(file: Path, target: np.ndarray, shape: tuple[int, int, int], resize: Resize) -> Outcome:
    """Decode `file` into `target`, uint8 `shape`."""
    try:
        pixels, doubt, full = read_image(file, shape[0], shape[1:], resize)
    except Exception as error:  # from damaged files: OSError, SyntaxError, struct.error, ...
        return Outcome(" ".join(f"{type(error).__name__}: {error}".split()))
    target[...] = pixels
    return Outcome(None, doubt, full)


def check_outcomes(files: Sequence[Path], outcomes: Sequence[Outcome]) -> None:
    """Raise DataError for bad files; doubtful ones are good where another one proves their range."""
    proven = any(outcome.full for outcome in outcomes)
    problems = [outcome.problem or (None if proven else outcome.doubt) for outcome in outcomes]
    bad = [(file, problem) for file, problem in zip(files, problems, strict=True) if problem]
    if bad:
        more = f", and {len(bad) - 1} more files like it" if len(bad) > 1 else ""
        raise DataError(f"{bad[0][0]}: cannot be read as an image ({bad[0][1]}){more}; replace or remove what is bad")


def centre_box(found: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float, float, float]:
    """Return the largest box in the centre of an image, as (left, top, right, bottom), with the sides' wanted ratio.

    Args:
        found: the image's width and height.
        wanted: width and height.
    """
    is_tall = found[0] * wanted[1] <= found[1] * wanted[0]
    width = found[0] if is_tall else found[1] * wanted[0] / wanted[1]
    height = found[0] * wanted[1] / wanted[0] if is_tall else found[1]
    left, top = (found[0] - width) / 2, (found[1] - height) / 2
    return left, top, left + width, top + height


def on_white(image: Image.Image) -> Image.Image:
    """Return the image on white where it is transparent."""
    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in image.info:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)

"""Pixels of more than 8 bits, scaled by what their file says is black and white."""

from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

FULL = 65535
#: TIFF tags.
BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
#: The tags of the smallest and the largest sample: of any type, then of unsigned integers.
RANGES = ((340, 341), (280, 281))
WHITE_IS_ZERO, SIGNED = 0, 2


class Depth(NamedTuple):
    """The range of a file's pixels, as the file states it.

    Attributes:
        bits: of each sample, as they are stored.
        stated: what is black and what is white, where the file says so.
        significant: how many of 16 bits count, by a PNG's sBIT chunk. The samples should be scaled to all 16
            nevertheless; many programs forget to.
        inverted: whether white is the lowest value.
        wraps: whether PIL reads unsigned numbers as signed ones.
    """

    bits: int = 8
    stated: tuple[float, float] | None = None
    significant: int | None = None
    inverted: bool = False
    wraps: bool = False


class Graded(NamedTuple):
    """An image of 8 bits and how sure its range is.

    Attributes:
        image: "L", or what PIL itself made of 16-bit colours.
        doubt: why the image may be too dark, None where it is not.
        full: whether it uses all 16 bits, which is proof for doubtful images of the same origin.
    """

    image: Image.Image
    doubt: str | None = None
    full: bool = False


def depth_of(file: Image.Image, stream: BinaryIO) -> Depth:
    """Return what an opened, not yet loaded file says. Raise ValueError for signed bytes, which PIL reads wrong."""
    tiles = getattr(file, "tile", ())
    arguments = tiles[0][3] if tiles else ()
    mode = str(arguments if isinstance(arguments, str) else next(iter(arguments or ()), ""))
    if file.format == "TIFF":
        return tiff_depth(file.tag_v2, mode)  # type: ignore[attr-defined]
    if file.format == "PNG" and ";16" in mode:
        return Depth(16, significant=significant_bits(stream))
    if file.format == "PPM" and file.mode == "I" and ";16" not in mode:  # PIL scaled them by the file's own maximum
        return Depth(16, stated=(0, FULL))
    return Depth(16 if ";16" in mode or file.mode[0] in "IF" else 8)


def tiff_depth(tags: dict[int, object], mode: str) -> Depth:
    """Return what a TIFF's tags say of its first sample."""

    def first(tag: int) -> float | None:
        value = tags.get(tag)
        value = value[0] if isinstance(value, tuple) and value else value
        return float(value) if isinstance(value, int | float) else None

    bits, sample = int(first(BITS_PER_SAMPLE) or 8), first(SAMPLE_FORMAT)
    if bits == 8 and sample == SIGNED:
        raise ValueError("signed 8-bit pixels; save them as unsigned ones")
    stated: tuple[float, float] | None = (0, 2**bits - 1) if 8 < bits < 16 else None
    for low, high in reversed(RANGES):
        if (highest := first(high)) is not None:
            stated = first(low) or 0.0, highest
    inverted = bits > 8 and first(PHOTOMETRIC) == WHITE_IS_ZERO
    return Depth(bits, stated, inverted=inverted, wraps=bits == 32 and "S" not in mode and mode.startswith("I"))


def significant_bits(stream: BinaryIO) -> int | None:
    """Return the largest number of colour bits in the sBIT chunk of a 16-bit PNG, None without one that makes sense."""
    place = stream.tell()
    try:
        stream.seek(8)
        colours = 3
        while len(head := stream.read(8)) == 8 and head[4:] not in (b"IDAT", b"IEND"):
            size = int.from_bytes(head[:4], "big")
            content = stream.read(min(size, 16))
            if head[4:] == b"IHDR" and len(content) > 9:
                colours = 3 if content[9] & 2 else 1
            if head[4:] == b"sBIT" and 0 < (bits := max(content[:colours], default=0)) <= 16:
                return bits
            stream.seek(size - len(content) + 4, 1)
        return None
    finally:
        stream.seek(place)


def graded(image: Image.Image, depth: Depth) -> Graded:
    """Return the image with 8 bits a sample. Raise ValueError where what is black and white cannot be known."""
    if image.mode[0] in "IF":
        return graded_grey(image, depth)
    if depth.bits < 16:
        return Graded(image)
    highest = 256 * int(np.asarray(image.convert("RGB")).max())  # PIL keeps the upper 8 bits of each colour
    most = 2**depth.significant - 1 if depth.significant else depth.stated[1] if depth.stated else None
    if most is not None and highest <= most < FULL:
        raise ValueError(
            f"16-bit colours of at most {most:g}, of which the upper 8 bits say little; save them as 8 bits"
        )
    return Graded(image) if most is not None else with_doubt(image, highest)


def graded_grey(image: Image.Image, depth: Depth) -> Graded:
    """Return pixels of one channel, integers or floats, as "L"."""
    pixels = np.asarray(image)
    pixels = (pixels.view(np.uint32) if depth.wraps else pixels).astype(np.float64)
    if not np.isfinite(pixels).all():
        raise ValueError("pixels that are not finite")
    lowest, highest = float(pixels.min()), float(pixels.max())
    low, high = depth.stated or (0.0, FULL)
    if not low < high or lowest < low or highest > high or (image.mode == "F" and not depth.stated):
        said = f"the file says {low:g} to {high:g}" if depth.stated else "the file does not say what is black and white"
        raise ValueError(f"pixels of mode {image.mode} from {lowest:g} to {highest:g}, but {said}")
    if depth.significant and highest < 2**depth.significant:
        high = 2**depth.significant - 1
    levels = (pixels - low) * (255 / (high - low))
    scaled = Image.fromarray((255 - levels if depth.inverted else levels).round().astype(np.uint8))
    return Graded(scaled) if depth.stated or depth.significant else with_doubt(scaled, highest)


def with_doubt(image: Image.Image, highest: float) -> Graded:
    """Return the image scaled from all 16 bits with a doubt, if nothing in it is brighter than half: many hold 12."""
    if highest > FULL // 2:
        return Graded(image, full=True)
    doubt = f"16-bit pixels of at most {highest:g}, and the file does not say what is white: scale them to 0..65535"
    return Graded(image, doubt if highest else None)

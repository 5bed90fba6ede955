"""One image file of any kind to 8-bit grey or RGB of one size."""

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageOps

from zoo.regular_files import open_regular

#: PIL's decoders that a picture may choose by what it holds, whatever its name; others (EPS!) start programs.
DECODERS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")

#: Names of image files end so, in any case; everything else is ignored.
EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

Resize = Literal["stretch", "crop"]

WHITE = (255, 255, 255, 255)


def decode(path: Path, channels: int, size: int, resize: Resize) -> np.ndarray:
    """Reads an image: the first frame of an animated one, turned as its EXIF orientation says.

    Transparency is put onto white. RGB becomes grey by ITU-R 601 (PIL's "L"). 16-bit grey is scaled by 1/257. Resizing
    is bilinear with antialiasing; "crop" resizes the shorter side to `size` and keeps the centre.

    Args:
        path: the file.
        channels: 3 for RGB, 1 for grey.
        size: height and width of the result.
        resize: "stretch" or "crop".

    Returns:
        uint8 [channels, size, size].

    Raises:
        Exception: whatever PIL raises for a file that is damaged or no image.
    """
    with open_regular(path) as stream, Image.open(stream, formats=DECODERS) as file:
        # lets the JPEG decoder halve large photographs, but only while twice the size remains for the antialiasing
        file.draft(None, (2 * size, 2 * size))
        image = to_8_bit(ImageOps.exif_transpose(file), "L" if channels == 1 else "RGB")
    side = min(image.size)
    left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side) if resize == "crop" else None
    pixels = np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))
    return pixels.reshape(size, size, channels).transpose(2, 0, 1)


def to_8_bit(image: Image.Image, mode: str) -> Image.Image:
    """Any PIL image as `mode`, "L" or "RGB". Raises ValueError for pixels without a known range."""
    if image.mode.startswith(("I", "F")):
        image = from_16_bit(image)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return image.convert(mode)


def from_16_bit(image: Image.Image) -> Image.Image:
    """Grey levels 0..65535 (PIL's "I;16", some files "I") to 0..255, "L"; PIL's own conversion would clip them."""
    pixels = np.asarray(image)
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError(f"pixels of mode {image.mode} that are not within 16 bits: their range is unknown")
    return Image.fromarray((pixels / 257).round().astype(np.uint8))

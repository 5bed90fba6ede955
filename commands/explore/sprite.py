"""Many small images as one picture: a sprite, from which a page shows one at a time."""

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from commands.report.elements import Markup
from zoo.hub.pictures import picture

#: Pixels of a tile's longer side; larger images are made smaller.
SIDE = 128
#: Sides of cells are multiples of it: JPEG's blocks hold no two tiles.
BLOCK = 8


class Sheet(NamedTuple):
    """Places of tiles on a sprite, in pixels.

    Attributes:
        width, height: of a tile.
        cell_width, cell_height: from one tile to the next.
    """

    width: int
    height: int
    cell_width: int
    cell_height: int


def sheet_of(image_shape: Sequence[int]) -> Sheet:
    """Return the sheet for images [C, H, W]."""
    scale = min(1.0, SIDE / max(image_shape[1:]))
    height, width = (max(1, round(side * scale)) for side in image_shape[1:])
    return Sheet(width, height, up(width), up(height))


def up(side: int) -> int:
    """Return the next multiple of BLOCK."""
    return -(-side // BLOCK) * BLOCK


def cell(image: Tensor, sheet: Sheet) -> np.ndarray:
    """Return an image [C, H, W] as the pixels of a cell, uint8; its last row and column fill what is beyond them."""
    tile = picture(image)
    if tile.size != (sheet.width, sheet.height):
        tile = tile.resize((sheet.width, sheet.height), Image.Resampling.LANCZOS)
    pixels = np.asarray(tile)
    beyond = [(0, sheet.cell_height - sheet.height), (0, sheet.cell_width - sheet.width), (0, 0)]
    return np.pad(pixels, beyond[: pixels.ndim], mode="edge")


def sprite(blocks: Sequence[Sequence[Sequence[np.ndarray]]]) -> Image.Image:
    """Return blocks of rows of cells, one under the other; what is beyond a short row is black."""
    rows = [np.concatenate(row, 1) for block in blocks for row in block]
    widest = max(row.shape[1] for row in rows)
    rows = [np.pad(row, [(0, 0), (0, widest - row.shape[1]), (0, 0)][: row.ndim]) for row in rows]
    return Image.fromarray(np.concatenate(rows))


def address(made: Image.Image) -> Markup:
    """Return a picture as an address that is the picture itself: PNG, or JPEG where that is smaller."""
    made.save(exact := io.BytesIO(), format="PNG", optimize=True)
    made.save(near := io.BytesIO(), format="JPEG", quality=85, subsampling=0)
    kind, data = min(("png", exact.getvalue()), ("jpeg", near.getvalue()), key=lambda each: len(each[1]))
    return Markup(f"data:image/{kind};base64,{base64.b64encode(data).decode()}")

"""Images as pictures: bytes, grids, and points as dots. Needs no torchvision, which takes longer to import than torch.

Shapes: images [N, C, H, W] in [-1, 1].
"""

import io
import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

#: Grey between the images of a grid, and its width in pixels.
LINE, GAP = 32, 2
#: A picture of points shows [-LIMIT, LIMIT]^2 on SIDE x SIDE pixels.
LIMIT, SIDE = 1.5, 256


def to_bytes(images: Tensor) -> Tensor:
    """Return images in [-1, 1] as uint8 0..255 on the CPU, whatever their shape."""
    return ((images.float().cpu().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def are_pictures(image_shape: Sequence[int]) -> bool:
    """Return whether images of a shape (C, H, W) are grey or RGB; points, for one, are not."""
    return image_shape[0] in (1, 3)


def picture(image: Tensor) -> Image.Image:
    """Return one image [C, H, W], C 1 or 3, as a picture; grey stays grey."""
    return Image.fromarray(to_bytes(image).permute(1, 2, 0).squeeze(2).numpy())


def grid_picture(images: Tensor, columns: int | None = None, tile: int = 32) -> Image.Image:
    """Return images [N, C, H, W], C 1 or 3, as one picture, row by row, on a near-square grid.

    Small images are enlarged by whole numbers, without blurring, until a side has at least `tile` pixels.

    Args:
        images: at least one.
        columns: images in a row; as many as there are rows by default.
        tile: pixels.
    """
    images = to_bytes(images).expand(-1, 3, -1, -1)
    scale = math.ceil(tile / min(images.shape[-2:]))
    images = images.repeat_interleave(scale, dim=-2).repeat_interleave(scale, dim=-1)
    count, _, height, width = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    grid = torch.full((3, rows * (height + GAP) + GAP, columns * (width + GAP) + GAP), LINE, dtype=torch.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        top, left = GAP + row * (height + GAP), GAP + column * (width + GAP)
        grid[:, top : top + height, left : left + width] = image
    return Image.fromarray(grid.permute(1, 2, 0).numpy())


def points_picture(images: Tensor) -> Image.Image:
    """Return points [N, 2, 1, 1] as black dots on white."""
    points = images.flatten(1)[:, :2].float().cpu()
    inside = points[(points.abs() < LIMIT).all(dim=1)].double().numpy()
    column, row = ((sign * inside[:, axis] / LIMIT + 1) * (SIDE / 2) for axis, sign in ((0, 1), (1, -1)))
    pixels = np.full((SIDE + 1, SIDE + 1), 255, np.uint8)
    for down in (0, 1):
        pixels[row.astype(int) + down, column.astype(int)] = pixels[row.astype(int), column.astype(int) + down] = 0
    return Image.fromarray(pixels[:SIDE, :SIDE])


def png(image: Image.Image) -> bytes:
    """Return a picture as the bytes of a PNG file."""
    image.save(buffer := io.BytesIO(), format="PNG")
    return buffer.getvalue()

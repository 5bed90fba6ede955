"""The files of `ganzoo sample`."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from zoo.files.whole_files import whole_file
from zoo.hub.pictures import are_pictures, grid_picture, picture, png
from zoo.hub.seeds import Made


def write(
    made: Iterable[tuple[int, Made]],
    image_shape: Sequence[int],
    out: Path,
    columns: int | None,
    grid: bool,
    npy: bool,
    name: str = "seed",
) -> list[Path]:
    """Write images as they come, and return the files.

    Args:
        made: seeds and their images.
        image_shape: (C, H, W). What is no picture, as points, goes to `points.csv`: seed, label, values.
        out: the folder.
        columns: of the grid; None for a square one.
        grid: write `grid.png` too.
        npy: write `images.npy` too.
        name: what seeds are called in the files' names.
    """
    are_png, written, kept, lines = are_pictures(image_shape), [], [], []
    for seed, (image, label) in made:
        if are_png:
            marked = "" if label is None else f"_label{label}"
            written.append(save(out / f"{name}{seed:04}{marked}.png", png(picture(image))))
        else:
            lines.append(",".join(map(str, [seed, "" if label is None else label, *image.flatten().tolist()])))
        if npy or (grid and are_png):
            kept.append(image)
    if lines:
        written.append(save(out / "points.csv", ("\n".join(lines) + "\n").encode()))
    if grid and are_png:
        written.append(save(out / "grid.png", png(grid_picture(torch.stack(kept), columns))))
    if npy:
        np.save(buffer := io.BytesIO(), torch.stack(kept).numpy())
        written.append(save(out / "images.npy", buffer.getvalue()))
    return written


def save(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all, and return its path."""
    with whole_file(path) as file:
        file.write(content)
    return path

"""Many image files to one array, or to parts of it where the whole does not fit into memory."""

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.decode import Outcome, Resize, check_outcomes, decode_into


def read_all(files: Sequence[Path], shape: tuple[int, int, int], resize: Resize) -> Tensor:
    """Decode every file into one tensor, uint8 [N, *shape]. Raise DataError for all bad files."""
    (images,) = read_parts(files, shape, resize, len(files))
    return torch.from_numpy(images)


def read_parts(
    files: Sequence[Path], shape: tuple[int, int, int], resize: Resize, part_size: int
) -> Iterator[np.ndarray]:
    """Decode the files in threads (PIL frees the GIL), `part_size` at a time, in order.

    Yields:
        uint8 [part_size, *shape], the last one shorter.

    Raises:
        DataError: some are bad: the first is named, the others are counted. No part that has one is given.
    """
    outcomes: list[Outcome] = []
    decode_one = partial(decode_into, shape=shape, resize=resize)
    with warnings.catch_warnings(), ThreadPoolExecutor() as pool:
        warnings.simplefilter("error", Image.DecompressionBombWarning)  # PIL itself refuses from twice that size on
        for begin in range(0, len(files), part_size):
            some = files[begin : begin + part_size]
            images = np.empty((len(some), *shape), np.uint8)
            outcomes += pool.map(decode_one, some, images)
            if begin + part_size >= len(files):
                check_outcomes(files, outcomes)
            if not any(outcome.problem for outcome in outcomes):
                yield images

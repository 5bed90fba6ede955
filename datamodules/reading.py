"""Many image files to one array, or to parts of it where the whole does not fit into memory."""

import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from datamodules.decode import Resize, read_image
from datamodules.errors import DataError


class Outcome(NamedTuple):
    """What came of a file: a problem in one line, or a doubt about its range, or a proof of it; see decode.Decoded."""

    problem: str | None = None
    doubt: str | None = None
    full: bool = False


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


def check_outcomes(files: Sequence[Path], outcomes: Sequence[Outcome]) -> None:
    """Raise DataError for bad files; doubtful ones are good where another one proves their range."""
    proven = any(outcome.full for outcome in outcomes)
    problems = [outcome.problem or (None if proven else outcome.doubt) for outcome in outcomes]
    bad = [(file, problem) for file, problem in zip(files, problems, strict=True) if problem]
    if bad:
        more = f", and {len(bad) - 1} more files like it" if len(bad) > 1 else ""
        raise DataError(f"{bad[0][0]}: cannot be read as an image ({bad[0][1]}){more}; replace or remove what is bad")


def decode_into(file: Path, target: np.ndarray, shape: tuple[int, int, int], resize: Resize) -> Outcome:
    """Decode `file` into `target`, uint8 `shape`."""
    try:
        pixels, doubt, full = read_image(file, shape[0], shape[1:], resize)
    except Exception as error:  # from damaged files: OSError, SyntaxError, struct.error, ...
        return Outcome(" ".join(f"{type(error).__name__}: {error}".split()))
    target[...] = pixels
    return Outcome(None, doubt, full)

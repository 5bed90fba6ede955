"""Line drawings as DeLiGAN's authors prepare theirs (input_data_gan.py): thick light lines on black, made small."""

import numpy as np

#: Grey values up to here are a line, above it paper.
INK = 250


def drawn(grey: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return uint8 [height, width]: 255 where lines are, 0 for paper, grey where a pixel has some of both.

    Lines grow by a pixel to each side, so that thin ones survive; then each pixel is the mean over its area.

    Args:
        grey: uint8 [H, W], dark lines on light paper.
        height: of the result.
        width: of the result.
    """
    lines = dilated(grey <= INK).astype(np.float32)
    shares = areas(grey.shape[0], height) @ lines @ areas(grey.shape[1], width).T
    pixels: np.ndarray = np.rint(255 * shares).clip(0, 255).astype(np.uint8)
    return pixels


def dilated(lines: np.ndarray) -> np.ndarray:
    """Return bool [H, W]: whether a pixel or one of its eight neighbours is a line's."""
    for _ in range(2):  # down, then across
        padded = np.pad(lines, ((1, 1), (0, 0)))
        lines = (padded[:-2] | padded[1:-1] | padded[2:]).T
    return lines


def areas(before: int, after: int) -> np.ndarray:
    """Return float32 [after, before]: which share of each of `after` equal parts of a side each of its pixels is."""
    ends = np.arange(after + 1) * (before / after)
    pixels = np.arange(before)
    low, high = np.maximum(ends[:-1, None], pixels), np.minimum(ends[1:, None], pixels + 1)
    overlap: np.ndarray = np.maximum(high - low, 0) * (after / before)
    return overlap.astype(np.float32)

"""Bytes to [-1, 1], the range of all images that models see and make."""

import torch
from torch import Tensor


def to_unit_range(images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Scale uint8 0..255 to `dtype` in [-1, 1], by x / 127.5 - 1; of floats, in their range already, change `dtype`."""
    if images.is_floating_point():
        return images.to(dtype)
    return images.to(dtype).div_(127.5).sub_(1.0)

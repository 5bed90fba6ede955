"""DiffAugment (arXiv:2006.10738): colour, translation and cutout, with a draw for each image."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from zoo.engine.augmentation import Augmentation


def brighten(images: Tensor, draw: Tensor) -> Tensor:
    """Add draw - 1/2 to each image; `draw` is [N, 1, 1, 1] in [0, 1)."""
    return images + (draw - 0.5)


def saturate(images: Tensor, draw: Tensor) -> Tensor:
    """Multiply the distance from each pixel's mean over channels by 2 draw; grey images stay as they are."""
    grey = images.mean(1, keepdim=True)
    return (images - grey) * (2 * draw) + grey


def contrast(images: Tensor, draw: Tensor) -> Tensor:
    """Multiply the distance from each image's mean by draw + 1/2."""
    level = images.mean((1, 2, 3), keepdim=True)
    return (images - level) * (draw + 0.5) + level


def translate(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return out[i, j] = in[i + rows, j + columns], 0 outside; the shifts are whole numbers, [N]."""
    height, width = images.shape[2:]
    from_rows = torch.arange(height, device=images.device) + rows[:, None]  # [N, H]
    from_columns = torch.arange(width, device=images.device) + columns[:, None]
    sample = torch.arange(len(images), device=images.device)[:, None, None]
    inside = ((from_rows >= 0) & (from_rows < height))[:, :, None] & ((from_columns >= 0) & (from_columns < width))[
        :, None
    ]
    from_rows, from_columns = from_rows.clamp(0, height - 1)[:, :, None], from_columns.clamp(0, width - 1)[:, None]
    moved = images.permute(0, 2, 3, 1)[sample, from_rows, from_columns].permute(0, 3, 1, 2)
    return moved * inside[:, None].to(images.dtype)


def cut_out(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Put zeros into a window of half the sides around (rows, columns), [N], which ends at the border."""
    in_rows, in_columns = window(images.shape[2], rows), window(images.shape[3], columns)
    return images * ~(in_rows[:, :, None] & in_columns[:, None])[:, None]


def window(size: int, centres: Tensor) -> Tensor:
    """Return which of `size` pixels are in a window of half of them around each centre, [N, size]."""
    starts = centres[:, None] - half(size) // 2
    pixels = torch.arange(size, device=centres.device)
    return (pixels >= starts) & (pixels < starts + half(size))


def half(size: int) -> int:
    """Return half of `size`, rounded up."""
    return int(size * 0.5 + 0.5)


def random_color(images: Tensor) -> Tensor:
    """Draw brightness, saturation and contrast, in this order."""
    for change in (brighten, saturate, contrast):
        images = change(images, torch.rand(len(images), 1, 1, 1, dtype=images.dtype, device=images.device))
    return images


def random_translation(images: Tensor) -> Tensor:
    """Draw shifts of at most an eighth of the sides, rows first."""
    rows, columns = (whole_numbers(images, -(most := int(size / 8 + 0.5)), most + 1) for size in images.shape[2:])
    return translate(images, rows, columns)


def random_cutout(images: Tensor) -> Tensor:
    """Draw the window's centre, rows first."""
    rows, columns = (whole_numbers(images, 0, size + 1 - half(size) % 2) for size in images.shape[2:])
    return cut_out(images, rows, columns)


def whole_numbers(images: Tensor, low: int, high: int) -> Tensor:
    """Draw one of low, ..., high - 1 for each image, [N]."""
    return torch.randint(low, high, (len(images), 1, 1), device=images.device).flatten()


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {
    "color": random_color,
    "translation": random_translation,
    "cutout": random_cutout,
}


class DiffAugment(Augmentation):
    """Change every image by its own draws, in the order of `policy`. arXiv:2006.10738, Section 3.2.

    Args:
        policy: some of color, translation, cutout. The paper has translation and cutout for BigGAN, color and cutout
            for StyleGAN2 on CIFAR-10, and all three on little data.
    """

    is_random = True

    def __init__(self, policy: Sequence[str] = ("color", "translation", "cutout")) -> None:
        super().__init__()
        unknown = [policy] if isinstance(policy, str) else [name for name in policy if name not in POLICIES]
        if unknown:
            raise ValueError(f"diffaugment: policy is a list of some of {', '.join(POLICIES)}, not {policy!r}")
        self.policy = tuple(policy)

    def forward(self, images: Tensor) -> Tensor:
        """Augment images [N, C, H, W] to the same shape and dtype; color can leave [-1, 1]."""
        for name in self.policy:
            images = POLICIES[name](images)
        return images

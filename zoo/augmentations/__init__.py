"""Augmentations of what the critic sees: modules that map images [N, C, H, W] to images of the same shape.

Draws come from torch's global generator on the images' device, which the loop seeds for each step. An augmentation
can be differentiated twice. The loop decides when it is called; `train()` and `eval()` change nothing.
"""

from zoo.augmentations.ada import ADA
from zoo.augmentations.diffaugment import DiffAugment
from zoo.engine.augmentation import Augmentation

AUGMENTATIONS: dict[str, type[Augmentation]] = {"ada": ADA, "diffaugment": DiffAugment}

__all__ = ["ADA", "AUGMENTATIONS", "DiffAugment"]

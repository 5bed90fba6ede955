"""Data sets as LightningDataModules: images in memory, batches by index.

They are imported when one is first asked for: to read a picture takes no Lightning.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules.batches import Images
    from datamodules.cifar10 import CIFAR10DataModule
    from datamodules.digits import DigitsDataModule
    from datamodules.errors import DataError
    from datamodules.flowers import FlowersDataModule
    from datamodules.folder import FolderDataModule
    from datamodules.images import ImageDataModule
    from datamodules.mnist import MNISTDataModule
    from datamodules.splits import held_out
    from datamodules.toy import ToyDataModule

__all__ = [
    "CIFAR10DataModule",
    "DataError",
    "DigitsDataModule",
    "FlowersDataModule",
    "FolderDataModule",
    "ImageDataModule",
    "Images",
    "MNISTDataModule",
    "ToyDataModule",
    "held_out",
]


def __getattr__(name: str) -> Any:
    """Import every file of this folder when the first of the names above is asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for module in [import_module(each.name) for each in iter_modules(__path__, "datamodules.")]:
        globals().update({key: value for key, value in vars(module).items() if key in __all__})
    return globals()[name]


def __dir__() -> list[str]:
    """Return all names, those that were not asked for yet too."""
    return sorted({*globals(), *__all__})

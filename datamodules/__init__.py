"""Data sets as LightningDataModules: images in memory, batches by index."""

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

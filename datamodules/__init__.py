"""Data sets as LightningDataModules: images in memory, batches by index."""

from datamodules.digits import DigitsDataModule
from datamodules.flowers import FlowersDataModule
from datamodules.folder import FolderDataModule
from datamodules.images import DataError, ImageDataModule
from datamodules.mnist import MNISTDataModule
from datamodules.toy import ToyDataModule

__all__ = [
    "DataError",
    "DigitsDataModule",
    "FlowersDataModule",
    "FolderDataModule",
    "ImageDataModule",
    "MNISTDataModule",
    "ToyDataModule",
]

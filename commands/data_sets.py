"""Data by name, for the commands that take no configuration: a data set's name, or a folder."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datamodules import ImageDataModule

#: The class in `datamodules` of each name.
KNOWN = {
    "cifar10": "CIFAR10DataModule",
    "digits": "DigitsDataModule",
    "flowers": "FlowersDataModule",
    "mnist": "MNISTDataModule",
}
#: What can be fetched.
FETCHED = "cifar10", "mnist", "flowers"


def data_module(name: str, **options: Any) -> "ImageDataModule":
    """Build the data of a name, or of a folder.

    Raises ValueError for wrong options, DataError for a folder that is none.
    """
    import datamodules

    if name in KNOWN:
        made: ImageDataModule = getattr(datamodules, KNOWN[name])(**options)
        return made
    return datamodules.FolderDataModule(name, **options)


def without_classes(message: str) -> str:
    """Return an error's message with this kind of command's options in the place of a configuration's."""
    return message.replace("--data.init_args.folder", "--data").replace("--data.init_args.", "--")

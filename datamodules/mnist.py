"""MNIST (LeCun, Cortes and Burges 1998): 70,000 handwritten digits of 28x28, read from torchvision's file layout."""

import socket
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from datamodules.archive import STALL_TIMEOUT
from datamodules.batches import Images
from datamodules.errors import DataError
from datamodules.idx import REMEDY, file_bytes, idx_file, read_idx
from datamodules.images import ImageDataModule
from datamodules.splits import held_out
from zoo.files.regular_files import open_regular

SIZE = 28
Resize = Literal["stretch", "pad"]
#: md5 of the four uncompressed files.
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
SOURCE = "https://ossci-datasets.s3.amazonaws.com/mnist/"


class MNISTDataModule(ImageDataModule):
    """MNIST, grey: 55,000 train, 5,000 val, 10,000 test (the official test set).

    The validation images are drawn at random from the 60,000 official training images, always the same ones for one
    `val_size`, whatever the seed. The files are `<data_dir>/MNIST/raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte`,
    each as it is or compressed (.gz). All four are checked when they are read.

    Args:
        image_size: height and width.
        resize: how images of another size than 28 are made: `stretch` resizes bilinearly, with antialiasing, `pad` puts
            black around the pixels as they are.
        val_size: how many of the training images are held out for validation.
        download: fetch the files if any is missing.
        per_class: train on the last that many images of each class in the file, as DeLiGAN does with 50; validation
            images then come from the rest.
        check_md5: accept the original files only; without it, any files of the same layout and any count.
        **kwargs: see ImageDataModule.
    """

    scorer = "mnist"
    num_classes = 10

    def __init__(
        self,
        image_size: int = SIZE,
        val_size: int = 5000,
        download: bool = False,
        per_class: int | None = None,
        check_md5: bool = True,
        resize: Resize = "stretch",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (("image_size", image_size), ("val_size", val_size), ("per_class", per_class)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if resize not in get_args(Resize):
            raise ValueError(f"resize must be one of {', '.join(get_args(Resize))}; got {resize!r}")
        if resize == "pad" and image_size < SIZE:
            raise ValueError(f"resize=pad adds pixels: image_size must be at least {SIZE}, got {image_size}")
        self.image_size, self.resize, self.val_size, self.per_class = image_size, resize, val_size, per_class
        self.download, self.check_md5 = download, check_md5

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (1, image_size, image_size)."""
        return 1, self.image_size, self.image_size

    @property
    def folder(self) -> Path:
        """Return the folder of the four files."""
        return self.data_dir / "MNIST" / "raw"

    def prepare_data(self) -> None:
        """Download the files if that was asked for and one is missing. Raise DataError if they cannot be had."""
        if not self.download or not self.missing():
            return
        self.check_places()
        from torchvision.datasets import MNIST  # costs seconds: needed only by those who download

        timeout = socket.getdefaulttimeout()
        socket.setdefaulttimeout(STALL_TIMEOUT)  # torchvision itself would wait for ever
        try:
            MNIST(str(self.data_dir), download=True)
        except (RuntimeError, OSError) as error:
            name = (self.missing() or list(MD5))[0]
            urls = " or ".join(f"{mirror}{name}.gz" for mirror in MNIST.mirrors)
            raise DataError(
                f"{self.folder / name}: cannot be downloaded ({' '.join(str(error).split())}); "
                f"fetch {urls} by hand and put it, packed or unpacked, into {self.folder}"
            ) from error
        finally:
            socket.setdefaulttimeout(timeout)

    def check_places(self) -> None:
        """Raise DataError if something that is no file lies where one belongs: to write there would never end."""
        for path in (self.folder / f"{name}{packed}" for name in MD5 for packed in ("", ".gz")):
            try:
                open_regular(path).close()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise DataError(f"{path}: {error.strerror}; remove it") from error

    def missing(self) -> list[str]:
        """Return the files that are not there, or only as a .gz that an interrupted download left incomplete."""

        def is_there(path: Path) -> bool:
            try:
                return path.is_file() or bool(file_bytes(path.with_name(path.name + ".gz")))
            except DataError:
                return False

        return [name for name in MD5 if not is_there(self.folder / name)]

    def load(self) -> dict[str, Images]:
        """Read and check the four files. Raise DataError."""
        train, test = self.read("train"), self.read("t10k")
        few = torch.zeros(len(train.images), dtype=torch.bool)
        if self.per_class:
            for label in range(self.num_classes):
                few[(train.labels == label).nonzero()[-self.per_class :]] = True
        rest = train.take(~few)
        if self.val_size >= len(rest.images):
            raise DataError(
                f"{self.folder}: {len(train.images)} training images cannot give {self.val_size} for validation; "
                "lower --data.init_args.val_size"
            )
        splits = held_out(rest, val=self.val_size) | {"test": test}
        return splits | {"train": train.take(few), "unused": splits["train"]} if self.per_class else splits

    def read(self, part: str) -> Images:
        """Read the images and labels of one part, `train` or `t10k`, in the files' order. Raise DataError."""
        images_file, labels_file = self.find(f"{part}-images-idx3-ubyte"), self.find(f"{part}-labels-idx1-ubyte")
        images = read_idx(images_file, (SIZE, SIZE), self.md5(images_file))
        labels = read_idx(labels_file, (), self.md5(labels_file))
        if len(images) != len(labels):
            raise DataError(
                f"{labels_file}: {len(labels)} labels for the {len(images)} images of {images_file.name}; "
                "replace both by good copies"
            )
        if (largest := int(labels.max())) >= self.num_classes:
            raise DataError(f"{labels_file}: has a label {largest}, but digits are 0..9; {REMEDY}")
        change = padded if self.resize == "pad" else resized
        return Images(change(images.unsqueeze(1), self.image_size), labels.long())

    def find(self, name: str) -> Path:
        """Find the file of that name, or its .gz. Raise DataError."""
        path = self.folder / name
        if (found := idx_file(path)) is None:
            raise DataError(
                f"{path}: not found, nor {name}.gz; set --data.init_args.download=true, or fetch {SOURCE}{name}.gz and "
                "put it there, or point --data.init_args.data_dir (or $GANZOO_DATA) to the folder that holds MNIST/raw"
            )
        return found

    def md5(self, path: Path) -> str | None:
        """Return what the uncompressed file must hash to, None if that is not checked."""
        return MD5[path.name.removesuffix(".gz")] if self.check_md5 else None


def resized(images: Tensor, size: int) -> Tensor:
    """Resize uint8 [N, C, H, W] bilinearly, with antialiasing, to uint8 [N, C, size, size]."""
    if images.shape[-2:] == (size, size):
        return images
    out = torch.empty(*images.shape[:2], size, size, dtype=torch.uint8)
    for target, source in zip(out.split(1000), images.split(1000), strict=True):  # in parts: floats are 4 times as big
        target.copy_(interpolate(source.float(), size=size, mode="bilinear", antialias=True).round())
    return out


def padded(images: Tensor, size: int) -> Tensor:
    """Put zeros around uint8 [N, C, H, W], an odd one last, to uint8 [N, C, size, size]."""
    (above, below), (left, right) = (
        (each // 2, each - each // 2) for each in (size - side for side in images.shape[2:])
    )
    return pad(images, (left, right, above, below))

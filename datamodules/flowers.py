"""TensorFlow's flower_photos: photographs of five kinds of flowers (The TensorFlow Team 2019, CC-BY)."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from torch import Tensor

from datamodules.archive import fetch, unpack, what_is_wrong
from datamodules.cache import cache_folders, cached
from datamodules.decode import JPEG, Resize
from datamodules.errors import DataError
from datamodules.folder import FolderDataModule
from datamodules.listing import Children, Listing

FOLDER = "flower_photos"
CLASSES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

URLS = (
    "https://download.tensorflow.org/example_images/flower_photos.tgz",
    "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
)
#: Bytes and hash as tensorflow/datasets lists them, url_checksums/tf_flowers.txt.
SIZE = 228_813_984
SHA256 = "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c"


class FlowersDataModule(FolderDataModule):
    """Flower photographs, RGB, stretched to a square and mirrored at random, as MATLAB's WGAN-GP example has them.

    They are `<data_dir>/flower_photos/{daisy,dandelion,roses,sunflowers,tulips}/*.jpg`: TensorFlow's 3,670, or any
    others in these five folders. Decoded once, they are cached under `<data_dir>/.ganzoo-cache`, or `~/.cache/ganzoo`
    where the data folder is read-only; a photograph that changes makes that anew.

    Args:
        image_size: height and width to resize to.
        resize: `stretch` to a square, or `crop`: resize the shorter side, keep the centre.
        flip: mirror each training image left to right with probability 1/2.
        val_share: share of the images held out for validation, 0 to less than 1; at least one image if above 0.
        test_share: the same for the test.
        download: fetch and unpack flower_photos.tgz (229 MB) if the folder is missing; one that lies in `data_dir` is
            unpacked without fetching it.
        **kwargs: see ImageDataModule.
    """

    scorer = "flowers"
    num_classes = len(CLASSES)

    def __init__(
        self,
        image_size: int = 64,
        resize: Resize = "stretch",
        flip: bool = True,
        val_share: float = 0.1,
        test_share: float = 0.1,
        download: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            folder=FOLDER,
            image_size=image_size,
            channels=3,
            resize=resize,
            val_share=val_share,
            test_share=test_share,
            flip=flip,
            **kwargs,
        )
        self.folder, self.download = self.data_dir / FOLDER, download

    @property
    def root(self) -> Path:
        """Return the folder of the class folders."""
        return self.folder

    @cached_property
    def listing(self) -> Listing:
        """List the files and their labels, once. Raise DataError."""
        found = [photographs(self.folder / name) for name in CLASSES]
        labels = [label for label, inside in enumerate(found) for _ in inside.files]
        files = [file for inside in found for file in inside.files]
        return Listing(files, labels, list(CLASSES), sum((inside.ignored for inside in found), Counter()))

    def prepare_data(self) -> None:
        """Download and unpack if that was asked for and the folder is missing. Raise DataError."""
        if self.download and not self.folder.is_dir():
            self.fetch()
        super().prepare_data()

    def fetch(self) -> None:
        """Unpack the archive, downloaded if it is not there. Raise DataError."""
        archive = self.data_dir / f"{FOLDER}.tgz"
        if not archive.exists():
            fetch(URLS, archive, SIZE, SHA256)
        elif problem := trouble_with(archive):
            raise DataError(f"{archive}: {problem}; delete it to download it anew, or unpack it by hand if it is good")
        unpack(archive, self.folder)

    def decoded(self, files: Sequence[Path]) -> Tensor:
        """Decode the files, or take them from the cache. Raise DataError."""
        shape = len(files), *self.image_shape
        decode = partial(super().decoded, files)
        return cached(decode, shape, self.cache_name(files), cache_folders(self.root.parent))


def trouble_with(archive: Path) -> str | None:
    """Return what is wrong with an archive that somebody put there, None if nothing is."""
    try:
        return what_is_wrong(archive, SIZE, SHA256)
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def photographs(folder: Path) -> Children:
    """List one class: JPEG files by name, everything else ignored. Raise DataError if there are none."""
    try:
        names = sorted(path for path in folder.iterdir() if path.name[0] != ".")
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}; {advice(folder.parent.parent)}") from error
    files = [path for path in names if path.suffix.lower() in JPEG]
    if not files:
        raise DataError(f"{folder}: a class without photographs (.jpg); put some there, or unpack the data set anew")
    others = Counter(path.suffix.lower() or "without extension" for path in names if path not in set(files))
    return Children(files, [], others, 0)


def advice(data_dir: Path) -> str:
    """Return what to do where the class folders are not, or not all, in `<data_dir>/flower_photos`."""
    nearby = [data_dir, *(path for pattern in ("*", f"*/{FOLDER}") for path in sorted(data_dir.glob(pattern)))]
    for place in nearby:
        if all((place / name).is_dir() for name in CLASSES):
            right = f"set --data.init_args.data_dir={place.absolute().parent}"
            return f"the class folders are in {place}: " + (right if place.name == FOLDER else f"rename it to {FOLDER}")
    if (data_dir / FOLDER).is_dir():
        return f"all of {', '.join(CLASSES)} must be there; complete {data_dir / FOLDER}, or remove it to download it"
    return (
        f"set --data.init_args.download=true, or unpack {URLS[0]} into {data_dir}, or point --data.init_args.data_dir "
        f"(or $GANZOO_DATA) to the folder that holds {FOLDER}"
    )

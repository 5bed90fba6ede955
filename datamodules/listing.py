"""The list of images in a folder: files by class, and ignored files by kind."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from datamodules.decode import EXTENSIONS
from datamodules.errors import DataError, printable

#: Folders that systems put beside pictures, with pictures of their own in them, which nobody means.
FOREIGN_FOLDERS = ("__MACOSX", "@eaDir")
FOREIGN_FILES = (".DS_Store", "Thumbs.db", "desktop.ini")
APPLE_DOUBLE = "._"
#: Folders that cut the data themselves; `val` may be missing.
SPLITS = ("train", "val", "test")


class Listing(NamedTuple):
    """Image files and the class of each, by number, with the classes' names.

    Attributes:
        files: in the order of their classes, then of their names.
        labels: of the files.
        classes: names by label.
        ignored: how many other files there are, by extension.
        splits: the places in `files` of what lies in `train`, `val`, `test`; empty for folders without these.
    """

    files: list[Path]
    labels: list[int]
    classes: list[str]
    ignored: Counter[str]
    splits: Mapping[str, range] = MappingProxyType({})

    def __str__(self) -> str:
        """Say how many images there are and what is ignored: `8 images in 2 classes; ignored: 2 .txt, 1 .heic`."""
        of_classes = f" in {len(self.classes)} classes" if len(self.classes) > 1 else ""
        cut = ", ".join(f"{len(places):,} {name}" for name, places in self.splits.items())
        of_classes += f" ({cut})" if cut else ""
        return f"{len(self.files):,} images{of_classes}" + (f"; ignored: {kinds(self.ignored)}" if self.ignored else "")


class Children(NamedTuple):
    """The contents of one folder, sorted by name."""

    files: list[Path]
    folders: list[Path]
    ignored: Counter[str]
    apple_doubles: int


def list_images(folder: Path) -> Listing:
    """List the images of `folder`, which holds images, or a folder for each class, or `train` and `test` of either.

    Raises DataError.
    """
    here = children(folder)
    files, folders = here.files, here.folders
    names = {each.name for each in folders}
    if not files and {"train", "test"} <= names <= set(SPLITS):
        return list_splits(folder, [name for name in SPLITS if name in names])
    if files and folders:
        raise DataError(
            f"{folder}: has images ({files[0].name}) beside folders ({folders[0].name}), so what the classes are is "
            "unclear; move one or the other away"
        )
    if not folders:
        if not files:
            raise DataError(f"{folder}: no images, nor folders of images; {advice(folder, here)}")
        return Listing(files, [0] * len(files), [folder.name], here.ignored)
    found = [(each, children(each)) for each in folders]
    for each, inside in found:
        check_class(each, inside)
    return Listing(
        [file for _, inside in found for file in inside.files],
        [label for label, (_, inside) in enumerate(found) for _ in inside.files],
        [each.name for each in folders],
        sum((inside.ignored for _, inside in found), here.ignored),
    )


def list_splits(folder: Path, names: list[str]) -> Listing:
    """List the images of folders of these names, which all have the same classes. Raise DataError."""
    parts = {name: list_images(folder / name) for name in names}
    classes = parts["train"].classes if len(parts["train"].classes) > 1 else [folder.name]
    files, labels, splits = list[Path](), list[int](), dict[str, range]()
    for name, part in parts.items():
        if len(classes) > 1 and part.classes != classes:
            odd = min(set(part.classes) ^ set(classes))
            raise DataError(f"{folder}: train and {name} must have the same classes, and only one has {odd}")
        if len(classes) == 1 and len(part.classes) > 1:
            raise DataError(f"{folder}: {name} has a folder for each class, and train has one class; cut both alike")
        splits[name] = range(len(files), len(files) + len(part.files))
        files, labels = files + part.files, labels + part.labels
    return Listing(files, labels, classes, sum((part.ignored for part in parts.values()), Counter()), splits)


def check_class(folder: Path, inside: Children) -> None:
    """Raise DataError if a class has no images, or folders beside them."""
    if inside.folders and not inside.files:
        raise DataError(
            f"{folder}: holds folders of its own, no images: one level too high? set --data.init_args.folder={folder}"
        )
    if inside.folders:
        raise DataError(
            f"{folder}: the class holds a folder, {inside.folders[0].name}, beside its images; move it away"
        )
    if not inside.files:
        raise DataError(f"{folder}: a class folder without images; remove it, or {advice(folder, inside)}")


def advice(folder: Path, inside: Children) -> str:
    """Return what to do about a folder without images."""
    if inside.apple_doubles or any(name in FOREIGN_FOLDERS for name in folder.parts):
        return "what macOS adds to archives is no image: take the folder of the same name that lies beside __MACOSX"
    there = f", it holds {kinds(inside.ignored)}" if inside.ignored else ""
    return f"fill it with files of {' '.join(EXTENSIONS)}{there}"


def children(folder: Path) -> Children:
    """List the image files, the folders and the kinds of other files in `folder`, without hidden ones.

    Raises:
        DataError: it cannot be listed.
    """
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"{folder}: {error.strerror}; set --data.init_args.folder to a folder of images, "
            "or --data.init_args.data_dir (or $GANZOO_DATA) to the folder it is in"
        ) from error
    files, folders, ignored, apple_doubles = [], [], Counter[str](), 0
    for path in found:
        name, extension = path.name, path.suffix.lower()
        if name.startswith(APPLE_DOUBLE):
            apple_doubles += 1
        elif path.is_dir():
            if name not in FOREIGN_FOLDERS and not name.startswith("."):
                folders.append(path)
        elif extension in EXTENSIONS and not name.startswith("."):
            files.append(path)
        elif name not in FOREIGN_FILES:
            ignored["hidden" if name.startswith(".") else extension or "without extension"] += 1
    return Children(files, folders, ignored, apple_doubles)


def kinds(ignored: Counter[str]) -> str:
    """Say how many files of each kind, most frequent first: `2 .txt, 1 .heic`."""
    by_count = sorted(ignored.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {printable(kind)}" for kind, count in by_count)

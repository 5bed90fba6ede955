"""`ganzoo neighbours`: samples beside the training images that are nearest to them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.numbers import numbers
from commands.plain import PlainParser, report

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from datamodules import Images
    from zoo.hub.nearest import Nearest
    from zoo.hub.seeds import Made

PART = 500  # images that are compared at a time
REFERENCE = 100  # training images whose own neighbours are looked for too


def parser() -> PlainParser:
    """Return what reads the command's arguments."""
    made = PlainParser("neighbours", "Samples beside their nearest training images: what is learnt by heart is seen.")
    made.add_source()
    made.add_argument("--data", required=True, help="cifar10, digits, flowers, mnist, or a folder of images")
    made.add_argument("--data_dir", metavar="DIR", help="where data sets lie; $GANZOO_DATA, or data/")
    made.add_argument("--download", nargs="?", const="true", choices=("true",), help="fetch a data set that is missing")
    made.add_argument("--resize", choices=("stretch", "crop", "pad", "drawing"), help="of images, as in training")
    made.add_argument("--flip", action="store_true", help="compare mirrored images too, as flowers always are")
    made.add_argument("--seeds", default="0-9", metavar="LIST", help="of the samples (default: 0-9)")
    made.add_argument("--labels", metavar="LIST", help="each seed with each of these; drawn by the seed without them")
    made.add_argument("--nearest", type=int, default=6, metavar="N", help="images beside each sample (default: 6)")
    made.add_argument("--scorer", metavar="NAME", help="compare features, of mnist, digits, ... or a file; else pixels")
    made.add_argument("--out", required=True, type=Path, metavar="FILE", help="a .png; a .csv is written beside it")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name.

    Raises ValueError for wrong values, CheckpointError for a source that is not what it should be, DataError, OSError.
    """
    given = parser().parse_args(argv)
    seeds = numbers("--seeds", given.seeds)
    labels = None if given.labels is None else numbers("--labels", given.labels)
    if given.out.suffix.lower() != ".png":
        raise ValueError(f"--out must end in .png, got {given.out}")
    if not 1 <= given.nearest <= 100:
        raise ValueError(f"--nearest is 1 to 100, got {given.nearest}")
    from commands.sample_files import save
    from commands.sampling import NO_LABEL, images, sampler_of
    from commands.scorer_features import look_of
    from zoo.hub.pictures import are_pictures, png

    sampler = sampler_of(given.source)
    sampler.check(labels, None)
    if not are_pictures(sampler.image_shape):
        raise ValueError(f"{given.source} makes points, not pictures")
    look = look_of(given.scorer)
    train, flip = training_images(given, sampler.image_shape)
    if given.nearest >= len(train.images):
        raise ValueError(f"--nearest {given.nearest}: there are {len(train.images)} training images")
    made = list(images(sampler, [(seed, label) for label in (labels or NO_LABEL) for seed in seeds], None))
    found, reference = search(made, train, look, given.nearest, flip or given.flip)
    lines = ["seed,label,rank,image,mirrored,distance", *rows(made, found)]
    paths = [
        save(given.out, png(beside(made, train, found))),
        save(given.out.with_suffix(".csv"), ("\n".join(lines) + "\n").encode()),
    ]
    samples = found.distances[:, 0]
    print(f"to the nearest of {len(train.images):,} training images, by {given.scorer or 'pixels'} (rms):")
    for name, distances in (("samples:", samples), ("training images, themselves aside:", reference)):
        print(f"  {name:35} median {float(distances.median()):.3f}, least {float(distances.min()):.3f}")
    report(paths)


def training_images(given: Any, image_shape: Sequence[int]) -> tuple["Images", bool]:
    """Return the images of the split `train`, and whether training mirrors them. Raises ValueError and DataError."""
    from commands.data_sets import FETCHED, KNOWN, data_module, without_classes
    from datamodules.errors import DataError

    channels, height, width = image_shape
    options: dict[str, Any] = {"data_dir": given.data_dir}
    if given.data not in KNOWN:
        options |= {"image_size": [height, width], "channels": channels}
    elif given.data != "cifar10":
        options["image_size"] = height
    if given.resize and given.data in ("cifar10", "digits"):
        raise ValueError(f"--resize is for flowers, folders and mnist, not for {given.data}")
    if given.download and given.data not in FETCHED:
        raise ValueError(f"--download is for {', '.join(FETCHED)}: {given.data} is on this machine or nowhere")
    options |= {name: value for name, value in (("resize", given.resize), ("download", bool(given.download))) if value}
    try:
        data = data_module(given.data, **options)
        if tuple(data.image_shape) != tuple(image_shape):
            shapes = ("x".join(map(str, shape)) for shape in (data.image_shape, image_shape))
            raise ValueError("--data {}: its images are {}, the model's {}".format(given.data, *shapes))
        data.setup()
    except DataError as error:
        raise DataError(without_classes(str(error))) from error
    return data.splits["train"], data.flip


def search(
    made: Sequence[tuple[int, "Made"]], train: "Images", look: Any, k: int, flip: bool
) -> tuple["Nearest", "Tensor"]:
    """Return the k nearest training images of each sample, and the distances of training images to their nearest.

    The distances, [R], are of at most REFERENCE evenly chosen images, each to the nearest other one.
    """
    import torch
    from tqdm import tqdm

    from zoo.hub.nearest import Nearest, nearest

    count = len(train.images)
    chosen = torch.linspace(0, count - 1, min(count, REFERENCE)).round().long()
    with torch.no_grad():
        samples = look(torch.stack([image for _, (image, _) in made]))
        queries = torch.cat([samples, look(taken(train, chosen).float() / 127.5 - 1)])
    own = torch.cat([torch.full((len(made),), -1), chosen])
    starts = tqdm(range(0, count, PART), delay=2, unit="part", leave=False)
    parts = (taken(train, torch.arange(first, min(first + PART, count))) for first in starts)
    found = nearest(queries, parts, look, k, flip, own)
    return Nearest(*(each[: len(made)] for each in found)), found.distances[len(made) :, 0]


def taken(train: "Images", numbers: "Tensor") -> "Tensor":
    """Return the images of those numbers, uint8 [M, C, H, W]."""
    return train.take(numbers).images  # type: ignore[return-value]  # what is taken is in memory


def rows(made: Sequence[tuple[int, "Made"]], found: "Nearest") -> Iterator[str]:
    """Give a line for each sample and neighbour; images are numbered as the data module's split has them."""
    for (seed, (_, label)), *each in zip(made, *(part.tolist() for part in found), strict=True):
        for rank, (distance, number, mirrored) in enumerate(zip(*each, strict=True), 1):
            yield f"{seed},{'' if label is None else label},{rank},{number},{int(mirrored)},{distance:.6g}"


def beside(made: Sequence[tuple[int, "Made"]], train: "Images", found: "Nearest") -> "Image.Image":
    """Return a picture with a row for each sample, left of a white line, and its neighbours, the nearest first."""
    import torch
    from PIL import Image

    from zoo.hub.pictures import grid_picture

    near = taken(train, found.numbers.flatten())
    near = torch.where(found.mirrored.flatten()[:, None, None, None], near.flip(-1), near).float() / 127.5 - 1
    left = grid_picture(torch.stack([image for _, (image, _) in made]), 1, tile=64)
    right = grid_picture(near, found.numbers.shape[1], tile=64)
    whole = Image.new("RGB", (left.width + 8 + right.width, left.height), "white")
    whole.paste(left, (0, 0))
    whole.paste(right, (left.width + 8, 0))
    return whole

"""`ganzoo project`: the latent of a picture."""

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.numbers import numbers
from commands.plain import PlainParser, report

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.hub.projection import Projection

FRAMES = 60  # of the GIF, at most


def parser() -> PlainParser:
    """Return what reads the command's arguments."""
    made = PlainParser(
        "project", "The latent of a picture: Adam on the latent, from the seeds whose images are nearest."
    )
    made.add_source()
    made.add_argument("picture", metavar="PICTURE", type=Path, help="resized to what the model makes")
    made.add_argument("--steps", type=int, default=500, metavar="N", help="of Adam (default: 500)")
    made.add_argument("--lr", type=float, default=0.1, metavar="X", help="falls to 0 along a cosine (default: 0.1)")
    made.add_argument("--seeds", default="0-255", metavar="LIST", help="to begin at the nearest of (default: 0-255)")
    made.add_argument("--starts", type=int, default=8, metavar="N", help="how many of them (default: 8)")
    made.add_argument("--label", type=int, metavar="K", help="what the image is to be; what each seed draws without it")
    made.add_argument("--scorer", metavar="NAME", help="compare features, of mnist, digits, ... or a file; else pixels")
    made.add_argument("--resize", choices=("crop", "stretch"), default="crop", help="the picture (default: crop)")
    made.add_argument("--out", required=True, type=Path, metavar="DIR", help="made if needed")
    return made


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name.

    Raises ValueError for wrong values, CheckpointError for a source that is not what it should be, DataError for a
    picture that is none, OSError.
    """
    given = parser().parse_args(argv)
    seeds = numbers("--seeds", given.seeds)
    if given.steps < 1 or given.starts < 1 or not 0 < given.lr < math.inf:
        raise ValueError(f"--steps, --starts, --lr are above 0: got {given.steps}, {given.starts} and {given.lr}")
    from tqdm import tqdm

    from commands.sampling import sampler_of
    from commands.scorer_features import look_of
    from zoo.hub.pictures import are_pictures
    from zoo.hub.projection import Projection

    sampler = sampler_of(given.source)
    sampler.check(None if given.label is None else [given.label], None)
    if not are_pictures(sampler.image_shape):
        raise ValueError(f"{given.source} makes points, not pictures")
    target = read_picture(given.picture, sampler.image_shape, given.resize)
    search = Projection(sampler, target, look_of(given.scorer), seeds, given.starts, given.label)
    losses, frames = [], []
    shown = {round(part * given.steps / (FRAMES - 1)) for part in range(FRAMES)}
    for step, (loss, images) in enumerate(
        tqdm(search.run(given.steps, given.lr), total=given.steps + 1, delay=2, unit="step", leave=False)
    ):
        losses.append(loss.tolist())
        if step in shown:
            frames.append(images)
    told = {"source": given.source, "picture": given.picture.name, "compared": given.scorer or "pixels"}
    report(write(given.out, search, target, losses, frames, told | {"steps": given.steps, "lr": given.lr}))


def read_picture(path: Path, image_shape: Sequence[int], resize: Any) -> "Tensor":
    """Return a picture as a model's images are, [C, H, W] in [-1, 1]. Raises DataError where it is none."""
    import torch

    from datamodules.decode import decode
    from datamodules.errors import DataError

    channels, height, width = image_shape
    try:
        read = torch.from_numpy(decode(path, channels, (height, width), resize).copy())
    except Exception as error:  # of damaged files: OSError, SyntaxError, struct.error, ...
        told = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: is no picture that can be read ({told})") from error
    return read.float() / 127.5 - 1


def write(
    out: Path, search: "Projection", target: "Tensor", losses: list[list[float]], frames: list["Tensor"], told: Any
) -> list[Path]:
    """Write what was found, and return the files.

    Args:
        out: the folder.
        search: that has ended.
        target: the picture, [C, H, W].
        losses: of every step, a number for each start.
        frames: uint8 [starts, C, H, W] each.
        told: for `projection.json`, beside what was found.
    """
    import numpy as np
    import torch

    from commands.curves import curves
    from commands.moving_pictures import enlarged, gif
    from commands.sample_files import save
    from zoo.hub.pictures import picture, png

    (least, start, noise), image = search.best, search.image()
    found = {"seed": search.seeds[start], "label": search.label_of(start), "loss": least}
    names = [named(seed, search.label_of(number)) for number, seed in enumerate(search.seeds)]
    lines = [",".join(["step", *names])] + [
        ",".join([str(step), *(f"{loss:.6g}" for loss in row)]) for step, row in enumerate(losses)
    ]
    title = f"loss ({told['compared']}) of {len(names)} starts; the best, {names[start]}, in blue: {least:.3g}"
    moving = [
        enlarged(torch.cat([target, each[start].float() / 127.5 - 1], 2)) for each in frames
    ]  # the picture, and what is made of the latent
    np.save(buffer := io.BytesIO(), noise[0].numpy())
    contents = {
        "target.png": png(picture(target)),
        "image.png": png(picture(image)),
        "latent.npy": buffer.getvalue(),
        "projection.json": (json.dumps(told | found, indent=1) + "\n").encode(),
        "loss.csv": ("\n".join(lines) + "\n").encode(),
        "loss.png": png(curves(list(zip(*losses, strict=True)), start, title)),
        "steps.gif": gif(moving, 20, 1500),
    }
    return [save(out / name, content) for name, content in contents.items()]


def named(seed: int, label: int | None) -> str:
    """Return the name of a start."""
    return f"seed{seed:04}" if label is None else f"seed{seed:04}_label{label}"

"""`ganzoo fit photos/`: a folder in the place of a recipe, looked at and given settings of its own."""

import difflib
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import yaml
from lightning.pytorch.utilities import rank_zero_only
from PIL import Image

from commands.messages import fail
from commands.parser import stray_meant
from commands.picture_settings import LEAST, Choice, Facts, choose
from datamodules.decode import DECODERS, read_image
from datamodules.errors import DataError
from datamodules.listing import list_images
from zoo.files.regular_files import open_regular

#: How many pictures of a folder are looked at.
LOOKED_AT = 64
#: By how much of 255 the colours of a grey picture may differ: JPEG rounds.
GREY = 8


@contextmanager
def settings_for_folder(argv: Sequence[str]) -> Iterator[list[str]]:
    """Give the words of a command with a folder after its name turned into a file of settings, for as long as it runs.

    Words that begin with an option stay as they are. Says what was chosen and why. Ends with status 2 for a word that
    is no folder, raises DataError for a folder that is no data.
    """
    command, *words = argv
    if not words or words[0].startswith("-"):
        yield [*argv]
        return
    folder, rest = Path(words[0]), words[1:]
    if problem := what_is_wrong(words[0], rest):
        fail(2, f"{command} {words[0]}: {problem}")
    facts = look(folder)
    chosen = choose(facts)
    if command == "fit":
        say(facts, chosen)
    with TemporaryDirectory() as place:
        file = Path(place) / f"{folder.resolve().name or 'pictures'}.yaml"
        file.write_text(yaml.safe_dump(chosen.settings, sort_keys=False))
        yield [command, "--config", str(file), *rest]


def what_is_wrong(word: str, rest: Sequence[str]) -> str:
    """Return why a word is not to be used as a folder of pictures, with what may be meant; "" where it is."""
    folder = Path(word)
    if folder.is_file():
        return f"a file; a folder of pictures goes here, a configuration after --config: --config {word}"
    if not folder.is_dir():
        beside = [each.name for each in folder.parent.iterdir() if each.is_dir()] if folder.parent.is_dir() else []
        near = difflib.get_close_matches(folder.name, beside, 1)
        return f"no such folder; {stray_meant(word)}" + (f" or the folder {folder.with_name(near[0])}?" if near else "")
    if (folder / "config.yaml").is_file() and (folder / "checkpoints").is_dir():
        return f"a run's folder; to go on with it: --config {folder / 'config.yaml'} --ckpt_path last"
    paths = [after for before, after in pairwise(rest) if before in ("--config", "-c")]
    paths += [each.partition("=")[2] for each in rest if each.startswith("--config=")]
    for path in paths:
        if "data" in (yaml.safe_load(Path(path).read_text()) if Path(path).is_file() else {"data": ""}):
            return f"a folder, and {path} has data of its own; leave one of them out"
    return ""


def look(folder: Path) -> Facts:
    """Look at the list of a folder's pictures and at LOOKED_AT of them. Raise DataError where they are no data."""
    try:
        listing = list_images(folder)
    except DataError as error:
        raise DataError(str(error).replace("set --data.init_args.folder=", "try ganzoo fit ")) from error
    count = len(listing.files)
    if count < LEAST:
        raise DataError(f"{folder}: {count} pictures are too few to learn from; {LEAST} are the least, 300 a beginning")
    sides, are_grey, problem = [], [], None
    for number in range(min(count, LOOKED_AT)):
        file = listing.files[number * count // min(count, LOOKED_AT)]
        try:
            with open_regular(file) as stream, Image.open(stream, formats=DECODERS) as picture:
                sides.append(min(picture.size))
            pixels = read_image(file, 3, 32, "crop").pixels.astype(np.int16)
        except Exception as error:  # from damaged files: OSError, SyntaxError, struct.error, ...
            problem = problem or f"{file}: cannot be read as an image ({' '.join(str(error).split())})"
        else:
            are_grey.append(int(np.ptp(pixels, axis=0).max()) <= GREY)
    if not are_grey:
        raise DataError(f"{problem}, nor can the others that were looked at; replace or remove what is bad")
    counts = Counter(listing.labels)
    names = {name: counts[label] for label, name in enumerate(listing.classes)}
    return Facts(str(folder), names, int(median(sides)), all(are_grey))


@rank_zero_only
def say(facts: Facts, chosen: Choice) -> None:
    """Print what was found and what was chosen, on the first process."""
    classes = len(facts.class_counts)
    in_classes = f" in {classes} classes" if classes > 1 else ""
    lines = [
        f"{facts.folder}: {facts.total:,} pictures{in_classes}, {facts.side} pixels or so on the shorter side; chosen:"
    ]
    lines += [f"  {reason}" for reason in chosen.reasons]
    lines += ["  (options after the folder change this; --print_config shows all of it, config.yaml keeps it)"]
    print(*lines, sep="\n", file=sys.stderr, flush=True)

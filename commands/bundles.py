"""`ganzoo bundle`: a checkpoint as a bundle; and the one that `ganzoo fit` leaves in its run's folder."""

import json
import logging
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from commands.plain import PlainParser, report
from zoo.hub.config import Training

if TYPE_CHECKING:
    from zoo import GAN

log = logging.getLogger("lightning.pytorch.ganzoo")

#: Options that say where things go, and nothing of what is trained.
PLACES = "--trainer.default_root_dir", "--data.init_args.data_dir", "--ckpt_path", "--name"


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name.

    Raises ValueError for wrong values, CheckpointError for a checkpoint that is none, OSError.
    """
    parser = PlainParser("bundle", "A checkpoint as a folder of plain files: weights, configuration, card, samples.")
    parser.add_source("a checkpoint, or a run's folder: its last one")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the bundle")
    parser.add_argument("--half", action="store_true", help="weights in float16: half the size")
    parser.add_argument("--both", action="store_true", help="the trained generator beside its average")
    given = parser.parse_args(argv)
    from zoo.hub import bundle, sources
    from zoo.hub.samplers import seed_sampler

    source = sources.read(checkpoint_of(Path(given.source)))
    training = training_of(source.path, source.saved["global_step"])
    bundle.write(source.saved, seed_sampler(source), given.out, training, given.half, given.both)
    report([given.out / name for name in bundle.FILES])


def checkpoint_of(path: Path) -> Path:
    """Return the checkpoint itself, or the last one of a run's folder. Raises ValueError where there is none."""
    if path.is_file():
        return path
    for name in ("last", "best"):
        if (found := path / "checkpoints" / f"{name}.ckpt").is_file():
            return found
    raise ValueError(f"{path} is no checkpoint, and no run's folder with checkpoints/last.ckpt in it")


def training_of(checkpoint: Path, step: int) -> Training:
    """Return what a checkpoint's run says of it; nothing where it lies in no run's folder."""
    run = checkpoint.absolute().parent.parent
    configuration, made_with = (mapping(run / name) for name in ("config.yaml", "environment.yaml"))
    scores = mapping(run / "scores.json")
    if scores.get("step") != step or Path(str(scores.get("checkpoint"))).name != checkpoint.name:
        scores = {}
    recipe, command = configuration.get("name"), made_with.get("command")
    return Training(
        recipe if isinstance(recipe, str) else None,
        without_places(command) if isinstance(command, str) else None,
        scores or None,
    )


def mapping(path: Path) -> dict[str, Any]:
    """Return what a YAML or JSON file of a run holds; nothing where it is none."""
    try:
        found = json.loads(path.read_text()) if path.suffix == ".json" else yaml.safe_load(path.read_text())
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def without_places(command: str) -> str:
    """Return a command without the options that say where things lie: a bundle goes to other machines."""
    kept: list[str] = []
    skipping = False
    words, join = words_of(command)
    for word in words:
        option, equals, _ = word.partition("=")
        if skipping:
            skipping = False
        elif option in PLACES:
            skipping = not equals
        else:
            kept.append(Path(word).name if Path(word).is_absolute() else word)
    return join(kept)


def words_of(command: str) -> tuple[list[str], Callable[[list[str]], str]]:
    """Return the words of a command, and what makes a command of words: earlier versions wrote no quotes."""
    with suppress(ValueError):  # a quote without its other one
        if shlex.join(words := shlex.split(command)) == command:
            return words, shlex.join
    return command.split(), " ".join


def leave(model: "GAN", trainer: Any, run: Path) -> None:
    """Write `bundle/` into the folder of a run that has ended, and say so; warn where it cannot be written."""
    from callbacks import Speed
    from zoo.hub import bundle
    from zoo.hub.seeds import SeedSampler

    folder, step = run / "bundle", trainer.global_step
    saved = bundle.saved_of(model) | {"global_step": step}
    data = getattr(trainer, "datamodule", None)
    saved["data"] = {} if data is None else {"data": type(data).__name__}
    counted = [each.state_dict() for each in trainer.callbacks if isinstance(each, Speed)]
    saved["callbacks"] = {"Speed": counted[0]} if counted else {}
    sampler = SeedSampler(model.averaged_sampler, model.sampling, model.image_shape)
    try:
        bundle.write(saved, sampler, folder, training_of(run / "checkpoints" / "last.ckpt", step))
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("no bundle %s (%s)", folder, getattr(error, "strerror", None) or error)
    else:
        print(f"bundle:      {folder}")

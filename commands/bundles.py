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
    parser.add_source("a checkpoint, or a run's folder: its best one, else its last")
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
    """Return the checkpoint itself, or of a run's folder the best one, else the last. Raises ValueError for neither."""
    if path.is_file():
        return path
    for name in ("best", "last"):
        if (found := path / "checkpoints" / f"{name}.ckpt").is_file():
            return found
    raise ValueError(f"{path} is no checkpoint, and no run's folder with checkpoints/last.ckpt in it")


def training_of(checkpoint: Path, step: int) -> Training:
    """Return what a checkpoint's run says of it; nothing where it lies in no run's folder."""
    run = checkpoint.absolute().parent.parent
    configuration, made_with = (mapping(run / name) for name in ("config.yaml", "environment.yaml"))
    found = (mapping(run / name) for name in ("scores.json", "validation.json"))
    of_this = (each for each in found if each.get("step") == step)
    scores = next((each for each in of_this if Path(str(each.get("checkpoint"))).name == checkpoint.name), None)
    recipe, command = configuration.get("name"), made_with.get("command")
    return Training(
        recipe if isinstance(recipe, str) else None,
        without_places(command) if isinstance(command, str) else None,
        scores,
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
    """Write `bundle/` into the folder of a run that has ended, and say so; warn where it cannot be written.

    It holds the best weights by the score that chooses `best.ckpt`, with the scores of that validation, which go to
    `validation.json` too; the last weights where there is no such checkpoint.
    """
    from zoo.hub import bundle
    from zoo.hub.seeds import SeedSampler

    folder, best = run / "bundle", run / "checkpoints" / "best.ckpt"
    try:
        if best.is_file():
            saved, chosen, kind = *read_best(model, best), "the best"
            leave_scores(trainer, run, best, saved["global_step"])
        else:
            saved, chosen, kind = saved_as_it_is(model, trainer), model, "the last"
        step = saved["global_step"]
        sampler = SeedSampler(chosen.averaged_sampler, chosen.sampling, chosen.image_shape)
        checkpoint = best if best.is_file() else best.with_name("last.ckpt")
        bundle.write(saved, sampler, folder, training_of(checkpoint, step))
    except (OSError, ValueError, RuntimeError) as error:
        log.warning("no bundle %s (%s)", folder, getattr(error, "strerror", None) or error)
    else:
        print(f"bundle:      {folder} ({kind} weights, of step {step:,})")


def read_best(model: "GAN", path: Path) -> tuple[dict[str, Any], "GAN"]:
    """Return a run's best checkpoint and its model. Raises CheckpointError."""
    from zoo.engine.checkpoints.differences import read
    from zoo.hub.loading import built

    saved = read(path)
    return saved, built(type(model), saved, str(path))


def saved_as_it_is(model: "GAN", trainer: Any) -> dict[str, Any]:
    """Return what a checkpoint of a model would hold after its training, as far as a bundle has it."""
    from callbacks import Speed
    from zoo.hub import bundle

    data = getattr(trainer, "datamodule", None)
    counted = [each.state_dict() for each in trainer.callbacks if isinstance(each, Speed)]
    return bundle.saved_of(model) | {
        "global_step": trainer.global_step,
        "data": {} if data is None else {"data": type(data).__name__},
        "callbacks": {"Speed": counted[0]} if counted else {},
    }


def leave_scores(trainer: Any, run: Path, best: Path, step: int) -> None:
    """Write `validation.json`, of the form of `scores.json`: the scores by which the best weights were chosen."""
    from callbacks import ScoreLines, Scores
    from callbacks.callbacks_of_type import callbacks_of_type
    from callbacks.scoring.score_table import write

    lines, scores = callbacks_of_type(trainer, ScoreLines), callbacks_of_type(trainer, Scores)
    if not (lines and scores and lines[0].best and lines[0].best.step == step):
        return
    result = {
        "checkpoint": str(best),
        "step": step,
        "samples": scores[0].validated,
        "scorer": scores[0].scorer.name if scores[0].scorer else None,
        "split": "val",
        "scores": {name: {"generated": value, "real": None} for name, value in lines[0].best.scores.items()},
    }
    write(run / "validation.json", result)

"""A trained model from its checkpoint or its bundle alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from zoo.engine.checkpoints import trust
from zoo.engine.checkpoints.checkpoint_file import check_top, read_file
from zoo.engine.errors import CheckpointError
from zoo.gan import GAN
from zoo.hub.sources import read


def load(path: str | Path) -> GAN:
    """Return the model that a checkpoint is of, in evaluation mode, on the CPU; by its average where it has one.

    Its class is found by its name among those of the zoo and those of yours that are imported: nothing in the file is
    imported or run.

    Args:
        path: a checkpoint of this zoo.

    Raises:
        CheckpointError: it is none, or of a class that is not known here.
    """
    saved = read_file(Path(path))
    check_top(saved, str(path))
    return from_saved(saved, str(path))


def from_pretrained(source: str | Path, revision: str | None = None) -> GAN:
    """Return a trained model in evaluation mode, on the CPU; it samples by its average where it has one.

    Nothing is fetched unless it is of the hub. Its class is found as `load` does.

    Args:
        source: a name that `ganzoo pretrained` shows, a bundle's folder, a checkpoint, a run's folder, or a repository
            on the Hugging Face hub, OWNER/NAME: see `zoo.hub.sources.read`.
        revision: of a repository: a branch, a tag or, the same for ever, a commit. A line says which commit it is.

    Raises:
        SourceError: it is none of these.
        CheckpointError: a file is not what it should be, or a repository has none.
    """
    found = read(source, revision)
    return from_saved(found.saved, str(found.path))


def from_saved(saved: dict[str, Any], path: str) -> GAN:
    """Return the model of a checkpoint, or of a bundle in the form of one, whose top was checked.

    Args:
        saved: the checkpoint.
        path: of its file, for the message.

    Raises:
        CheckpointError: its class is not known here, or its weights do not fit it.
    """
    name, known = saved["model_class"], list(classes(GAN))
    named = [cls for cls in known if cls.__name__ == name]
    if not named:
        others = ", ".join(cls.__name__ for cls in known)
        raise CheckpointError(f"{path} is of a {name}, which is none of {others}: import its module first")
    if len(named) > 1:
        modules = " and ".join(cls.__module__ for cls in named)
        raise CheckpointError(f"{path} is of a {name}, which is in {modules}: call {name}.load_from_checkpoint of one")
    return built(named[0], saved, path)


def built(cls: type[GAN], saved: dict[str, Any], name: str, **changed: Any) -> GAN:
    """Return a model of a checkpoint's hyperparameters and weights; it is made in memory once the weights fit it.

    Args:
        cls: of the model.
        saved: a checkpoint.
        name: of its file.
        **changed: hyperparameters to replace.
    """
    arguments = trust.checked_arguments(saved, cls, name, changed)
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, only to be replaced
        model = cls(**arguments)
    model.on_load_checkpoint(saved)
    model.load_state_dict(saved["state_dict"])
    return model.eval()


def classes(cls: type[GAN]) -> Iterator[type[GAN]]:
    """Give a class and all that derive from it."""
    yield cls
    for each in cls.__subclasses__():
        yield from classes(each)

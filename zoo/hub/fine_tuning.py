"""Another training from trained weights, as far as they fit by name and shape: other data, rates, classes."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from zoo.engine.checkpoints.checkpoint_file import is_finite
from zoo.engine.errors import CheckpointError
from zoo.hub import bundle, sources

if TYPE_CHECKING:
    from zoo.engine.module import AdversarialModule

#: Names in a message, of those that do not fit.
SHOWN = 6
#: What begins the names of tensors that training moves without an optimizer: each run begins its own.
OF_TRAINING = "averaged.", "augment."


class Taken(NamedTuple):
    """A record of the weights that a model has taken from a source.

    Attributes:
        source: as it was given; of a repository with its commit.
        path: of the bundle's folder or the checkpoint.
        model_class: of the source.
        step: of its weights.
        fitting: names of the tensors that were taken.
        reshaped: names of those that have another shape or kind of number there, with both.
        missing: names of the model's tensors that the source does not have.
        unused: names of the source's tensors that the model does not have.
    """

    source: str
    path: Path
    model_class: str
    step: int
    fitting: list[str]
    reshaped: list[str]
    missing: list[str]
    unused: list[str]

    def record(self) -> dict[str, Any]:
        """Return plain values that say what a run began from, with the sha256 of the file of weights."""
        file = self.path / bundle.WEIGHTS if self.path.is_dir() else self.path
        with file.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        counts = {"fitting": len(self.fitting), "not_fitting": len(self.reshaped) + len(self.missing)}
        return {"source": self.source, "class": self.model_class, "step": self.step, "sha256": sha256} | counts

    def __str__(self) -> str:
        """Return a few lines: how many tensors fit, by part of the model, and which do not."""
        other = [each.split()[0] for each in self.reshaped]
        parts = dict.fromkeys(name.split(".")[0] for name in sorted([*self.fitting, *other, *self.missing]))
        counts = [
            f"{part} {count(self.fitting, part)} of {count([*self.fitting, *other, *self.missing], part)}"
            for part in parts
        ]
        lines = [f"from {self.source}, {self.model_class} after {self.step:,} steps: tensors that fit: "]
        lines[0] += ", ".join(counts)
        listed = {"of another shape": self.reshaped, "not in it": self.missing, "not used": self.unused}
        return "\n".join(lines + [f"  {title}: {few(names)}" for title, names in listed.items() if names])


def init_from(model: "AdversarialModule", source: str | Path) -> Taken:
    """Put trained weights into a model that is to be trained, where name, shape and kind of number are the same.

    Weights and buffers of the players and of the prior are taken: of a bundle, the generator is the average unless it
    holds both; of a checkpoint, the one that was trained. Optimizers, steps, averages and what an augmentation has
    learnt begin anew. What does not fit stays as it was drawn.

    Args:
        model: before its training; another class, other classes of the data, other sizes are allowed.
        source: a shipped name, a bundle, a checkpoint, a run's folder, or a repository on the hub.

    Raises:
        SourceError: the source is none of these.
        CheckpointError: a file is not what it should be, or no weights of it fit.
    """
    path, saved, name = sources.read(source)
    held = {key: value for key, value in saved["state_dict"].items() if isinstance(value, Tensor)}
    wanted = tensors_of_players(model)
    fitting = [key for key, own in wanted.items() if key in held and is_alike(held[key], own)]
    if not any(wanted[key].dim() > 1 for key in fitting):
        known = f"none of its weights has the name and the shape of one of this {type(model).__name__}"
        raise CheckpointError(f"nothing of {source}, a {saved['model_class']}, fits: {known}")
    if broken := [key for key in fitting if not is_finite(held[key])]:
        raise CheckpointError(f"{path}: {broken[0]} is not finite: nothing can be made of such weights")
    with torch.no_grad():
        for key in fitting:
            wanted[key].copy_(held[key])
    model.averaged = None
    state = model.state_dict()
    return Taken(
        name,
        path,
        printable(saved["model_class"]),
        saved["global_step"],
        fitting,
        [f"{key} {described(held[key])}, here {described(own)}" for key, own in differing(wanted, held, fitting)],
        [key for key in wanted if key not in held],
        [printable(key) for key in held if key not in state and not key.startswith(OF_TRAINING)],
    )


def tensors_of_players(model: "AdversarialModule") -> dict[str, Tensor]:
    """Return the weights and buffers of a model's players, by their names in its state: what a run begins with.

    What the model keeps beside them, as BEGAN's k, is the state of one training.
    """
    own = {id(each) for player in model.players for each in (*player.parameters(), *player.buffers())}
    state = model.state_dict(keep_vars=True)
    return {name: value for name, value in state.items() if id(value) in own}


def is_alike(found: Tensor, expected: Tensor) -> bool:
    """Return whether a tensor has the shape and the kind of number of another."""
    same_kind = found.is_floating_point() == expected.is_floating_point()
    return found.shape == expected.shape and same_kind


def differing(
    wanted: Mapping[str, Tensor], held: Mapping[str, Tensor], fitting: Sequence[str]
) -> list[tuple[str, Tensor]]:
    """Return those of the wanted tensors that are held under their names, and do not fit."""
    taken = set(fitting)
    return [(name, own) for name, own in wanted.items() if name in held and name not in taken]


def described(tensor: Tensor) -> str:
    """Return a tensor's shape, and its kind of number where that is not the usual one."""
    shape = str(tuple(tensor.shape))
    return shape if tensor.is_floating_point() else f"{shape} {tensor.dtype}"


def printable(text: str, most: int = 100) -> str:
    """Return text of a file as it may stand in a line: no control characters, and an end."""
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= most else f"{shown[:most]}..."


def count(names: Sequence[str], part: str) -> int:
    """Return how many of the names are of a part."""
    return sum(name.split(".")[0] == part for name in names)


def few(names: Sequence[str]) -> str:
    """Return the first of the names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more

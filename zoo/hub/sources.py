"""The sources of a model: a shipped name, a bundle, a checkpoint, a run's folder, or a repository on the hub."""

from pathlib import Path
from typing import Any, NamedTuple

from zoo.engine.checkpoints.checkpoint_file import check_top, read_file
from zoo.hub import bundle, remote, shipped


class SourceError(ValueError):
    """A source that is none. The message is one line that says what it may be."""


class Source(NamedTuple):
    """A model in a file, not yet compared with its class.

    Attributes:
        path: a checkpoint, or the folder of a bundle.
        saved: what it holds, in the form of a checkpoint.
        name: what was asked for; of a repository with the commit that it was.
    """

    path: Path
    saved: dict[str, Any]
    name: str


def find(source: str | Path) -> Path:
    """Return the checkpoint or the bundle that a source means on this machine. Raises SourceError where it means none.

    A run's folder means its bundle, else its last checkpoint, else its best.
    """
    path = Path(source)
    if str(source) in shipped.names():
        return shipped.FOLDER / str(source)
    if path.is_dir():
        found = [path, path / "bundle"]
        found = [each for each in found if (each / bundle.CONFIG).is_file()]
        checkpoints = [path / "checkpoints" / f"{name}.ckpt" for name in ("last", "best")]
        found += [each for each in checkpoints if each.is_file()]
        if found:
            return found[0]
        raise SourceError(f"{path} is no bundle and no run's folder: no config.json and no checkpoints/last.ckpt in it")
    if path.exists():
        return path
    known = ", ".join(shipped.names())
    raise SourceError(
        f"no model is called {str(source)!r}: give one of {known}, a bundle, a checkpoint, a run folder, OWNER/NAME"
    )


def read(source: str | Path, revision: str | None = None) -> Source:
    """Return what a source holds.

    What is on this machine comes first: a repository OWNER/NAME is asked for only where there is no such file, no such
    folder, and no folder OWNER. `hf://OWNER/NAME` is a repository in any case.

    Args:
        source: see this file's first line.
        revision: of a repository: a branch, a tag or a commit.

    Raises:
        SourceError: it means none.
        CheckpointError: a file is not what it should be, or a repository has none.
    """
    is_here = str(source) in shipped.names() or Path(source).exists()
    place = None if is_here else remote.place_of(str(source), revision)
    if revision is not None and place is None:
        raise SourceError(
            f"revision {revision} is of a repository on the hub, and {source} is none: give hf://OWNER/NAME"
        )
    path = find(source) if place is None else remote.fetch(place)
    name = str(source) if place is None else remote.pinned(place, path)
    if path.is_dir():
        return Source(path, bundle.read(path), name)
    saved = read_file(path)
    check_top(saved, str(path))
    return Source(path, saved, name)

"""The sources of a model: a shipped name, a bundle, a checkpoint, or a run's folder."""

from pathlib import Path
from typing import Any, NamedTuple

from zoo.engine.checkpoints.checkpoint_file import check_top, read_file
from zoo.hub import bundle, shipped


class SourceError(ValueError):
    """A source that is none. The message is one line that says what it may be."""


class Source(NamedTuple):
    """A model in a file, not yet compared with its class.

    Attributes:
        path: a checkpoint, or the folder of a bundle.
        saved: what it holds, in the form of a checkpoint.
    """

    path: Path
    saved: dict[str, Any]


def find(source: str | Path) -> Path:
    """Return the checkpoint or the bundle that a source means. Raises SourceError where it means none.

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
    raise SourceError(f"no model is called {str(source)!r}: give one of {known}, a bundle, a checkpoint, a run folder")


def read(source: str | Path) -> Source:
    """Return what a source holds. Raises SourceError, and CheckpointError for a file that is not what it should be."""
    path = find(source)
    if path.is_dir():
        return Source(path, bundle.read(path))
    saved = read_file(path)
    check_top(saved, str(path))
    return Source(path, saved)

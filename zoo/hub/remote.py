"""Bundles on the Hugging Face hub: fetched once by commit, kept in its cache, and there without a network.

A repository holds other people's files: only those of a bundle are fetched, none larger than it may be, and what is in
them is checked as in any bundle.
"""

import logging
import re
from pathlib import Path
from typing import Any, NamedTuple

from zoo.files.whole_files import whole_file
from zoo.hub import bundle
from zoo.hub.hub_errors import HubError, UnreachableError, package, plain_errors

log = logging.getLogger("lightning.pytorch.ganzoo")

#: Bytes that each file may have: no other file of a repository is fetched.
MOST = {bundle.CONFIG: 2**20, bundle.WEIGHTS: 2**32, bundle.CARD: 2**20, bundle.SAMPLES: 2**25}
NEEDED = bundle.CONFIG, bundle.WEIGHTS
SCHEME, MAIN, SECONDS = "hf://", "main", 10.0
COMMIT = re.compile(r"[0-9a-f]{40}")
REVISION = re.compile(r"\w[\w./-]*")
NAME = re.compile(rf"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@({REVISION.pattern}))?")
#: What a name ends in that means a file.
OF_FILES = ".ckpt", ".gif", ".json", ".npy", ".onnx", ".png", ".pt", ".pt2", ".pth", ".safetensors", ".yaml"


class Place(NamedTuple):
    """A repository, OWNER/NAME, and a revision of it: a branch, a tag or a commit."""

    repo: str
    revision: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"


def place_of(source: str, revision: str | None = None) -> Place | None:
    """Return the repository that a source names; None where it names none.

    A name is OWNER/NAME or OWNER/NAME@REVISION, and never that of a file, or of something in a folder OWNER that is
    here; after `hf://` it is one in any case.

    Raises HubError for a revision that is given twice.
    """
    found = NAME.fullmatch(source.removeprefix(SCHEME))
    if not found or ".." in source:
        return None
    repo, inside = found[1], found[2]
    is_local = repo.endswith(OF_FILES) or Path(repo.split("/")[0]).exists()
    if is_local and not source.startswith(SCHEME):
        return None
    if inside and revision and inside != revision:
        raise HubError(f"{source}: revision {revision} is given too: give one of them")
    if revision and (not REVISION.fullmatch(revision) or ".." in revision):
        raise HubError(f"{repo}: {revision!r} is no branch, no tag and no commit")
    return Place(repo, revision or inside or MAIN)


def fetch(place: Place) -> Path:
    """Return the folder of a repository's bundle in the hub's cache, named by its commit.

    A commit that is in the cache is not asked for again. A branch or a tag is asked for each time, and a line says
    which commit it is; where nobody answers, the commit that it was when it last was asked for is used, and named.

    Raises HubError.
    """
    hub = package(f"{place.repo} is no file and no folder here; a model of the Hugging Face hub needs")
    if COMMIT.fullmatch(place.revision) and (folder := cached(hub, place)):
        return folder
    try:
        with plain_errors(*place):
            commit, sizes = listed(hub, place)
    except UnreachableError as error:
        if not (folder := cached(hub, place)):
            raise
        log.warning("%s; %s was %s", error, place, pinned(place, folder))
        return folder
    check(sizes, place)
    with plain_errors(*place):
        for name in sizes:
            path = Path(hub.HfApi().hf_hub_download(place.repo, name, revision=commit))
    if place.revision != commit:
        remember(path.parents[2] / "refs" / place.revision, commit)
        log.warning("%s is %s: give that to have the same again", place, pinned(place, path.parent))
    return path.parent


def pinned(place: Place, folder: Path) -> str:
    """Return the name of a commit, OWNER/NAME@COMMIT."""
    return f"{place.repo}@{folder.name}"


def listed(hub: Any, place: Place) -> tuple[str, dict[str, int]]:
    """Return the commit of a revision, and the sizes of those of its files that a bundle has."""
    info = hub.HfApi().model_info(place.repo, revision=place.revision, files_metadata=True, timeout=SECONDS)
    asked = place.revision if COMMIT.fullmatch(place.revision) else info.sha
    if info.sha != asked or not COMMIT.fullmatch(info.sha or ""):
        raise HubError(f"{place}: the hub has {info.sha} in its place, which is no such commit")
    return info.sha, {each.rfilename: each.size for each in info.siblings or () if each.rfilename in MOST}


def check(sizes: dict[str, int], place: Place) -> None:
    """Raise HubError unless files are those of a bundle, none too large."""
    if missing := [name for name in NEEDED if name not in sizes]:
        raise HubError(f"{place} is no bundle: it has no {' and no '.join(missing)}")
    for name, size in sizes.items():
        if not isinstance(size, int) or size > MOST[name]:
            raise HubError(f"{place}: {name} has {size} bytes, more than {MOST[name]:,}")


def cached(hub: Any, place: Place) -> Path | None:
    """Return the folder of a bundle that is whole in the cache, at the commit that its revision last was."""
    paths = [hub.try_to_load_from_cache(place.repo, name, revision=place.revision) for name in NEEDED]
    return Path(paths[0]).parent if all(isinstance(path, str) for path in paths) else None


def remember(path: Path, commit: str) -> None:
    """Keep in the cache which commit a branch or a tag is: what asks for its files by commit does not."""
    with whole_file(path) as file:
        file.write(commit.encode())

"""Bundles to the Hugging Face hub, once they were checked: one commit, which replaces nothing but a bundle."""

import os
import stat
from pathlib import Path
from typing import Any

from zoo.hub import bundle
from zoo.hub.config import own_version
from zoo.hub.hub_errors import HubError, package, plain_errors
from zoo.hub.loading import from_saved
from zoo.hub.remote import MAIN, MOST, NEEDED, Place

#: What the hub itself puts into a repository.
ITS_OWN = {".gitattributes"}


def push(folder: Path, place: Place, private: bool = False) -> str:
    """Upload the files of a bundle as one commit; return its name.

    The bundle is checked as when it is loaded, the whole model with its class. A repository that is not there is made;
    one that holds anything but a bundle is left alone. In the card, FOLDER becomes the repository's name.

    Args:
        folder: the bundle.
        place: the repository and a branch, which is made if needed.
        private: nobody else may see it; a repository that is there must be private already.

    Raises:
        CheckpointError: the bundle is not what it should be, or the hub does not take it.
    """
    hub = package("ganzoo push needs the package huggingface_hub")
    files = checked_files(folder)
    saved = bundle.read(folder)
    from_saved(saved, str(folder))
    files[bundle.CARD] = files[bundle.CARD].replace(b"FOLDER", place.repo.encode())
    api = hub.HfApi()
    with plain_errors(*place):
        api.create_repo(place.repo, private=private or None, exist_ok=True)
        held = api.model_info(place.repo)
        if private and not held.private:
            raise HubError(f"{place.repo} is there, and is public: --private would not change that")
        if place.revision != MAIN:
            api.create_branch(place.repo, branch=place.revision, exist_ok=True)
            held = api.model_info(place.repo, revision=place.revision)
        check_replaceable(held, place)
        added = [hub.CommitOperationAdd(name, content) for name, content in files.items()]
        message = f"{saved['model_class']} after {saved['global_step']:,} steps, ganzoo {own_version()}"
        done = api.create_commit(place.repo, added, commit_message=message, revision=place.revision)
    return str(done.oid)


def checked_files(folder: Path) -> dict[str, bytes]:
    """Return the contents of a bundle's files. Raise HubError for what is missing, too large, or a link.

    A link in a folder that somebody sent may lead to any file of this machine, which would then be public.
    """
    contents = {}
    for name, most in MOST.items():
        path = folder / name
        try:
            found = os.lstat(path)
        except OSError as error:
            if name in NEEDED or name == bundle.CARD:
                raise HubError(f"{path}: {error.strerror}") from error
            continue
        if not stat.S_ISREG(found.st_mode):
            raise HubError(f"{path} is no file but a link or a folder: nothing is uploaded")
        if found.st_size > most:
            raise HubError(f"{path} has {found.st_size:,} bytes, more than {most:,}: nothing is uploaded")
        contents[name] = path.read_bytes()
    return contents


def check_replaceable(held: Any, place: Place) -> None:
    """Raise HubError where a repository holds anything else than a bundle: its files would be replaced."""
    names = {each.rfilename for each in held.siblings or ()} - ITS_OWN
    if other := sorted(names - MOST.keys()):
        raise HubError(f"{place} holds {other[0]}, which is no bundle's: give another repository or branch")

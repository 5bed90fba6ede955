"""Errors of the Hugging Face hub in one line each; its package has many, with pages of advice."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zoo.engine.errors import CheckpointError


class HubError(CheckpointError):
    """A repository that gives or takes no bundle. The message is one line: which, why, what to do."""


class UnreachableError(HubError):
    """The hub does not answer, or is not to be asked."""


def package(wanted: str) -> Any:
    """Return the package huggingface_hub. Raise HubError where it is not installed, with what it is wanted for."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise HubError(f"{wanted}: pip install 'ganzoo-lightning[hub]'") from error
    return huggingface_hub


@contextmanager
def plain_errors(repo: str, revision: str) -> Iterator[None]:
    """Raise HubError in the place of the package's errors and of its transport's; others pass."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:
        raise explained(error, repo, revision) from error


def explained(error: Exception, repo: str, revision: str) -> Exception:
    """Return what to raise in the place of an error: itself where it is none of the hub's."""
    from huggingface_hub import constants, errors, get_token

    if type(error) is RuntimeError and isinstance(error.__cause__, Exception):  # an upload's
        return explained(error.__cause__, repo, revision)
    host = constants.ENDPOINT.partition("://")[2]
    login = "your token may not see it" if get_token() else "it needs hf auth login, or HF_TOKEN"
    known = {
        errors.GatedRepoError: f"{repo}: its owner gives access on request, at {host}/{repo}",
        errors.RepositoryNotFoundError: f"{host} has no {repo}, or it is private and {login}",
        errors.RevisionNotFoundError: f"{repo} has no revision {revision!r}",
        errors.HFValidationError: f"{repo} is no name of a repository: {one_line(error)}",
        errors.LocalTokenNotFoundError: f"{repo}: no token; hf auth login keeps one, or set HF_TOKEN",
    }
    for kind, message in known.items():
        if isinstance(error, kind):
            return HubError(message)
    if isinstance(error, errors.OfflineModeIsEnabled):
        return UnreachableError(f"{repo}@{revision}: HF_HUB_OFFLINE is set")
    if isinstance(error, errors.HfHubHTTPError):
        return refused(error, f"{repo}@{revision}: {host}", login)
    if is_of_transport(error):
        return UnreachableError(f"{repo}@{revision}: {host} does not answer ({type(error).__name__})")
    return error


def refused(error: Any, asked: str, login: str) -> HubError:
    """Return what an answer's status says."""
    status = getattr(error.response, "status_code", 0)
    if status in (401, 403):
        return HubError(f"{asked} refuses: {login}")
    kind = UnreachableError if status >= 500 else HubError
    return kind(f"{asked} answers {status}, {one_line(error)}")


def is_of_transport(error: Exception) -> bool:
    """Return whether an error says that nobody answered; not one of the disk, which has a number.

    The transport is another library in each version of the package.
    """
    library = type(error).__module__.split(".")[0]
    is_of_system = isinstance(error, ConnectionError | TimeoutError) or (isinstance(error, OSError) and not error.errno)
    return is_of_system or library.startswith(("httpx", "httpcore", "requests", "urllib3", "hf_xet", "huggingface_hub"))


def one_line(error: Exception) -> str:
    """Return the start of a message, without the package's advice."""
    told = " ".join(str(getattr(error, "server_message", None) or error).split())
    return told if len(told) < 160 else f"{told[:160]}..."

"""Weights & Biases that never gets in the way of a run."""

import logging
import os
import threading
import urllib.error
import urllib.request
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger

log = logging.getLogger("lightning.pytorch.ganzoo")

#: Seconds to wait for the server's first answer, and for a run to be opened there.
REACH_TIMEOUT, INIT_TIMEOUT = 5, 30


class WeightsAndBiases(WandbLogger):
    """A WandbLogger that is online where a key is configured and the server answers, and offline otherwise.

    It never prompts, never waits more than half a minute, and never fails a run: it says once what it does and why.
    $WANDB_MODE, where set, decides instead. Offline runs are kept under `<save_dir>/wandb`; `wandb sync` uploads them.

    Args:
        save_dir: where local files go.
        project: the W&B project.
        **kwargs: see Lightning's WandbLogger.
    """

    def __init__(self, save_dir: str = ".", project: str = "ganzoo", **kwargs: Any) -> None:
        kwargs.setdefault("mode", None)
        super().__init__(save_dir=save_dir, project=project, **kwargs)
        self._wandb_init.pop("anonymous", None)  # W&B warns of an option that Lightning still passes

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The W&B run, opened at first use."""
        if self._experiment is not None:
            return self._experiment
        import wandb  # a second of import time, paid only by runs that log there

        settings = self._wandb_init.setdefault("settings", wandb.Settings(init_timeout=INIT_TIMEOUT, silent=True))
        if not self._wandb_init.get("mode") and not os.environ.get("WANDB_MODE"):
            reason = why_offline(settings.base_url)
            self._wandb_init["mode"] = "offline" if reason else "online"
            if reason:
                log.info("Weights & Biases: offline, %s. Upload later with: wandb sync %s", reason, self.save_dir)
        try:
            return super().experiment
        except wandb.errors.Error as error:
            log.warning("Weights & Biases: offline, the server refused: %s", str(error).splitlines()[0])
            self._wandb_init["mode"] = "offline"
            return super().experiment


def why_offline(url: str) -> str | None:
    """None where a key for the server at `url` is configured and it answers; otherwise the reason in a few words."""
    if not has_key(url):
        return "no API key is configured (wandb login)"
    if not answers(url):
        return f"{url} does not answer"
    return None


def has_key(url: str) -> bool:
    """Whether the environment, W&B's settings or ~/.netrc hold a key for the server at `url`."""
    import wandb

    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE") or wandb.Settings().api_key:
        return True
    try:
        hosts = netrc(os.environ.get("NETRC") or Path.home() / ".netrc").hosts
    except (OSError, NetrcParseError):
        return False
    return any(host in hosts for host in (urlsplit(url).netloc, "api.wandb.ai"))


def answers(url: str, timeout: float = REACH_TIMEOUT) -> bool:
    """Whether anything at all comes back from `url` within `timeout` seconds, proxies and name servers included."""
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=timeout).close()
        except urllib.error.HTTPError:
            pass  # a refusal is an answer
        except OSError:
            return
        answered.set()

    threading.Thread(target=ask, daemon=True).start()  # a hanging name server ignores urlopen's own timeout
    return answered.wait(timeout)

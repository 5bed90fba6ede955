"""Weights & Biases that never gets in the way of a run."""

import logging
import os
import threading
import urllib.error
import urllib.request
from http.client import HTTPException
from netrc import NetrcParseError, netrc
from pathlib import Path
from queue import Empty, SimpleQueue
from textwrap import shorten
from typing import Any
from urllib.parse import urlsplit

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.pytorch.loggers import WandbLogger

from zoo.scores.directions import BEST

log = logging.getLogger("lightning.pytorch.ganzoo")

#: Seconds to wait for the server's first answer, for a run to be opened there, and for the last uploads.
REACH_TIMEOUT, INIT_TIMEOUT, FINISH_TIMEOUT = 5, 30, 300


class WeightsAndBiases(WandbLogger):
    """A WandbLogger that is online where a key is configured and the server answers, and offline otherwise.

    It never prompts, never waits more than half a minute for a run to be opened, nor more than five at its end, and
    never fails a run: it says once what it does and why. Another mode than online, from $WANDB_MODE or `wandb offline`,
    is kept. Offline runs are kept under `<save_dir>/wandb`; `wandb sync` uploads them.

    Args:
        save_dir: where local files go.
        project: the W&B project; by default $WANDB_PROJECT, else ganzoo.
        offline: the same as mode="offline".
        mode: online, offline or disabled; by default what W&B is set to.
        **kwargs: see Lightning's WandbLogger.
    """

    def __init__(
        self,
        save_dir: str = ".",
        project: str | None = None,
        offline: bool = False,
        mode: str | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["mode"] = "offline" if offline else mode  # Lightning's `offline` would change $WANDB_MODE
        project = project or os.environ.get("WANDB_PROJECT") or "ganzoo"
        super().__init__(save_dir=save_dir, project=project, **kwargs)
        self._wandb_init.pop("anonymous", None)  # W&B warns of an option that Lightning still passes

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """Return the W&B run, opened at first use."""
        if self._experiment is not None:
            return self._experiment
        import wandb  # a second of import time, needed only by runs that log there

        self._wandb_init.setdefault("settings", quiet_settings())
        settings = wandb.setup().settings  # with the environment's and those of W&B's own files
        if (self._wandb_init["mode"] or os.environ.get("WANDB_MODE") or settings.mode) == "online":
            reason = why_offline(settings.base_url, settings.api_key)
            self._wandb_init["mode"] = "offline" if reason else "online"
            if reason:
                upload = f"wandb sync {Path(str(self.save_dir)) / 'wandb'}"
                log.info("Weights & Biases: offline, %s. Upload later with: %s", reason, upload)
        try:
            run = super().experiment
        except wandb.errors.Error as error:
            log.warning("Weights & Biases: offline, the server refused: %s", shorten(str(error), 200))
            self._wandb_init["mode"] = "offline"
            run = super().experiment
        define_scores(run)
        return run


def define_scores(run: Any) -> None:
    """Let a run's summary, by which runs are compared, have the best value of each validation score beside its last."""
    for name, direction in BEST.items():
        summary = f"{direction},last"
        run.define_metric(f"val/{name}", step_metric="trainer/global_step", step_sync=True, summary=summary)


def quiet_settings() -> Any:
    """Return settings without messages, and with an end to every wait."""
    import wandb

    limits: dict[str, Any] = {"init_timeout": INIT_TIMEOUT, "finish_timeout": FINISH_TIMEOUT}
    known = {name: seconds for name, seconds in limits.items() if name in wandb.Settings.model_fields}
    return wandb.Settings(silent=True, **known)


def why_offline(url: str, key: str | None = None) -> str | None:
    """Return None where a key for the server at `url` is set and it answers; else the reason in a few words."""
    if not (key or has_key(url)):
        return "no API key is configured (wandb login)"
    if not is_reachable(url):
        return f"{url} does not answer"
    return None


def has_key(url: str) -> bool:
    """Return whether the environment or ~/.netrc hold a key for the server at `url`."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    try:
        hosts = netrc(os.environ.get("NETRC") or Path.home() / ".netrc").hosts
    except (OSError, NetrcParseError):
        return False
    return any(host in hosts for host in (urlsplit(url).netloc, "api.wandb.ai"))


def is_reachable(url: str, timeout: float = REACH_TIMEOUT) -> bool:
    """Return whether anything comes back from `url` within `timeout` seconds, proxies and name servers included."""
    answered: SimpleQueue[bool] = SimpleQueue()

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=timeout).close()
        except (urllib.error.HTTPError, HTTPException):
            pass  # a refusal is an answer
        except (OSError, ValueError):  # nobody there; no such address
            return answered.put(False)
        return answered.put(True)

    threading.Thread(target=ask, daemon=True).start()  # a hanging name server ignores urlopen's own timeout
    try:
        return answered.get(timeout=timeout)
    except Empty:
        return False

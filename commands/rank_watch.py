"""A watch on the other processes of a run: none waits for one that is gone."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

import torch
from lightning.pytorch import Trainer

from commands import interrupts

#: Seconds between signs of life, and without any from a process after which the others end.
BEAT, SILENCE = 1.0, 60.0
#: What a rank that has ended in order says for good.
OVER = "over"

saying = threading.Lock()  # the first message is the only one


def ending(status: int) -> str:
    """Return how a process of this exit status ended."""
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


def give_up(rank: int, what: str, end: Callable[[], None] = lambda: None) -> NoReturn:
    """End this process at once, with a line: it may be waiting for the lost one in C code, which no exception ends.

    Args:
        rank: of the lost process.
        what: happened to it.
        end: ends the processes that this one started.
    """
    asked = interrupts.current.received
    if not asked and not saying.locked() and saying.acquire(blocking=False):
        message = f"rank {rank}, {what}: the run ends; --ckpt_path last goes on"
        print(f"\nganzoo: error: {message}", file=sys.stderr, flush=True)
    end()
    os._exit(interrupts.current.status if asked else 1)


class RankWatch(threading.Thread):
    """End this process with one line when another one of the run gives no sign of life.

    Every rank counts in the store through which they met, and looks at the others' counts. $GANZOO_RANK_TIMEOUT changes
    the seconds of silence.

    Args:
        trainer: of several processes.
        end: ends the processes that this one started.
    """

    def __init__(self, trainer: Trainer, end: Callable[[], None]) -> None:
        super().__init__(name="ranks", daemon=True)
        environment = trainer._accelerator_connector.cluster_environment
        assert environment is not None
        self.address = environment.main_address, environment.main_port
        self.rank, self.world = trainer.global_rank, trainer.world_size
        self.silence = float(os.environ.get("GANZOO_RANK_TIMEOUT") or SILENCE)
        self.end = end
        self.over = threading.Event()
        self.counts, self.seen = dict[int, str](), dict.fromkeys(range(self.world), time.monotonic())

    def run(self) -> None:
        """Count, and look whether the others do."""
        try:
            store = torch.distributed.TCPStore(  # type: ignore[attr-defined]
                *self.address, is_master=False, timeout=timedelta(seconds=self.silence)
            )
            beat = 0
            while not self.over.wait(BEAT):
                beat += 1
                store.set(f"ganzoo/{self.rank}", f"process {os.getpid()} on {socket.gethostname()}, {beat}")
                for rank in range(self.world):
                    self.look(rank, store)
            store.set(f"ganzoo/{self.rank}", OVER)
        except RuntimeError:  # the store is in rank 0, and is gone with it
            if not self.over.wait(2 * BEAT):
                self.lose(0, "does not answer")

    def look(self, rank: int, store: Any) -> None:
        """End this process where another one has been silent for too long."""
        key, now = f"ganzoo/{rank}", time.monotonic()
        count = store.get(key).decode() if store.check([key]) else ""
        if count != self.counts.get(rank):
            self.counts[rank], self.seen[rank] = count, now
        if count != OVER and now - self.seen[rank] > self.silence and not self.over.is_set():
            self.lose(rank, f"has given no sign of life for {self.silence:.0f} seconds")

    def lose(self, rank: int, what: str) -> None:
        """End; of the others the first one alone says why."""
        if self.rank != (0 if rank else 1):
            time.sleep(BEAT)
            saying.acquire(blocking=False)
        name = self.counts.get(rank, "").rpartition(",")[0]
        give_up(rank, f"{name}, {what}" if name else what, self.end)

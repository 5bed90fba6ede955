"""Ctrl-C, as a request."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger("lightning.pytorch.ganzoo")


@contextmanager
def patient_interrupts() -> Iterator[list[int]]:
    """Within, SIGINT lets a training step end: it becomes SIGTERM, to which Lightning listens between steps.

    A second one, or one where nothing is trained, is Python's KeyboardInterrupt. Gives the list of those received. A
    process that another one started to train beside it leaves the terminal's Ctrl-C to that one.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def handle(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        if len(received) == 1 and callable(signal.getsignal(signal.SIGTERM)):
            log.info("Interrupted: ending after this step. Once more to stop at once.")
            signal.raise_signal(signal.SIGTERM)
        else:
            signal.default_int_handler(signum, frame)

    started_by_another = "GANZOO_RUN_DIR" in os.environ and "LOCAL_RANK" in os.environ
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if started_by_another else handle)
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, before)

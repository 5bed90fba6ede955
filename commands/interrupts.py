"""Ctrl-C and SIGTERM, as requests: a handler sets a flag, and the run looks at it between steps."""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger("lightning.pytorch.ganzoo")

#: Seconds that a second Ctrl-C leaves for an orderly end, where something hangs that no exception reaches.
PATIENCE = 3.0
SIGNALS = signal.SIGINT, signal.SIGTERM


class Interrupts:
    """The requests to stop that this process has got.

    Attributes:
        received: the signals, in their order.
        running: whether a trainer runs that will look at `received` between steps.
        pid, parent: of this process, and of the one that started it.
        child: whether another process of this run started this one.
        forward: called with the first signal: other processes are told there.
        abandon: called before the process ends by force.
    """

    def __init__(self) -> None:
        self.received: list[int] = []
        self.running, self.pid, self.parent = False, os.getpid(), os.getppid()
        self.child = "GANZOO_RUN_DIR" in os.environ and "LOCAL_RANK" in os.environ
        self.forward: Callable[[int], None] = lambda signum: None
        self.abandon: Callable[[], None] = lambda: None

    @property
    def status(self) -> int:
        """Return the exit status that tells which signal ended the process."""
        return 128 + (self.received[0] if self.received else signal.SIGTERM)

    def handle(self, signum: int, frame: FrameType | None) -> None:
        """Take a request. A second Ctrl-C, or one where nothing would look at the flag, raises KeyboardInterrupt."""
        if os.getpid() != self.pid:
            return  # a loader's worker, before it has a handler of its own
        self.received.append(signum)
        if self.running and len(self.received) == 1:
            log.info("%s: ending after this step. Ctrl-C once more stops at once.", signal.Signals(signum).name)
            self.forward(signum)
        elif signum == signal.SIGINT:
            raise KeyboardInterrupt
        elif not self.running:
            raise SystemExit(self.status)

    def watch(self, source: socket.socket) -> None:
        """End the process by force after a second Ctrl-C, since Python runs no handler while C code waits."""
        interrupts = 0
        while numbers := received_from(source):
            interrupts += numbers.count(signal.SIGINT)
            if interrupts > 1:
                time.sleep(PATIENCE)
                self.abandon()
                sys.stderr.flush()
                os._exit(128 + signal.SIGINT)


def received_from(source: socket.socket) -> bytes:
    """Return the numbers of the signals that have come, nothing once nobody listens any more."""
    try:
        return source.recv(64)
    except OSError:
        return b""


#: Of this process.
current = Interrupts()

if hasattr(os, "register_at_fork"):  # else a loader's worker would tell this process of its own signals, too
    os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))


@contextmanager
def patient_interrupts() -> Iterator[Interrupts]:
    """Let SIGINT and SIGTERM wait for the end of a training step, or of a batch of a test; give the requests received.

    A process that another one started to train beside it leaves the terminal's Ctrl-C to that one.
    """
    global current
    current = interrupts = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield interrupts
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=interrupts.watch, args=(ours,), name="interrupts", daemon=True).start()
    before = {signum: signal.signal(signum, interrupts.handle) for signum in SIGNALS}
    if interrupts.child:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield interrupts
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        signal.set_wakeup_fd(wakeup)
        theirs.close()
        ours.close()

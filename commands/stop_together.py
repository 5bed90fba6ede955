"""The processes of one run: they stop together, and none waits for one that is gone."""

import atexit
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any, NoReturn

import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.utilities.distributed import _set_num_threads_if_needed
from lightning.pytorch import Trainer
from lightning.pytorch.strategies.launchers.subprocess_script import _SubprocessScriptLauncher
from lightning.pytorch.trainer.connectors.signal_connector import _SignalConnector
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.exceptions import SIGTERMException

from commands import interrupts
from commands.rank_watch import BEAT, RankWatch, ending, give_up

log = logging.getLogger("lightning.pytorch.ganzoo")

#: Seconds in which the process that another one has lost shows.
LOST_PATIENCE = 10.0


class Requests(_SignalConnector):
    """Lightning's connector, whose own handler would begin to talk to other ranks in the midst of a signal."""

    agreed = False
    watch: RankWatch | None = None

    def register_signal_handlers(self) -> None:
        """Leave signals to the command line's handler, which sets a flag; begin to watch the other ranks."""
        self.agreed, interrupts.current.running = False, True
        environment = self.trainer._accelerator_connector.cluster_environment
        if isinstance(environment, SLURMEnvironment) and environment.auto_requeue:
            self._register_signal(environment.requeue_signal or signal.SIGUSR1, interrupts.current.handle)
        if self.trainer.world_size > 1 and torch.distributed.is_initialized():
            launcher = self.trainer.strategy.launcher
            self.watch = RankWatch(self.trainer, launcher.end if isinstance(launcher, Launcher) else lambda: None)
            self.watch.start()

    def teardown(self) -> None:
        """Give up watching."""
        interrupts.current.running = False
        requeue(self.trainer)
        if self.watch is not None:
            self.watch.over.set()
            self.watch.join(2 * BEAT)  # a thread in C++ at the interpreter's end would abort it

    @property
    def received_sigterm(self) -> bool:
        """Return whether this rank is to stop now: in training all ranks must have agreed on it."""
        if self.trainer.world_size > 1 and self.trainer.state.fn == TrainerFn.FITTING:
            return self.agreed
        return bool(interrupts.current.received)

    @received_sigterm.setter
    def received_sigterm(self, value: bool) -> None:
        """Set it, as Lightning's constructor does."""

    def agree(self) -> None:
        """Raise SIGTERMException on all ranks, before the same step, if any of them was asked to stop."""
        asked = torch.tensor([float(bool(interrupts.current.received))], device=self.trainer.strategy.root_device)
        torch.distributed.all_reduce(asked)
        if asked.item():
            self.agreed = True
            raise SIGTERMException


class Launcher(_SubprocessScriptLauncher):
    """Lightning's launcher, less its observer, which kills the first process while that writes a checkpoint."""

    def launch(self, function: Any, *args: Any, trainer: Trainer | None = None, **kwargs: Any) -> Any:
        """Start the other processes, then call the function in this one."""
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if not self.cluster_environment.creates_processes_externally:
            self._call_children_scripts()
            threading.Thread(target=self.watch, name="children", daemon=True).start()
        interrupts.current.forward = lambda signum: self.kill(signal.SIGTERM)
        interrupts.current.abandon = self.end
        atexit.register(self.end, patience=10.0)
        _set_num_threads_if_needed(num_processes=self.num_processes)
        return function(*args, **kwargs)

    def watch(self) -> None:
        """End the run with one line where a process that this one started fails, once that had the time to say why."""
        while any(child.poll() is None for child in self.procs):
            time.sleep(BEAT)
            for rank, child in enumerate(self.procs, start=1):
                if child.poll():
                    time.sleep(2 * BEAT)
                    give_up(rank, f"process {child.pid}, {ending(child.returncode)}", self.end)

    def end(self, patience: float = 0.0) -> None:
        """Kill the processes that are still there after `patience` seconds, stopped ones too."""
        deadline = time.monotonic() + patience
        for child in self.procs:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            if child.poll() is None:
                child.kill()


def stop_together(trainer: Trainer) -> None:
    """Make a trainer's processes agree on when to stop, in place of Lightning's way, and end with each other."""
    trainer._signal_connector = Requests(trainer)
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = trainer._signal_connector.agree  # type: ignore[method-assign]
    launcher = trainer.strategy.launcher
    if type(launcher) is _SubprocessScriptLauncher:
        trainer.strategy._launcher = Launcher(launcher.cluster_environment, launcher.num_processes, launcher.num_nodes)


def is_lost_connection(error: BaseException) -> bool:
    """Return whether an error is what is left of another process."""
    return bool(re.search("closed by peer|reset by peer|Broken pipe|Timed out|NCCL|gloo", str(error), re.IGNORECASE))


def end_without(error: BaseException) -> NoReturn:
    """End this process, whose connection to another one is lost, with a line that says to which if that is known."""
    asked = interrupts.current
    if asked.received:  # the other one stopped as this one was about to
        raise SystemExit(asked.status) from None
    if not (asked.child and os.getppid() != asked.parent):
        time.sleep(LOST_PATIENCE)  # the process that watches the others says which is gone, and ends this one
        message = f"another process of this run is gone: {' '.join(str(error).split())}"
    else:
        message = f"rank 0, process {asked.parent}, is gone: the run ends; --ckpt_path last goes on"
        if os.environ["LOCAL_RANK"] != "1":  # which says it for all
            raise SystemExit(1) from None
    print(f"\nganzoo: error: {message}", file=sys.stderr)
    raise SystemExit(1) from None


def requeue(trainer: Trainer) -> None:
    """Ask SLURM to run this job again, where its own signal has ended it."""
    environment = trainer._accelerator_connector.cluster_environment
    if not (isinstance(environment, SLURMEnvironment) and environment.auto_requeue and trainer.is_global_zero):
        return
    if (environment.requeue_signal or signal.SIGUSR1) not in interrupts.current.received:
        return
    job = os.environ["SLURM_JOB_ID"]
    if array := os.environ.get("SLURM_ARRAY_JOB_ID"):
        job = f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}"
    try:
        done = subprocess.run(["scontrol", "requeue", job], check=False).returncode
    except OSError as error:
        log.warning("job %s is not requeued: scontrol: %s", job, error.strerror)
    else:
        log.info("job %s: scontrol requeue ended with status %d", job, done)

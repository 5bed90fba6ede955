"""The command line: `ganzoo fit | test | sample | ...`, also `python cli.py ...`.

`--config` takes a recipe's name or a file. Everything a run makes lies in `runs/<name>/<time>/` under
`--trainer.default_root_dir`.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import ganzoo_lightning  # noqa: F401  # first: from here on our packages win over a user's of the same names

from commands import recipes  # isort: skip
from commands import messages  # isort: skip
from commands import plain  # isort: skip


def main(args: Sequence[str] | None = None) -> None:
    """Run one command, given as the arguments after `ganzoo`; by default sys.argv's.

    Ends by SystemExit: status 2 for wrong arguments, keys and values, 1 for wrong data. `--debug` shows where in the
    code that was found.
    """
    argv = list(sys.argv[1:] if args is None else args)
    debug = "--debug" in argv
    argv = [argument for argument in argv if argument != "--debug"]
    if messages.print_help(argv):
        return
    if argv[0] == "list":
        recipes.list_recipes(argv[1:])
        return
    if argv[0] in plain.FILES:
        plain.run(argv, debug)
        return
    with dying_of_interrupts():
        from commands import running  # takes seconds, which help and the list need not wait for

    running.run(argv, debug)


@contextmanager
def dying_of_interrupts() -> Iterator[None]:
    """Let Ctrl-C end the process: torch's import swallows KeyboardInterrupt at times, and there is no work yet."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    main()

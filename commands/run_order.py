"""Which of the runs of one name is the newest: each has a number."""

from pathlib import Path

NUMBER = "number.txt"


def number_of(run: Path) -> int:
    """Return the number of a run folder: each is one more than those before it. -1 for runs of earlier versions."""
    try:
        return int((run / NUMBER).read_text())
    except (OSError, ValueError):
        return -1


def number(run: Path) -> None:
    """Give a number to a new run folder. A clock may go back, and with it names and times of files: this does not."""
    newest = max((number_of(other) for other in run.parent.iterdir()), default=-1)
    (run / NUMBER).write_text(f"{newest + 1}\n")

"""`ganzoo report`: runs as one page; and the page that `ganzoo fit` and `test` leave in the run's folder."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from commands.plain import PlainParser, report
from commands.report.page import page
from commands.report.run_data import RunData, read_run
from zoo.files.whole_files import whole_file

log = logging.getLogger("lightning.pytorch.ganzoo")

NAME = "report.html"


def main(argv: Sequence[str]) -> None:
    """Run the command, given the words after its name. Raises ValueError for wrong values, OSError."""
    parser = PlainParser("report", "Runs as one page: scores, samples, losses, what differs, commands.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="a run's folder, runs/<recipe>/<time>")
    parser.add_argument("--out", type=Path, default=Path(NAME), metavar="FILE", help=f"the page: {NAME}")
    given = parser.parse_args(argv)
    if given.out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {given.out}: a page's name ends with .html")
    runs = with_names(given.runs)
    for run in runs:
        for note in run.notes:
            print(f"{run.folder}: {note}", file=sys.stderr)
    write(runs, given.out)
    report([given.out])


def with_names(folders: Sequence[Path]) -> list[RunData]:
    """Return runs, each under a name of its own."""
    runs = [read_run(folder) for folder in folders]
    names = [run.name for run in runs]
    return [
        run._replace(name=f"{run.name} ({names[:number].count(run.name) + 1})") if names.count(run.name) > 1 else run
        for number, run in enumerate(runs)
    ]


def write(runs: Sequence[RunData], path: Path) -> None:
    """Write a page, whole or not at all."""
    content = page(runs)
    with whole_file(path) as file:
        file.write(content)


def leave(folder: Path) -> None:
    """Write `report.html` into the folder of a run, and say so; warn where that fails, which never ends a run.

    A folder that a test or a prediction made for itself is no run's, and has none.
    """
    path = folder / NAME
    if not (folder / "config.yaml").is_file():
        return
    try:
        write([read_run(folder)], path)
    except Exception as error:
        log.warning("no report %s (%s)", path, getattr(error, "strerror", None) or error or type(error).__name__)
    else:
        print(f"report:      {path}")

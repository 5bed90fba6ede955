"""The whole page, of one run or of several."""

from collections.abc import Sequence
from typing import Any

from commands.bundles import without_places
from commands.report import pictures, tables
from commands.report.charts import Series, chart
from commands.report.elements import Markup, join, tag
from commands.report.run_data import RunData
from commands.report.style import STYLE

#: Nothing is loaded and nothing is run, whatever a run's folder held.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
#: Pictures of a run by step; of many runs fewer.
PICTURES, ALL_PICTURES = 6, 36


def page(runs: Sequence[RunData]) -> bytes:
    """Return the page as a UTF-8 file."""
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
    parts = {name: made for name, make in SECTIONS.items() if (made := make(runs))}
    links = [tag("a", name, href=f"#{anchor(name)}") for name in parts]
    sections = [tag("section", tag("h2", name), made, id=anchor(name)) for name, made in parts.items()]
    notes = [tag("p", f"{run.name}: {note}", class_="note") for run in runs for note in run.notes]
    body = [
        tag("a", "To the content", href="#content", class_="skip"),
        tag("header", tag("h1", f"ganzoo: {title}"), tag("nav", *links, aria_label="Sections")),
        tag("main", *notes, *sections, id="content", tabindex=-1),
        tag("footer", tag("p", "Written by ganzoo report.", class_="dim")),
    ]
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"ganzoo: {title}"),
        tag("style", Markup(STYLE)),
    ]
    whole = tag("html", tag("head", *head), tag("body", *body), lang="en")
    return f"<!DOCTYPE html>\n{whole}\n".encode("utf-8", "replace")


def anchor(name: str) -> str:
    """Return the name of a section in links."""
    return name.lower().replace(" ", "-")


def logged(runs: Sequence[RunData], prefix: str) -> list[str]:
    """Return the names of curves that begin so, less standard deviations, all runs' together."""
    names = {name for run in runs for name, points in run.curves.items() if points and name.startswith(prefix)}
    return sorted(name for name in names if not name.endswith("_std"))


def charts(runs: Sequence[RunData], names: Sequence[str]) -> Markup:
    """Return a chart for each name, with a curve for each run that has it."""
    made = []
    for name in names:
        curves = [
            Series(tables.mark(number, runs), number, run.curves[name])
            for number, run in enumerate(runs)
            if run.curves.get(name)
        ]
        made.append(chart(name, curves))
    return tag("div", *made, class_="charts") if made else Markup("")


def final_scores(runs: Sequence[RunData]) -> Markup:
    """Return the tables of scores."""
    made = [tables.tested(runs)] if any(run.scores for run in runs) else []
    if names := logged(runs, "val/"):
        made.append(tables.validated(runs, names))
    return join(*made)


def samples(runs: Sequence[RunData]) -> Markup:
    """Return the grids of each run over time, and those of its test."""
    made: list[Any] = []
    count = max(2, min(PICTURES, ALL_PICTURES // len(runs)))
    for number, run in enumerate(runs):
        if figures := pictures.figures(run, count):
            made += [tag("h3", tables.head(number, runs)), tag("div", *figures, class_="pictures")]
    return join(*made)


def training_scores(runs: Sequence[RunData]) -> Markup:
    """Return the curves of validations."""
    return charts(runs, logged(runs, "val/"))


def losses(runs: Sequence[RunData]) -> Markup:
    """Return the curves of training."""
    return charts(runs, logged(runs, "train/"))


def speed(runs: Sequence[RunData]) -> Markup:
    """Return the curves of what is neither a loss nor a score."""
    others = [
        name for name in logged(runs, "") if not name.startswith(("val/", "train/", "test/", "images_seen", "epoch"))
    ]
    return charts(runs, others)


def differences(runs: Sequence[RunData]) -> Markup:
    """Return what differs between the configurations of several runs."""
    return tables.differences(runs) if len(runs) > 1 else Markup("")


def commands(runs: Sequence[RunData]) -> Markup:
    """Return the command of each run, without places on the machine that it ran on."""
    made: list[Any] = []
    for number, run in enumerate(runs):
        if command := run.made_with.get("command"):
            made += [tag("h3", tables.head(number, runs)), tag("pre", without_places(command))]
    return join(*made)


def configurations(runs: Sequence[RunData]) -> Markup:
    """Return all settings of each run, folded away."""
    made = []
    for number, run in enumerate(runs):
        if run.configuration:
            whole = tables.table(f"Settings of {run.name}", ["setting", "value"], sorted(run.configuration.items()))
            made.append(tag("details", tag("summary", "All settings of ", tables.head(number, runs)), whole))
    return join(*made)


SECTIONS: dict[str, Any] = {
    "Runs": tables.about,
    "Final scores": final_scores,
    "Differences": differences,
    "Samples": samples,
    "Scores during training": training_scores,
    "Losses": losses,
    "Speed": speed,
    "Commands": commands,
    "Settings": configurations,
}

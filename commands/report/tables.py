"""The tables of the page."""

from collections.abc import Sequence
from typing import Any

from commands.report.charts import AWAY, STYLES, best_point, number
from commands.report.elements import Markup, join, tag
from commands.report.run_data import RunData
from zoo.scores.directions import best

#: Of each run: where its configuration or its log says it.
ABOUT = {
    "model": "model.class_path",
    "network": "model.init_args.network",
    "data": "data.class_path",
    "batch size": "data.init_args.batch_size",
    "seed": "seed_everything",
}
MADE_WITH = {"ganzoo": "ganzoo-lightning", "torch": "torch", "commit": "commit"}


def mark(number: int, runs: Sequence[RunData]) -> str:
    """Return the letter of a run; none where there is one run."""
    if len(runs) == 1:
        return ""
    return chr(ord("A") + number) if number < 26 else str(number + 1)


def head(number: int, runs: Sequence[RunData]) -> Markup:
    """Return a run's letter and name."""
    letter = mark(number, runs)
    shown = join(tag("span", letter, class_=f"mark s{number % STYLES}"), " ") if letter else Markup("")
    return join(shown, runs[number].name)


def letters(runs: Sequence[RunData], alone: str) -> list[Any]:
    """Return the runs' letters as titles of columns; `alone` where there is one run."""
    if len(runs) == 1:
        return [alone]
    return [tag("span", mark(number, runs), class_=f"mark s{number % STYLES}") for number in range(len(runs))]


def table(title: str, columns: Sequence[Any], rows: Sequence[Sequence[Any]], first_number: int = 99) -> Markup:
    """Return a table that scrolls by itself where it is too wide, with the keyboard too.

    Args:
        title: says what it holds.
        columns: their titles; that of the rows first.
        rows: their cells; the first one is the row's title.
        first_number: from which column on there are numbers.
    """
    kinds = ["number" if column >= first_number else None for column in range(len(columns))]
    titles = [tag("th", each, scope="col", class_=kind) for each, kind in zip(columns, kinds, strict=True)]
    body = []
    for row in rows:
        cells = [tag("td", each, class_=kind) for each, kind in list(zip(row, kinds, strict=True))[1:]]
        body.append(tag("tr", tag("th", row[0], scope="row"), *cells))
    whole = tag("table", tag("caption", title), tag("thead", tag("tr", *titles)), tag("tbody", *body))
    return tag("div", whole, class_="scroll", tabindex=0, role="region", aria_label=title)


def about(runs: Sequence[RunData]) -> Markup:
    """Return what the runs are: a column for each."""
    rows = [
        [title, *(run.configuration.get(key, "").rpartition(".")[2] for run in runs)] for title, key in ABOUT.items()
    ]
    seen = [(run.curves.get("images_seen") or [(0, 0.0)])[-1][1] for run in runs]
    last = [max((points[-1][0] for points in run.curves.values() if points), default=0) for run in runs]
    rows += [["last logged step", *(f"{step:,}" for step in last)]]
    rows += [["images seen", *(f"{count:,.0f}" if count else "" for count in seen)]]
    rows += [["end", *(run.ending for run in runs)]]
    made_with = [{key: value[:12] for key, value in run.made_with.items() if value != "None"} for run in runs]
    rows += [[title, *(each.get(key, "") for each in made_with)] for title, key in MADE_WITH.items()]
    columns = ["", *(head(number, runs) for number in range(len(runs)))]
    return table("What was run", columns, [row for row in rows if any(row[1:])])


def tested(runs: Sequence[RunData]) -> Markup:
    """Return the scores that tests gave, beside those of real images."""
    known = [(number, run) for number, run in enumerate(runs) if run.scores]
    names = list(dict.fromkeys(name for _, run in known for name in run.scores["scores"]))
    comparable = len({(run.scores["scorer"], run.scores["samples"]) for _, run in known}) == 1
    reals = [{name: row["real"] for name, row in run.scores["scores"].items()} for _, run in known]
    shared = comparable and all(each == reals[0] for each in reals)
    titles = [letters(runs, "generated")[number] for number, _ in known]
    columns = ["score", *titles]
    columns += ["real images"] if shared else [join("real images, ", each) for each in titles]
    rows = []
    for name in names:
        values = [run.scores["scores"].get(name, {}).get("generated") for _, run in known]
        title = join(name, tag("span", f" {AWAY[best(name)]}", class_="dim")) if best(name) else name
        real = [number(each.get(name)) for each in (reals[:1] if shared else reals)]
        rows.append([title, *(bold_best(values, best(name) if comparable and len(known) > 1 else None)), *real])
    told = [join(head(number, runs), protocol(run)) for number, run in known]
    said = "" if comparable else "Scorers or numbers of images differ: do not compare these runs with each other. "
    lines = tag("p", *told, said, "Real images: training images in the place of generated ones, the score to hope for.")
    return join(table("Scores of the test", columns, rows, first_number=1), lines)


def protocol(run: RunData) -> str:
    """Return of how many images a run's scores are, when, and through what."""
    result = run.scores
    count, step, scorer = result["samples"] or 0, result["step"] or 0, result["scorer"].rpartition("/")[2]
    return f": {count:,.0f} images after {step:,.0f} steps, scorer {scorer}. "


def bold_best(values: Sequence[float | None], direction: str | None) -> list[Any]:
    """Return values as text, the best one strong; none without a direction, and none where all are equal."""
    given = {value for value in values if value is not None}
    top = (min if direction == "min" else max)(given) if direction and len(given) > 1 else None
    return [tag("strong", number(value), " (best)") if value == top is not None else number(value) for value in values]


def validated(runs: Sequence[RunData], names: Sequence[str]) -> Markup:
    """Return each score's last value in validation, and its best one with its step."""
    columns: list[Any] = ["score"]
    for letter in letters(runs, ""):
        columns += [join(letter, " last"), join(letter, " best, step")]
    rows = []
    for name in names:
        row: list[Any] = [name]
        for run in runs:
            points, direction = run.curves.get(name), best(name)
            row.append(number(points[-1][1]) if points else "")
            step, value = best_point(points, direction) if points and direction else (0, None)
            row.append("" if value is None else f"{number(value)}, {step:,}")
        rows.append(row)
    return table("Scores of validations", columns, rows, first_number=1)


def differences(runs: Sequence[RunData]) -> Markup:
    """Return the settings that are not the same in all runs."""
    names = sorted({name for run in runs for name in run.configuration})
    rows = [[name, *(run.configuration.get(name, "(not there)") for run in runs)] for name in names]
    rows = [row for row in rows if len(set(row[1:])) > 1]
    if not rows:
        return tag("p", "Nothing: all settings are the same.")
    return table("Settings that are not the same in all runs", ["setting", *letters(runs, "value")], rows)

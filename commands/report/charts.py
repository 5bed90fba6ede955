"""Curves as SVG."""

from collections.abc import Sequence
from typing import NamedTuple

from commands.report.axes import Axis, step_axis, value_axis
from commands.report.elements import Markup, join, tag
from commands.report.run_data import Curve
from zoo.scores.directions import best

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 440, 240, 62, 24, 10, 42
#: Points of a curve as it is drawn, and up to which each has a dot.
DRAWN, DOTTED = 200, 40
#: How many styles of lines the page knows.
STYLES = 8
AWAY = {"min": "lower is better", "max": "higher is better", None: ""}


class Series(NamedTuple):
    """A run's curve: its mark on the page (A, B, ...; nothing for a single run), its number from 0, its points."""

    mark: str
    number: int
    points: Curve


def chart(name: str, series: Sequence[Series]) -> Markup:
    """Return a figure of one value of some runs; each has at least one point."""
    steps = step_axis([step for each in series for step, _ in each.points])
    values = value_axis([value for each in series for _, value in each.points])
    direction = best(name) if name.startswith("val/") else None  # the best of noise is none
    drawn = [line(each, steps, values) for each in series]
    drawn += [best_mark(each, direction, steps, values) for each in series if direction and len(each.points) > 1]
    told = [tag("title", f"{name} by step"), tag("desc", "; ".join(in_words(each, direction) for each in series))]
    inside = [*told, grid(steps, values), *drawn, end_marks(series, steps, values)]
    picture = tag("svg", *inside, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img")
    aside = ", ".join(filter(None, [AWAY[direction], "logarithmic" if values.is_log else ""]))
    caption = tag("figcaption", tag("strong", name), f" ({aside})" if aside else "")
    return tag("figure", caption, picture, class_="chart")


def x_of(axis: Axis, step: float) -> float:
    """Return where a step is, in the units of the drawing."""
    return LEFT + axis.share(step) * (WIDTH - LEFT - RIGHT)


def y_of(axis: Axis, value: float) -> float:
    """Return where a value is, from the top."""
    return HEIGHT - BOTTOM - axis.share(value) * (HEIGHT - TOP - BOTTOM)


def grid(steps: Axis, values: Axis) -> Markup:
    """Return the lines behind the curves, and what is written beside them."""
    made = []
    for value, shown in values.ticks:
        y = f"{y_of(values, value):.1f}"
        made.append(tag("path", d=f"M{LEFT},{y}H{WIDTH - RIGHT}", class_="grid"))
        made.append(tag("text", shown, x=LEFT - 6, y=y, class_="y"))
    for step, shown in steps.ticks:
        x = f"{x_of(steps, step):.1f}"
        made.append(tag("path", d=f"M{x},{HEIGHT - BOTTOM}v4", class_="axis"))
        made.append(tag("text", shown, x=x, y=HEIGHT - BOTTOM + 17, class_="x"))
    made.append(tag("path", d=f"M{LEFT},{TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}", class_="axis"))
    made.append(tag("text", "step", x=(LEFT + WIDTH - RIGHT) // 2, y=HEIGHT - 5, class_="x"))
    return join(*made)


def line(series: Series, steps: Axis, values: Axis) -> Markup:
    """Return a curve, with a dot for each point where there are few."""
    at = [(x_of(steps, step), y_of(values, value)) for step, value in thinned(series.points)]
    through = Markup("M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in at))
    made = [tag("path", d=through, class_=f"line s{series.number % STYLES}")]
    if len(at) <= DOTTED:
        dots = "".join(f"M{x:.1f},{y:.1f}h0" for x, y in at)
        made.append(tag("path", d=Markup(dots), class_=f"dots s{series.number % STYLES}"))
    return join(*made)


def thinned(points: Curve) -> Sequence[tuple[float, float]]:
    """Return at most DRAWN points: means of as many neighbours as it takes."""
    size = -(-len(points) // DRAWN)
    if size == 1:
        return points
    parts = [points[start : start + size] for start in range(0, len(points), size)]
    return [(sum(step for step, _ in part) / len(part), sum(y for _, y in part) / len(part)) for part in parts]


def best_point(points: Curve, direction: str) -> tuple[int, float]:
    """Return the step and the value that are best: the first of equal ones."""
    return (min if direction == "min" else max)(points, key=lambda point: point[1])


def best_mark(series: Series, direction: str, steps: Axis, values: Axis) -> Markup:
    """Return a ring around the best point, which says what it is."""
    step, value = best_point(series.points, direction)
    told = tag("title", f"{series.mark} best: {number(value)} at step {step:,}".strip())
    at = {"cx": f"{x_of(steps, step):.1f}", "cy": f"{y_of(values, value):.1f}"}
    return tag("circle", told, **at, r=6, class_=f"best s{series.number % STYLES}")


def end_marks(series: Sequence[Series], steps: Axis, values: Axis) -> Markup:
    """Return the runs' letters at the ends of their curves, none on another."""
    made, free = [], float(HEIGHT)
    ends = [(each, *each.points[-1]) for each in series]
    for each, step, value in sorted(ends, key=lambda end: end[2]):
        free = min(y_of(values, value), free - 12)
        at = {"x": f"{x_of(steps, step) + 9:.1f}", "y": f"{free:.1f}"}
        made.append(tag("text", each.mark, **at, class_=f"end s{each.number % STYLES}"))
    return join(*made)


def in_words(series: Series, direction: str | None) -> str:
    """Return what a curve shows."""
    (first, start), (last, end) = series.points[0], series.points[-1]
    told = f"{series.mark} {number(start)} at step {first:,}, {number(end)} at step {last:,}".strip()
    if direction and len(series.points) > 1:
        step, value = best_point(series.points, direction)
        told += f", best {number(value)} at step {step:,}"
    return told


def number(value: float | None) -> str:
    """Return a score as text; nothing without one."""
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1e6 else f"{value:.4g}"

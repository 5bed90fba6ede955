"""The whole page: planes of images, one image of each shown large."""

import base64
import hashlib
import json
from collections.abc import Sequence

from commands.explore.look import SCRIPT, STYLE
from commands.explore.sprite import Sheet
from commands.report.elements import Markup, tag
from zoo.hub.planes import Plane

#: Nothing is loaded, and no script runs but the page's own.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    f"script-src 'sha256-{base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()}'"
)
#: Tiles up to so many pixels are enlarged without blurring.
FINE = 48
KEYS = "Drag over a picture, or focus the large one and use the arrow keys, Home, End, Page Up and Page Down."


def page(name: str, command: str, planes: Sequence[Plane], sheet: Sheet, sprite: Markup) -> bytes:
    """Return the page as a UTF-8 file.

    Args:
        name: of the model.
        command: that writes this page.
        planes: at least one.
        sheet: where tiles are on the sprite.
        sprite: its address; the planes are on it one under the other.
    """
    title, tops = f"{name}: planes of its images", [0]
    for plane in planes:
        tops.append(tops[-1] + len(plane.rows) * sheet.cell_height)
    shown = [section(number, each, tops[number], sheet) for number, each in enumerate(planes)]
    is_fine = max(sheet.width, sheet.height) <= FINE
    alt = "All images, one plane under the other: " + "; ".join(plane.title for plane in planes)
    whole = tag("img", id="sprite", src=sprite, alt=alt, class_="sharp" if is_fine else None)
    body = [
        tag("header", tag("h1", title), tag("p", KEYS, class_="dim")),
        tag(
            "main",
            tag("p", "Scripts are off here: what could be dragged through is below, as one picture.", class_="still"),
            tag("div", *shown, class_="planes fine" if is_fine else "planes"),
            tag("details", tag("summary", "All images at once"), whole, open="open"),
            data_sheet=json.dumps(sheet._asdict()),
        ),
        tag("footer", tag("p", "Written by", class_="dim"), tag("pre", command)),
        tag("script", Markup(SCRIPT)),
    ]
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    ]
    return f"<!DOCTYPE html>\n{tag('html', tag('head', *head), tag('body', *body), lang='en')}\n".encode()


def section(number: int, plane: Plane, top: int, sheet: Sheet) -> Markup:
    """Return one plane: the image that is chosen, all of them as a map, and two sliders."""
    told, columns, rows = f"told-{number}", len(plane.columns), len(plane.rows)
    first, second, third, fourth = plane.corners
    held = {"top": top, "columns": plane.columns, "rows": plane.rows}
    here = tag(
        "div",
        tag("canvas", width=sheet.width, height=sheet.height),
        class_="here",
        tabindex=0,
        role="application",
        aria_roledescription="plane of images",
        aria_label=f"{plane.title}. {columns} columns, {rows} rows; arrow keys move.",
        aria_describedby=told,
    )
    spot = tag("span", class_="spot")
    map_ = tag("canvas", width=columns * sheet.width, height=rows * sheet.height)
    return tag(
        "section",
        tag("h2", plane.title),
        tag(
            "div",
            tag("div", tag("span", first), tag("span", second), class_="ends"),
            here,
            tag("div", map_, spot, class_="map", aria_hidden="true"),
            tag("output", id=told),
            tag("div", tag("span", third), tag("span", fourth), class_="ends"),
            class_="views",
        ),
        tag("label", "across", slider(columns, f"{plane.title}: across")),
        tag("label", "down", slider(rows, f"{plane.title}: down")),
        class_="plane",
        data_plane=json.dumps(held),
    )


def slider(count: int, name: str) -> Markup:
    """Return a slider over the numbers below `count`."""
    return tag("input", type="range", min=0, max=count - 1, step=1, aria_label=name)

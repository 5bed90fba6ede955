"""HTML elements in which nothing but markup of our own is markup."""

import html
import re
from typing import Any

#: Characters of a text at most; runs are data that somebody may have sent.
MAX_LENGTH = 5000
#: Elements without content.
VOID = "meta", "img", "input"


class Markup(str):
    """Text that is HTML already: only `tag`, `join` and constants of our own make it."""


def tag(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        *children: what is in it: Markup as it is, all else as escaped text.
        **attributes: values are escaped; None leaves one out. `class_` is class, `aria_label` is aria-label.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{join(*children)}</{name}>")


def join(*children: Any) -> Markup:
    """Return children one after the other: Markup as it is, all else as escaped text."""
    return Markup("".join(each if isinstance(each, Markup) else text(each) for each in children))


def text(value: Any) -> str:
    """Return a value as escaped text; data of pictures, which is Markup, in whole."""
    return str(value) if isinstance(value, Markup) else html.escape(printable(value))


def printable(value: Any) -> str:
    """Return a value as text on one line, not too long, without characters that change the look of others."""
    try:
        shown = re.sub(r"\s+", " ", str(value)[: 2 * MAX_LENGTH])
    except ValueError:  # an integer of more digits than Python writes
        shown = "a number of too many digits"
    shown = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)
    return shown if len(shown) <= MAX_LENGTH else shown[: MAX_LENGTH - 4] + " ..."

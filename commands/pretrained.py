"""`ganzoo pretrained`: the models that ship with the zoo."""

import json
from collections.abc import Sequence
from typing import Any

from commands.plain import PlainParser
from zoo.hub import shipped

#: Scores in the table, and their titles.
SCORES = {"fid": "FID", "inception_score": "IS", "precision": "precision", "recall": "recall"}
SCORES |= {"class_accuracy": "class accuracy"}


def main(argv: Sequence[str]) -> None:
    """Print the table, or JSON."""
    parser = PlainParser("pretrained", "The models that ship with the zoo, for ganzoo sample and zoo.from_pretrained.")
    parser.add_argument("--json", action="store_true", help="as JSON rather than a table")
    as_json = parser.parse_args(argv).json
    rows = shipped.rows()
    print(json.dumps(rows, indent=2) if as_json else table(rows))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as aligned text."""
    cells = [["name", "model", "data", "size", "steps", *SCORES.values()]]
    for row in rows:
        scores = [f"{row['scores'][key]:.4g}" if key in row["scores"] else "" for key in SCORES]
        cells.append(
            [row["name"], row["model"], row["data"] or "", f"{row['bytes'] / 1e6:.2f} MB", f"{row['steps']:,}"]
        )
        cells[-1] += scores
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    sides = [str.ljust] * 3 + [str.rjust] * (len(widths) - 3)
    return "\n".join(
        "  ".join(side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)).rstrip()
        for line in cells
    )

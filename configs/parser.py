"""The command line's words to settings, and what is wrong with them in one line."""

import re
import sys
from typing import NoReturn

from lightning.pytorch.cli import LightningArgumentParser

IRRELEVANT = re.compile(r"^Expected a (<class 'NoneType'>|path)|^Does not validate against any")


class Parser(LightningArgumentParser):
    """A parser whose errors are one line."""

    advice = "see ganzoo fit --help"

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Prints what is wrong and ends with status 2."""
        # Of a failed union, jsonargparse tells every branch: only what the chosen class said is of use.
        problem, _, given = str(message).partition("Given value type:")
        head, *branches = re.split(r"\n\s*- ", problem)
        causes = [branch for branch in branches if not IRRELEVANT.search(branch)]
        told = [head.split("\n")[0], "; ".join(causes), *given.split("\n")[1:]] if causes else [str(message)]
        if causes and "Namespace(" in given:  # a class and all it was given: the cause names what is wrong
            told = causes
        fail(2, " ".join([*told, f"({self.advice})"]))


def fail(status: int, message: str) -> NoReturn:
    """Ends with one line."""
    print("ganzoo: error:", *message.split(), file=sys.stderr)
    raise SystemExit(status)

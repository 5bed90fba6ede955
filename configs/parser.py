"""The command line's words to settings, and what is wrong with them in one line."""

import inspect
import re
from collections.abc import Iterator
from typing import NoReturn

from lightning.pytorch.cli import LightningArgumentParser

import datamodules
import zoo
from configs.messages import fail, meant, with_suggestion

IRRELEVANT = re.compile(r"^Expected a (<class 'NoneType'>|path)|^Does not validate against any")


class Parser(LightningArgumentParser):
    """A parser whose errors are one line."""

    advice = "see ganzoo fit --help"

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print what is wrong and end with status 2."""
        # Of a failed union, jsonargparse tells every branch: only what the chosen class said is of use.
        problem, _, given = str(message).partition("Given value type:")
        head, *branches = re.split(r"\n\s*- ", problem)
        causes = [branch for branch in branches if not IRRELEVANT.search(branch)]
        told = [head.split("\n")[0], "; ".join(causes), *given.split("\n")[1:]] if causes else [str(message)]
        if causes and "Namespace(" in given:  # a class and all it was given: the cause names what is wrong
            told = causes
        line = with_suggestion(" ".join(told))
        hint = self.suggestion(str(message))
        fail(2, f"{line}; {hint} ({self.advice})" if hint else f"{line} ({self.advice})")

    def suggestion(self, message: str) -> str:
        """Return what a mistyped option or name may have meant, as words; nothing where nothing is near."""
        if found := re.search(r"unrecognized arguments: (--[\w.]+|\S+)", message):
            word = found[1].lstrip("-")
            if not found[1].startswith("-"):
                return f"is {word} a recipe? ganzoo fit --config {word}"
            return meant(word, self.options(), "--{}")
        if found := re.search(r"Option '(\w+)' is not accepted", message):
            return meant(found[1], self.arguments(message))
        if found := re.search(r"(?:Expected a dot import path string: |has no attribute ')([\w.-]+)", message):
            return meant(found[1].split(".")[-1], [*zoo.__all__, *datamodules.__all__])
        return ""

    def options(self) -> Iterator[str]:
        """Give the names of all options, of all commands."""
        commands = getattr(self, "_subcommands_action", None)
        for parser in [self, *(commands._name_parser_map.values() if commands else ())]:
            for action in parser._actions:
                yield from (word[2:] for word in action.option_strings if word.startswith("--"))

    def arguments(self, message: str) -> Iterator[str]:
        """Give the arguments of all our classes, those of the class that a message names first."""
        known = [getattr(module, name) for module in (zoo, datamodules) for name in module.__all__]
        classes = [each for each in known if inspect.isclass(each)]
        for each in sorted(classes, key=lambda each: each.__name__ not in message):
            makers = [vars(cls)["__init__"] for cls in each.__mro__ if "__init__" in vars(cls) and cls is not object]
            for maker in makers:
                yield from inspect.signature(maker).parameters

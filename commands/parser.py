"""The command line's arguments to settings, and what is wrong with them in one line."""

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, get_type_hints

import lightning.pytorch.callbacks
from lightning.pytorch.cli import LightningArgumentParser

import datamodules
import zoo
from commands import catalogue
from commands.messages import fail, meant, nearest, with_suggestion
from commands.moved import translated
from datamodules import DataError, ImageDataModule
from zoo.engine.optimizers import OptimizerConfig

IRRELEVANT = re.compile(r"^Expected a (<class 'NoneType'>|path)|^Does not validate against any")

# Options as other programs call them.
SHORT = {
    "lr": "model.init_args.generator_optimizer.lr",
    "learning_rate": "model.init_args.generator_optimizer.lr",
    "steps": "trainer.max_steps",
    "epochs": "trainer.max_epochs",
    "seed": "seed_everything",
    "gpus": "trainer.devices",
    "resume": "ckpt_path",
}


class Parser(LightningArgumentParser):
    """A parser whose errors are one line."""

    advice = "see ganzoo fit --help"

    def _load_config_parser_mode(self, content: str, *args: Any, **kwargs: Any) -> Any:
        """Read a file's text as jsonargparse does, after options' old names."""
        return super()._load_config_parser_mode(translated(content), *args, **kwargs)

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print what is wrong and end with status 2."""
        # Of a failed union, jsonargparse tells every branch: only what the chosen class said is of use.
        problem, _, given = str(message).partition("Given value type:")
        head, *branches = re.split(r"\n\s*- ", problem)
        causes = [branch for branch in branches if not IRRELEVANT.search(branch)]
        parts = [head.split("\n")[0], "; ".join(causes), *given.split("\n")[1:]] if causes else [str(message)]
        if causes and "Namespace(" in given:  # a class and all it was given: the cause names what is wrong
            parts = causes
        line = with_suggestion(" ".join(parts))
        hint = self.suggestion(str(message))
        fail(2, f"{line}; {hint} ({self.advice})" if hint else f"{line} ({self.advice})")

    def suggestion(self, message: str) -> str:
        """Return what a mistyped option or name may have meant, in a sentence; nothing where nothing is near."""
        if found := re.search(r"unrecognized arguments: (-*)([\w.-]+)", message):
            return self.option_meant(found[2]) if found[1] else stray_meant(found[2])
        if found := re.search(r"Option '([\w-]+)' is not accepted", message):
            return meant(found[1], arguments(zoo, message) + arguments(datamodules, message))
        if found := re.search(r"Subcommand '\w+' does not accept option '([\w.]+)'", message):
            return self.option_meant(found[1])
        if found := re.search(r"Group '([\w.]+)' does not accept option '(\w+)'", message):
            return self.option_meant(f"{found[1]}.{found[2]}")
        if found := re.search(r"Unexpected keys: {'(\w+)'", message):
            return meant(found[1], get_type_hints(OptimizerConfig))
        if found := re.search(r"(?:Expected a dot import path string: |class_path ')([\w.-]+)", message):
            module, _, name = found[1].rpartition(".")
            held = vars(sys.modules[module]) if module in sys.modules else {}
            own = [name for name, each in held.items() if inspect.isclass(each)]
            callbacks = lightning.pytorch.callbacks.__all__ if '"trainer.callbacks"' in message else ()
            return meant(name, [*own, *callbacks, *zoo.__all__, *datamodules.__all__])
        return ""

    def option_meant(self, given: str) -> str:
        """Return which option is meant, by the whole of its name or by its last part."""
        known = [*self.options(), *(f"data.init_args.{name}" for name in arguments(datamodules))]
        known += [f"model.init_args.{name}" for name in arguments(zoo)]
        if "." in given:
            return meant(given, known, "--{}")
        ends = {name.rpartition(".")[2]: name for name in reversed(known)}
        ends |= SHORT | {name: name for name in known if "." not in name}
        near = nearest(given, ends)
        return f"did you mean --{ends[near]}?" if near else ""

    def options(self) -> Iterator[str]:
        """Give the names of all options, of all commands."""
        commands = getattr(self, "_subcommands_action", None)
        for parser in [self, *(commands._name_parser_map.values() if commands else ())]:
            for action in parser._actions:
                yield from (option[2:] for option in action.option_strings if option.startswith("--"))


def stray_meant(given: str) -> str:
    """Return what a value without an option may have meant: a recipe."""
    if Path(given).is_dir():
        return f"a folder stands before all options: ganzoo fit {given}"
    near = nearest(given, catalogue.names())
    return f"did you mean --config {near}?" if near else f"is {given} a recipe? ganzoo fit --config {given}"


def arguments(module: ModuleType, message: str = "") -> list[str]:
    """Return the arguments of all classes that one of our packages exports, those of a class in the message first."""
    classes = [each for each in (getattr(module, name) for name in module.__all__) if inspect.isclass(each)]
    found: list[str] = []
    for each in sorted(classes, key=lambda each: each.__name__ not in message):
        makers = [vars(cls)["__init__"] for cls in each.__mro__ if "__init__" in vars(cls) and cls is not object]
        for maker in makers:
            found += [name for name in inspect.signature(maker).parameters if name not in ("self", "args", "kwargs")]
    return found


def classes_of(data: ImageDataModule) -> int | None:
    """Return how many classes data has; None where it cannot be read, which it will say itself."""
    try:
        return data.num_classes
    except DataError:
        return None

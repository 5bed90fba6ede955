"""Options that had another name or another place before, in files and on the command line: the one table of them."""

import re
from collections.abc import Sequence
from typing import Any

import yaml

#: Old name to new one. A run's own config.yaml names every option, so that an old run could not be resumed otherwise.
MOVED = {"component_grid": "label_grid", "guard.min_variety": "guard.min_diversity"}
#: What was a callback's and is the model's: `generator_ema: {decay: 0.999}`.
AVERAGE = "generator_ema"


def translated(text: str) -> str:
    """Return a YAML file's text with the new names of options: at its top, or for one of a section, wherever it is."""
    for old, new in MOVED.items():
        section, _, key = old.rpartition(".")
        before = r"(?<![\w-])" if section else "^"
        text = re.sub(rf"{before}{key}(?=\s*:)", new.rpartition(".")[2], text, flags=re.MULTILINE)
    return with_average(text) if re.search(rf"^{AVERAGE}\s*:", text, flags=re.MULTILINE) else text


def with_average(text: str) -> str:
    """Return a YAML file's text with its decay of `generator_ema` as the model's `average`; that of a model wins."""
    settings = yaml.safe_load(text)
    decay = (settings.pop(AVERAGE) or {}).get("decay")
    arguments = settings.setdefault("model", {}).setdefault("init_args", {})
    arguments["average"] = arguments.get("average") or average(decay)
    return yaml.safe_dump(settings, sort_keys=False)


def average(decay: Any) -> dict[str, Any] | None:
    """Return what the model's `average` is for a decay."""
    return None if decay is None else {"name": "steps", "decay": decay}


def translated_arguments(argv: Sequence[str]) -> list[str]:
    """Return the arguments of a command with their options' new names."""
    joined: list[str] = []
    for argument in argv:
        if joined and joined[-1] == f"--{AVERAGE}.decay":
            argument = f"{joined.pop()}={argument}"
        joined.append(argument)
    return [translated_argument(each) for each in joined]


def translated_argument(argument: str) -> str:
    """Return an argument of a command, its value after `=`, with an option's new name."""
    for old, new in MOVED.items():
        argument = re.sub(rf"^--{re.escape(old)}(?=[.=]|$)", f"--{new}", argument)
    if decay := re.fullmatch(rf"--{AVERAGE}\.decay=(.*)", argument):
        argument = (
            f"--model.init_args.average={yaml.safe_dump(average(yaml.safe_load(decay[1])), default_flow_style=True)}"
        )
    return argument.removesuffix("\n...\n").rstrip("\n")

"""Options that had another name before, in files and on the command line: the one table of them."""

import re

#: Old name to new one. A run's own config.yaml names every option, so that an old run could not be resumed otherwise.
MOVED = {"component_grid": "label_grid", "guard.min_variety": "guard.min_diversity"}


def translated(text: str) -> str:
    """Return a YAML file's text with the new names of options: at its top, or for one of a section, wherever it is."""
    for old, new in MOVED.items():
        section, _, key = old.rpartition(".")
        before = r"(?<![\w-])" if section else "^"
        text = re.sub(rf"{before}{key}(?=\s*:)", new.rpartition(".")[2], text, flags=re.MULTILINE)
    return text


def translated_argument(argument: str) -> str:
    """Return an argument of a command with an option's new name."""
    for old, new in MOVED.items():
        argument = re.sub(rf"^--{re.escape(old)}(?=[.=]|$)", f"--{new}", argument)
    return argument

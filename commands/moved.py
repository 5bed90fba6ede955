"""Options that had another name before, in files and on the command line: the one table of them."""

import re

#: Old name to new one. A run's own config.yaml names every option, so that an old run could not be resumed otherwise.
MOVED = {"component_grid": "label_grid"}


def translated(text: str) -> str:
    """Return a YAML file's text with the new names of options at its top."""
    for old, new in MOVED.items():
        text = re.sub(rf"^{old}(?=\s*:)", new, text, flags=re.MULTILINE)
    return text


def translated_argument(argument: str) -> str:
    """Return an argument of a command with an option's new name."""
    for old, new in MOVED.items():
        argument = re.sub(rf"^--{old}(?=[.=]|$)", f"--{new}", argument)
    return argument

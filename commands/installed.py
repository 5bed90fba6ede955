"""Models of other packages: those that an entry point `ganzoo.models` names appear in `ganzoo list` and `--model`.

A package says so in its pyproject.toml:

    [project.entry-points."ganzoo.models"]
    MyGAN = "my_package.my_gan:MyGAN"
"""

from collections.abc import Sequence
from importlib.metadata import entry_points

from commands import catalogue

GROUP = "ganzoo.models"


def models() -> dict[str, str]:
    """Return class paths by name, of the packages installed here, less names of ours; nothing is imported."""
    found = {each.name: each.value.replace(":", ".") for each in sorted(entry_points(group=GROUP))}
    return {name: path for name, path in found.items() if name not in catalogue.load()["models"]}


def with_class_paths(argv: Sequence[str]) -> list[str]:
    """Return the arguments of a command with the class path of each `--model NAME` that another package names."""
    named, words = models(), list(argv)
    for place, word in enumerate(words):
        option, equals, value = word.partition("=")
        if option == "--model" and equals:
            words[place] = f"--model={named.get(value, value)}"
        elif place and words[place - 1] == "--model":
            words[place] = named.get(word, word)
    return words

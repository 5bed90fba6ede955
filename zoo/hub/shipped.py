"""The bundles that ship with the zoo, by name. Imports nothing that takes time."""

from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "pretrained"


def names() -> list[str]:
    """Return the names of all shipped bundles, in alphabetical order."""
    return sorted(each.parent.name for each in FOLDER.glob("*/config.json"))


def rows() -> list[dict[str, Any]]:
    """Return a row for each: name, model, data, bytes of the weights, step, images, and its scores by name."""
    from zoo.hub.config import read_config

    made = []
    for name in names():
        config = read_config(FOLDER / name / "config.json")
        size = (FOLDER / name / "model.safetensors").stat().st_size
        row = {"name": name, "model": config["class"], "data": config["data"], "bytes": size}
        row |= {"steps": config["step"], "images": config["images"]}
        made.append(row | {"scores": (config["scores"] or {}).get("generated", {})})
    return made

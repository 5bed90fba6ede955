"""Which scores are better lower, and which higher. It imports nothing: pages and dashboards need no more of a score."""

from typing import Literal

Direction = Literal["min", "max"]

#: The best value of each score; one that is not here, as a standard deviation, is not to be ranked by.
BEST: dict[str, Direction] = {
    "inception_score": "max",
    "classes_used": "max",
    "fid": "min",
    "kid": "min",
    "precision": "max",
    "recall": "max",
    "coverage": "max",
    "class_accuracy": "max",
    "class_fid": "min",
    "sliced_wasserstein": "min",
    "mifid": "min",
    "modes_covered": "max",
    "high_quality": "max",
}


def best(name: str) -> Direction | None:
    """Return whether the best value of a score is its least or its greatest, None where neither is.

    Args:
        name: with or without its stage: fid, val/fid.
    """
    return BEST.get(name.rpartition("/")[2])

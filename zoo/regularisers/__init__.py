"""Regularisers that any model can have beside its paper's own: entries of the option `regularisers`.

Each is one line of YAML, `regularisers: [{name: r1, gamma: 0.5, every: 16}]`. Fakes that a term needs are made anew,
so that a term means the same in each update and in a lazy step of its own (`zoo.engine.regulariser`).
"""

from collections.abc import Sequence
from typing import Any

from torch import nn

from zoo.engine.arguments import check_named
from zoo.engine.building import build_named
from zoo.engine.regulariser import Regulariser
from zoo.regularisers.extra import Extra
from zoo.regularisers.of_the_critic import R1, R2, Consistency, LeCam
from zoo.regularisers.of_the_generator import FeatureMatching, Orthogonal

REGULARISERS: dict[str, type[Extra]] = {
    each.name: each for each in (R1, R2, LeCam, Consistency, Orthogonal, FeatureMatching)
}


def build_regularisers(given: Any) -> nn.ModuleList:
    """Build those that the option `regularisers` lists. Raise ValueError for what is no list of them."""
    if given is not None and not isinstance(given, list | tuple):
        raise ValueError(f"regularisers must be a list of dictionaries, [{{name: r1, gamma: 0.5}}]; got {given!r}")
    for each in given or ():
        check_named("each of regularisers", each or {}, REGULARISERS)
    return nn.ModuleList(build_named(REGULARISERS, each) for each in given or ())


def check_names(terms: Sequence[Regulariser]) -> None:
    """Raise ValueError where two terms of a model, its paper's or those given, have one name."""
    names = [each.name for each in terms]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"regularisers: {', '.join(twice)} would be there twice; the model's own count")


__all__ = ["R1", "R2", "REGULARISERS", "Consistency", "Extra", "FeatureMatching", "LeCam", "Orthogonal"]

"""The features that images are compared by: pixels, or a scorer's features."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoo.hub.projection import Look


def look_of(scorer: str | None) -> "Look":
    """Return pixels [N, C H W] of images [N, C, H, W], or a scorer's features [N, F]; gradients flow.

    Raises ScorerError for a scorer that cannot be had.
    """
    from zoo.hub.projection import pixels

    if scorer is None:
        return pixels
    from zoo.scores.scorers import load_scorer

    network = load_scorer(scorer)
    return lambda images: network.network(network.prepare(images))[0]

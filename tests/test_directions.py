"""Scores know which way is better, and metrics agree."""

import pytest

from zoo.scores.directions import BEST, best
from zoo.scores.metric_spec import Sizes
from zoo.scores.table import SPECS

#: Scores that rank nothing: spreads, and what has its best value in between.
NEITHER = {
    "inception_score_std", "modified_inception_score", "modified_inception_score_std", "kid_std", "density",
    "authenticity", "ct_score",
}  # fmt: skip


def test_every_score_has_a_direction_or_is_known_to_have_none():
    keys = {key for spec in SPECS.values() for key in spec.keys}
    assert keys == (set(BEST) | NEITHER) - {"modes_covered", "high_quality"}


@pytest.mark.parametrize("name", SPECS)
def test_a_metric_s_own_direction_is_that_of_its_first_score(name):
    spec = SPECS[name]
    own = spec.make(Sizes(64, 10, 10)).higher_is_better
    if own is not None and spec.keys[0] in BEST:
        assert BEST[spec.keys[0]] == ("max" if own else "min")


def test_a_stage_before_the_name_changes_nothing():
    assert best("val/fid") == best("test/fid") == best("fid") == "min"
    assert best("val/kid_std") is best("train/critic_loss") is None

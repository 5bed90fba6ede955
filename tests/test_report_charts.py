"""The curves of a report: ticks that can be read, points where they belong."""

import itertools
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.report.axes import step_axis, value_axis
from commands.report.charts import DRAWN, Series, chart, in_words, thinned

NUMBERS = st.floats(-1e9, 1e9).filter(lambda value: value == 0 or abs(value) > 1e-6)


@settings(max_examples=200, deadline=None)
@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_every_value_is_on_its_axis_and_ticks_are_few_and_unlike_each_other(values):
    for axis in (value_axis(values), step_axis([abs(value) for value in values])):
        ticks = [value for value, _ in axis.ticks]
        assert ticks == sorted(ticks)
        assert all(-1e-6 <= axis.share(value) <= 1 + 1e-6 for value in ticks)
        assert 2 <= len(ticks) <= 14
    axis = value_axis(values)
    assert all(0 <= axis.share(value) <= 1 for value in values)
    assert axis.share(max(values)) >= axis.share(min(values))


@pytest.mark.parametrize(
    ("values", "is_log", "shown"),
    [
        ([0.1, 44.0], True, ["0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50"]),
        ([1e-6, 1e3], True, ["1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1", "10", "100", "1,000"]),
        ([0.0, 44.0], False, ["0", "10", "20", "30", "40"]),
        ([9.8012, 9.8031], False, ["9.8015", "9.8020", "9.8025", "9.8030"]),
        ([-2.0, 3.0], False, ["-2", "-1", "0", "1", "2", "3"]),
        ([0.0, 120_000.0], False, ["0", "50,000", "100,000"]),
    ],
)
def test_axes_are_as_one_would_draw_them(values, is_log, shown):
    axis = value_axis(values)
    assert axis.is_log == is_log
    assert [each for each in shown if each in [text for _, text in axis.ticks]] == shown


def points(svg):
    """Return where the line of a curve goes."""
    (path,) = re.findall(r'd="M([^"]*)" class="line', svg)
    return [tuple(map(float, point.split(","))) for point in path.split("L")]


def test_better_is_higher_on_the_page_and_a_later_step_is_further_right():
    (x0, y0), (x1, y1), (x2, y2) = points(chart("val/fid", [Series("", 0, [(0, 1.0), (10, 3.0), (20, 2.0)])]))
    assert x0 < x1 < x2
    assert y0 > y2 > y1
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y0 - y2 == pytest.approx(y2 - y1, abs=0.2)


def test_on_a_logarithmic_axis_equal_factors_are_equal_lengths():
    made = chart("val/fid", [Series("", 0, [(0, 0.1), (10, 1.0), (20, 10.0)])])
    (_, y0), (_, y1), (_, y2) = points(made)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.2)
    assert "logarithmic" in made


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3000))
def test_long_curves_are_means_of_neighbours(count):
    curve = [(step, math.sin(step)) for step in range(count)]
    drawn = thinned(curve)
    assert len(drawn) <= DRAWN
    assert len(drawn) == count or len(drawn) > DRAWN / 2
    if count <= DRAWN:
        assert drawn == curve
    if count % len(drawn) == 0:
        assert sum(y for _, y in drawn) / len(drawn) == pytest.approx(sum(y for _, y in curve) / count, abs=1e-9)


def test_the_ring_is_at_the_best_value_of_a_validation_alone():
    curve = [(1, 2.0), (2, 1.0), (3, 4.0)]
    told = {name: re.findall(r"best: (\S+) at step (\d)", chart(name, [Series("A", 0, curve)])) for name in NAMES}
    assert told == NAMES
    assert in_words(Series("A", 0, curve), "max") == "A 2 at step 1, 4 at step 3, best 4 at step 3"


NAMES = {"val/fid": [("1", "2")], "val/recall": [("4", "3")], "val/kid_std": [], "train/fid": []}


def test_curves_of_runs_have_letters_none_on_another():
    made = chart("val/fid", [Series("A", 0, [(1, 1.0)]), Series("B", 1, [(1, 1.0)]), Series("C", 2, [(1, 5.0)])])
    ends = dict(re.findall(r'y="([\d.]+)" class="end s(\d)"', made))
    heights = sorted(map(float, ends))
    assert len(heights) == 3
    assert min(b - a for a, b in itertools.pairwise(heights)) >= 11.9

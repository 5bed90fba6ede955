"""Axes of a chart: from where to where, on which scale, and where the ticks are."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Axis(NamedTuple):
    """A range of values.

    Attributes:
        low, high: its ends.
        is_log: whether equal factors, rather than equal differences, have equal lengths.
        ticks: values in it, and how each is written.
    """

    low: float
    high: float
    is_log: bool
    ticks: list[tuple[float, str]]

    def share(self, value: float) -> float:
        """Return where a value lies between the ends: 0 at the lower, 1 at the upper one."""
        if self.is_log:
            return math.log10(value / self.low) / math.log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def step_axis(steps: Sequence[float]) -> Axis:
    """Return an axis of steps, from 0."""
    low, high = min(0, *steps), max(steps)
    return linear(low, high if high > low else low + 1, 4)


def value_axis(values: Sequence[float]) -> Axis:
    """Return an axis of values: logarithmic where they are positive and span a factor of 30 or more."""
    low, high = min(values), max(values)
    if low > 0 and math.log10(high) - math.log10(low) >= math.log10(30):
        return logarithmic(low / 1.15, high * 1.15)
    if 0 <= low < high / 3:
        return linear(0, high * 1.04, 5)
    margin = (high - low) * 0.05 or abs(high) * 0.05 or 1.0
    return linear(low - margin, high + margin, 5)


def linear(low: float, high: float, count: int) -> Axis:
    """Return an axis with about `count` ticks at multiples of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * (count + 1) >= high - low)
    first, last = math.ceil(low / step), math.floor(high / step)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    at = [number * step for number in range(first, last + 1)]
    return Axis(low, high, False, [(value, written(value, digits)) for value in at])


def written(value: float, digits: int) -> str:
    """Return a tick's value as text."""
    if digits > 4 or abs(value) >= 1e7:
        return f"{value:.3g}"
    return f"{value:,.{digits}f}"


def logarithmic(low: float, high: float) -> Axis:
    """Return an axis with ticks at powers of ten, and at 2 and 5 times these where there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    factors = (1, 2, 5) if high / low < 1e3 else (1,)
    every = max(1, (last - first) // 6)
    at = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
    shown = [(value, f"{value:,.0f}" if 1e3 <= value < 1e7 else f"{value:.3g}") for value in at]
    return Axis(low, high, True, [tick for tick in shown if low <= tick[0] <= high])

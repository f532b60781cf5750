"""What a table shows of a metric: a few numbers for a whole series."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: How many values of a metric its trend keeps.
TREND_POINTS = 32


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """What a table shows of a metric's values; ``min``, ``max`` and ``mean`` pass over NaN where there is any number.

    Attributes:
        first, last: the first and the last value in the order of the series.
        min, max, mean: over all values that are numbers; NaN where none is.
        count: how many values there are, NaN among them.
        trend: the shape of the curve: at most ``TREND_POINTS`` of its values, evenly picked, the last one among them.
        min_step, max_step: the step of the first value that is the lowest or the highest, None where none is a number.
    """

    first: float
    last: float
    min: float
    max: float
    count: int
    trend: tuple[float, ...] = ()
    mean: float = float("nan")
    min_step: int | None = None
    max_step: int | None = None


def summary_of(
    values: Sequence[float] | npt.NDArray[Any], steps: Sequence[int] | npt.NDArray[Any] | None = None
) -> MetricSummary | None:
    """Return the summary of the values of a metric in their order, or None when there are none.

    Args:
        values: the values, oldest first.
        steps: the step of each; without them the values are counted from 1, as the epochs of a record are.
    """
    if not len(values):
        return None
    if len(values) <= TREND_POINTS:
        return _summary_of_few(np.asarray(values, dtype=float).tolist(), steps)
    numbers = np.asarray(values, dtype=float)
    trend = tuple(numbers[np.linspace(0, len(numbers) - 1, TREND_POINTS).astype(np.intp)].tolist())
    first, last = float(numbers[0]), float(numbers[-1])
    known = numbers if not np.isnan(numbers).any() else numbers[~np.isnan(numbers)]
    if not len(known):
        nan = float("nan")
        return MetricSummary(first, last, nan, nan, len(numbers), trend)
    lowest, highest = int(np.nanargmin(numbers)), int(np.nanargmax(numbers))

    def step(index: int) -> int:
        return index + 1 if steps is None else int(steps[index])

    with np.errstate(invalid="ignore", over="ignore"):  # infinities of both signs have no mean
        mean = float(known.mean())
    return MetricSummary(
        first,
        last,
        float(numbers[lowest]),
        float(numbers[highest]),
        len(numbers),
        trend,
        mean,
        step(lowest),
        step(highest),
    )


def _summary_of_few(values: list[float], steps: Sequence[int] | npt.NDArray[Any] | None) -> MetricSummary:
    """Make the summary in Python alone: most runs are short, and NumPy takes ten times as long for a few values."""
    trend = tuple(values)
    known = [value for value in values if value == value]
    if not known:
        return MetricSummary(values[0], values[-1], math.nan, math.nan, len(values), trend)
    low, high = min(known), max(known)
    lowest, highest = values.index(low), values.index(high)
    if steps is None:
        min_step, max_step = lowest + 1, highest + 1
    else:
        min_step, max_step = int(steps[lowest]), int(steps[highest])
    mean = sum(known) / len(known)
    return MetricSummary(values[0], values[-1], low, high, len(values), trend, mean, min_step, max_step)

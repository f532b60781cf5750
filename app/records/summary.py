"""What a table shows of a metric: a few numbers for a whole series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: How many values of a metric its trend keeps.
TREND_POINTS = 32
_PICKED = np.arange(TREND_POINTS)


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
    numbers = np.ascontiguousarray(values, dtype=float)
    count = len(numbers)
    trend = tuple((numbers if count <= TREND_POINTS else numbers[_PICKED * (count - 1) // (TREND_POINTS - 1)]).tolist())
    first, last = float(numbers[0]), float(numbers[-1])
    known = numbers
    lowest, highest = int(numbers.argmin()), int(numbers.argmax())
    if np.isnan(numbers[lowest]):  # the first NaN is the lowest and the highest where there is any
        known = numbers[~np.isnan(numbers)]
        if not len(known):
            nan = float("nan")
            return MetricSummary(first, last, nan, nan, count, trend)
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
        count,
        trend,
        mean,
        step(lowest),
        step(highest),
    )

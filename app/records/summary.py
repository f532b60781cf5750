"""What a table shows of a metric: a few numbers for a whole series."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

#: How many values of a metric its trend keeps.
TREND_POINTS = 32
#: Up to here Python's own loops are done before NumPy's have begun.
_FEW = 512


class MetricSummary(NamedTuple):
    """What a table shows of a metric's values; ``min``, ``max`` and ``mean`` pass over NaN where there is any number.

    A tuple, since an index of 10,000 runs makes 100,000 of them: a frozen dataclass takes four times as long to make.

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
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks of a summary
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
    count = len(values)
    if not count:
        return None
    if count > _FEW:
        return _of_many(np.ascontiguousarray(values, dtype=float), steps)
    numbers: Sequence[float] = values.tolist() if isinstance(values, np.ndarray) else values
    total = sum(numbers)
    if not math.isfinite(total):
        return _of_many(np.asarray(numbers), steps)
    lowest, highest = min(numbers), max(numbers)
    at_lowest, at_highest = numbers.index(lowest), numbers.index(highest)
    return MetricSummary(
        numbers[0],
        numbers[-1],
        lowest,
        highest,
        count,
        tuple(numbers) if count <= TREND_POINTS else tuple([numbers[index] for index in _picked(count)]),
        total / count,
        # As _step has it: a call for each of 200,000 takes its time.
        at_lowest + 1 if steps is None else int(steps[at_lowest]),
        at_highest + 1 if steps is None else int(steps[at_highest]),
    )


def _of_many(numbers: npt.NDArray[np.float64], steps: Sequence[int] | npt.NDArray[Any] | None) -> MetricSummary:
    count = len(numbers)
    trend = tuple((numbers if count <= TREND_POINTS else numbers[np.array(_picked(count))]).tolist())
    first, last = float(numbers[0]), float(numbers[-1])
    known = numbers
    lowest, highest = int(numbers.argmin()), int(numbers.argmax())
    if np.isnan(numbers[lowest]):  # the first NaN is the lowest and the highest where there is any
        known = numbers[~np.isnan(numbers)]
        if not len(known):
            return MetricSummary(first, last, math.nan, math.nan, count, trend)
        lowest, highest = int(np.nanargmin(numbers)), int(np.nanargmax(numbers))
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
        _step(steps, lowest),
        _step(steps, highest),
    )


def _step(steps: Sequence[int] | npt.NDArray[Any] | None, index: int) -> int:
    return index + 1 if steps is None else int(steps[index])


@functools.lru_cache(maxsize=256)
def _picked(count: int) -> tuple[int, ...]:
    """Return which of so many values make the trend."""
    return tuple(np.linspace(0, count - 1, TREND_POINTS).astype(int).tolist())

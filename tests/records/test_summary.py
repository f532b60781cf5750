from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.summary import TREND_POINTS, MetricSummary, summary_of


def test_nothing_has_no_summary() -> None:
    assert summary_of([]) is None


@pytest.mark.parametrize("count", [1, TREND_POINTS, TREND_POINTS + 1, 512, 513, 5000])
def test_a_summary_is_the_same_for_few_and_for_many(count: int) -> None:
    values = [math.sin(number) for number in range(count)]
    found = summary_of(values, range(10, 10 + count))
    array = np.array(values)
    assert found is not None
    assert (found.first, found.last, found.count) == (values[0], values[-1], count)
    assert (found.min, found.max) == (array.min(), array.max())
    assert found.mean == pytest.approx(array.mean(), abs=1e-12)
    assert (found.min_step, found.max_step) == (10 + int(array.argmin()), 10 + int(array.argmax()))
    picked = array[np.linspace(0, count - 1, TREND_POINTS).astype(int)] if count > TREND_POINTS else array
    assert found.trend == tuple(picked)


def test_values_without_steps_are_counted_from_one() -> None:
    found = summary_of([3, 1, 2])
    assert found == MetricSummary(3.0, 2.0, 1.0, 3.0, 3, (3.0, 1.0, 2.0), 2.0, 2, 1)


def test_nan_is_passed_over_where_there_is_any_number() -> None:
    found = summary_of([math.nan, 4.0, 2.0, math.nan])
    assert found is not None
    assert (found.min, found.max, found.mean, found.count) == (2.0, 4.0, 3.0, 4)
    assert (found.min_step, found.max_step) == (3, 2)
    alone = summary_of([math.nan])
    assert alone is not None
    assert math.isnan(alone.min)
    assert alone.min_step is None


@given(values=st.lists(st.floats(), min_size=1, max_size=40))
def test_no_values_raise_and_lists_and_arrays_give_the_same(values: list[float]) -> None:
    assert repr(summary_of(values)) == repr(summary_of(np.array(values)))

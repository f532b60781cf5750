from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.series import POINT_DTYPE, Points
from app.records.sources.base import RecordUpdate
from app.ui.run.record_model import RecordMetric, RecordModel

VALUES = st.lists(st.floats(width=32), min_size=1, max_size=40)


def rows(values: list[float], first: int = 0) -> Points:
    points = np.zeros(len(values), POINT_DTYPE)
    points["step"], points["value"] = np.arange(first, first + len(values)), values
    return points


@given(st.lists(VALUES, min_size=1, max_size=5), st.sampled_from(["loss", "accuracy"]))
def test_numbers_that_are_kept_up_are_those_of_all_values(parts: list[list[float]], name: str) -> None:
    metric = RecordMetric(name)
    values = [value for part in parts for value in part]
    for number, part in enumerate(parts):
        metric.add(rows(part, sum(map(len, parts[:number]))))
    assert metric.count == len(values)
    assert metric.last == pytest.approx(values[-1], nan_ok=True)
    known = [value for value in values if not math.isnan(value)]
    if not known:
        assert (metric.best, metric.worst, metric.mean) == (None, None, None)
        return
    best, worst = (min, max) if name == "loss" else (max, min)
    assert metric.best == (best(known), next(at for at, value in enumerate(values) if value == best(known)))
    assert metric.worst == worst(known)
    if all(map(math.isfinite, known)):
        assert metric.mean == pytest.approx(
            math.fsum(known) / len(known), rel=1e-6, abs=1e-3 + 1e-9 * max(map(abs, known))
        )


@given(st.lists(st.integers(1, 900), min_size=1, max_size=8))
def test_a_trend_is_evenly_picked_whatever_the_portions(lengths: list[int]) -> None:
    metric = RecordMetric("loss")
    total = 0
    for length in lengths:
        metric.add(rows([float(value) for value in range(total, total + length)]))
        total += length
    *picked, last = metric.trend
    assert last == total - 1
    assert len(picked) <= 256
    assert picked[0] == 0
    assert len(set(np.diff(picked))) <= 1


def test_what_starts_over_forgets_all_points() -> None:
    model = RecordModel()
    model.take(RecordUpdate(points=(("loss", rows([1.0, 2.0])), ("acc", rows([0.5], 7)))))
    assert (model.points, model.last_step, [metric.name for metric in model.shown_metrics()]) == (3, 7, ["loss", "acc"])
    model.take(RecordUpdate(points=(("loss", rows([3.0])),), starts_over=True))
    assert (model.points, model.last_step, list(model.metrics)) == (1, 0, ["loss"])
    assert model.state == "unknown"

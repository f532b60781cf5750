"""What is known of a run of another program, gathered from what a follower tells of it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from app.records.metrics import lower_is_better
from app.records.series import Points
from app.records.sources.base import Medium, RecordUpdate, RunRecord
from app.ui.run.model import rank

#: A trend keeps between half as many values and so many; a sparkline shows fewer.
_TREND = 256


class RecordMetric:
    """A metric in numbers that are kept up as points come, however many there are.

    Attributes:
        name: its own.
        count: how many points there are.
        last: the value logged last.
        best: the best value and its step, None while there is none; NaN is none.
        worst: the value at the other end.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.last: float | None = None
        self.best: tuple[float, int] | None = None
        self.worst: float | None = None
        self._sign = 1 if lower_is_better(name) else -1
        self._sum, self._numbers = 0.0, 0
        self._trend: list[float] = []
        self._every = 1

    def add(self, points: Points) -> None:
        """Take further points, at least one."""
        values = np.ascontiguousarray(points["value"])
        self._add_to_trend(values)
        self.count += len(values)
        self.last = float(values[-1])
        is_number = ~np.isnan(values)
        if not is_number.all():
            values, points = values[is_number], points[is_number]
            if not len(values):
                return
        with np.errstate(invalid="ignore", over="ignore"):  # infinities of both signs have no mean
            self._sum += float(values.sum())
        self._numbers += len(values)
        ordered = values * self._sign
        best, worst = int(ordered.argmin()), int(ordered.argmax())
        value = float(values[best])
        if self.best is None or value * self._sign < self.best[0] * self._sign:
            self.best = value, int(points["step"][best])
        worse = max if self._sign > 0 else min
        value = float(values[worst])
        self.worst = value if self.worst is None else worse(self.worst, value)

    @property
    def mean(self) -> float | None:
        """The mean of all values but NaN."""
        return self._sum / self._numbers if self._numbers else None

    @property
    def trend(self) -> Sequence[float]:
        """The course of the values, evenly picked, the last one among them."""
        return self._trend if self.last is None else [*self._trend, self.last]

    def _add_to_trend(self, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        self._trend += values[-self.count % self._every :: self._every].tolist()
        while len(self._trend) > _TREND:
            self._trend = self._trend[::2]
            self._every *= 2


class RecordModel:
    """A run as it is now; ``take`` brings it up to date.

    Attributes:
        record: what its source says of it, None while nothing was read.
        media: what it logged that is no number.
        metrics: its metrics in the order in which they came.
        points: how many points it has logged.
        last_step: the greatest step, None while there is no point.
        is_gone: it is not there any more; everything else is as it was.
        problem: why nothing can be read now, "" where it can.
    """

    def __init__(self) -> None:
        self.record: RunRecord | None = None
        self.media: tuple[Medium, ...] = ()
        self.metrics: dict[str, RecordMetric] = {}
        self.points = 0
        self.last_step: int | None = None
        self.is_gone = False
        self.problem = ""

    def take(self, update: RecordUpdate) -> None:
        """Add what a look found."""
        self.is_gone, self.problem = update.is_gone, update.problem
        if update.starts_over:
            self.metrics, self.points, self.last_step = {}, 0, None
        if update.record is not None:
            self.record = update.record
        if update.media is not None:
            self.media = update.media
        for name, points in update.points:
            metric = self.metrics.get(name)
            if metric is None:
                metric = self.metrics[name] = RecordMetric(name)
            metric.add(points)
            self.points += len(points)
            step = int(points["step"].max())
            self.last_step = step if self.last_step is None else max(self.last_step, step)

    @property
    def state(self) -> str:
        """The state as a word, "unknown" where nothing tells it."""
        return (self.record.state if self.record is not None else "") or "unknown"

    @property
    def is_running(self) -> bool:
        """Whether more may come."""
        return not self.is_gone and self.state in ("queued", "starting", "running", "paused")

    def elapsed(self) -> float | None:
        """Return the seconds from the start to the end, or until now; None where they are not known."""
        record = self.record
        if record is None or record.started is None:
            return None
        end = time.time() if self.state == "running" else record.ended
        seconds = None if end is None else end - record.started
        return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None

    def shown_metrics(self) -> list[RecordMetric]:
        """Return the metrics in the order of a table: loss first, train before val."""
        return [self.metrics[name] for name in sorted(self.metrics, key=rank)]

    def test_value(self, metric: str) -> float | None:
        """Return nothing: what a test measured is a metric as others are."""
        return None

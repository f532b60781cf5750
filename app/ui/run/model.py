"""What is known of one run, gathered from what a follower tells of its folder."""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from app.messages import BATCH_PREFIX
from app.records.events import Event
from app.records.metrics import lower_is_better
from app.records.series import Points
from app.records.status import Status
from app.records.watch import RunUpdate

FIT = "fit_model"
TEST_PREFIX = "test_"
#: The speed is that of so many last seconds.
_SPEED_SECONDS = 20.0
_WARNINGS_KEPT = 20


@dataclass(slots=True)
class Stage:
    """A part of a training; ``begun`` in UTC seconds since the epoch, ``seconds`` it took, None until it has ended."""

    name: str
    begun: float
    seconds: float | None = None


@dataclass(slots=True)
class Metric:
    """The values of a metric by epoch, in the order in which they were logged."""

    name: str
    epochs: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    @property
    def last(self) -> float | None:
        """The value logged last."""
        return self.values[-1] if self.values else None

    @property
    def best(self) -> tuple[float, int] | None:
        """The best value and its epoch; NaN is none."""
        known = [(value, epoch) for value, epoch in zip(self.values, self.epochs, strict=True) if not math.isnan(value)]
        if not known:
            return None
        sign = 1 if lower_is_better(self.name) else -1
        return min(known, key=lambda item: sign * item[0])

    @property
    def worst(self) -> float | None:
        """The value at the other end; NaN is none."""
        return (max if lower_is_better(self.name) else min)(self._known, default=None)

    @property
    def mean(self) -> float | None:
        """The mean of all values but NaN."""
        known = self._known
        return math.fsum(known) / len(known) if known else None

    @property
    def trend(self) -> list[float]:
        """The course of the values."""
        return self.values

    @property
    def _known(self) -> list[float]:
        return [value for value in self.values if not math.isnan(value)]


class RunModel:
    """One run as it is now; ``take`` brings it up to date.

    Attributes:
        status: its state; None until the first look.
        silent_seconds: seconds since the last sign of life where that is long ago, else None.
        is_gone: its folder is no more.
        stages: in the order in which they began.
        epoch: epochs finished. epochs: asked for, 0 where that is not known.
        step: optimizer steps done. steps_per_epoch: 0 where that is not known.
        metrics: every metric per epoch by its name.
        points: how many values have been logged, those per batch included.
        checkpoints: the epochs that were saved.
        warnings: the last ones.
    """

    def __init__(self) -> None:
        self.status: Status | None = None
        self.silent_seconds: float | None = None
        self.is_gone = False
        self.points = 0
        self.metrics: dict[str, Metric] = {}
        self.warnings: deque[str] = deque(maxlen=_WARNINGS_KEPT)
        self._begin()

    def _begin(self) -> None:
        self.stages: list[Stage] = []
        self.epoch = self.epochs = self.step = self.steps_per_epoch = 0
        self.checkpoints: list[int] = []
        self._marks: deque[tuple[float, int]] = deque()

    def take(self, update: RunUpdate) -> None:
        """Add what a look found."""
        self.status = update.status
        self.silent_seconds = update.silent_seconds
        self.is_gone = update.is_gone
        for event in update.events:
            self._take_event(event)
        for name, points in update.points:
            self._take_points(name, points)

    @property
    def state(self) -> str:
        """The state as a word."""
        return self.status.state if self.status is not None else "queued"

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status is not None and self.status.is_over

    @property
    def stage(self) -> Stage | None:
        """The stage under way."""
        last = self.stages[-1] if self.stages else None
        return last if last is not None and last.seconds is None and not self.is_over else None

    def stage_seconds(self) -> dict[str, float]:
        """Return how long each stage took; of one that the end of the run cut short, until then."""
        ended = self.status.ended if self.status is not None else None
        found = {}
        for stage in self.stages:
            seconds = stage.seconds
            if seconds is None and ended is not None:
                seconds = max(0.0, ended - stage.begun)
            if seconds is not None:
                found[stage.name] = seconds
        return found

    @property
    def epochs_done(self) -> int:
        """Epochs finished, also of runs without events."""
        return self.epoch or max((len(metric.values) for metric in self.metrics.values()), default=0)

    @property
    def steps(self) -> int:
        """How many optimizer steps there will be, 0 where that is not known."""
        return self.epochs * self.steps_per_epoch

    @property
    def step_in_epoch(self) -> int:
        """Optimizer steps done in the epoch under way."""
        return max(0, self.step - self.epoch * self.steps_per_epoch) if self.steps_per_epoch else 0

    @property
    def speed(self) -> float | None:
        """Optimizer steps a second: of late while it fits, of the whole fit afterwards."""
        fit = self._fit
        if fit is not None and fit.seconds and self.step:
            return self.step / fit.seconds
        if len(self._marks) < 2:
            return None
        (begun, first), (ended, last) = self._marks[0], self._marks[-1]
        return (last - first) / (ended - begun) if ended > begun and last > first else None

    def elapsed(self, now: float | None = None) -> float | None:
        """Return the seconds from the start to the end, or until now."""
        if self.status is None or self.status.started is None:
            return None
        end = self.status.ended if self.is_over else (time.time() if now is None else now)
        return None if end is None else max(0.0, end - self.status.started)

    def eta(self, now: float | None = None) -> float | None:
        """Return the seconds that fitting will go on for, None where nothing tells."""
        fit = self._fit
        if self.is_over or fit is None or fit.seconds is not None or not self.epochs:
            return None
        now = time.time() if now is None else now
        if self.steps and self.speed:
            passed = now - self._marks[-1][0]
            return max(0.0, (self.steps - self.step) / self.speed - min(passed, _SPEED_SECONDS))
        if self.epoch:
            since = self._marks[-1][0] if self._marks else now
            each = (since - fit.begun) / self.epoch
            return max(0.0, (self.epochs - self.epoch) * each - (now - since))
        return None

    def shown_metrics(self) -> list[Metric]:
        """Return the metrics in the order of a table: loss first, train before val; what belongs to a test row is left.

        A test metric stands beside the metric that it tests, and by itself only where there is none.
        """
        names = [name for name in self.metrics if not self._is_tested_elsewhere(name)]
        return [self.metrics[name] for name in sorted(names, key=rank)]

    def test_value(self, metric: str) -> float | None:
        """Return the test's value of a metric."""
        if metric.startswith("val_") or TEST_PREFIX + metric not in self.metrics:
            return None
        return self.metrics[TEST_PREFIX + metric].last

    def key_metric(self) -> Metric | None:
        """Return the one metric that a line has room for."""
        shown = self.shown_metrics()
        by_name = {metric.name: metric for metric in shown}
        return by_name.get("val_loss") or by_name.get("loss") or next(iter(shown), None)

    def _is_tested_elsewhere(self, name: str) -> bool:
        return name.startswith(TEST_PREFIX) and name.removeprefix(TEST_PREFIX) in self.metrics

    @property
    def _fit(self) -> Stage | None:
        return next((stage for stage in reversed(self.stages) if stage.name == FIT), None)

    def _take_event(self, event: Event) -> None:
        match event:
            case {"kind": "attempt"}:
                self._begin()
            case {"kind": "stage_begin", "stage": str(name), "time": begun}:
                self.stages.append(Stage(name, begun))
                self.epochs = _count(event.get("epochs"), self.epochs)
                self.steps_per_epoch = _count(event.get("steps_per_epoch"), self.steps_per_epoch)
            case {"kind": "stage_end", "stage": str(name), "time": ended}:
                stage = next((stage for stage in reversed(self.stages) if stage.name == name), None)
                if stage is not None:
                    stage.seconds = _seconds(event.get("elapsed"), max(0.0, ended - stage.begun))
            case {"kind": "epoch_end", "time": ended}:
                self.epoch = _count(event.get("epoch"), self.epoch)
                self._mark(ended, _count(event.get("step"), self.step))
            case {"kind": "checkpoint", "epoch": int(epoch)}:
                self.checkpoints.append(epoch)
            case {"kind": "warning", "message": str(message)}:
                self.warnings.append(message)

    def _take_points(self, name: str, points: Points) -> None:
        if not len(points):
            return
        self.points += len(points)
        if not name.startswith(BATCH_PREFIX):
            metric = self.metrics.setdefault(name, Metric(name))
            metric.epochs.extend(points["step"].tolist())
            metric.values.extend(points["value"].tolist())
            return
        when = points["time"]
        first = int(np.searchsorted(when, when[-1] - _SPEED_SECONDS))
        for row in sorted({first, len(points) - 1}):
            self._mark(float(when[row]), int(points["step"][row]))

    def _mark(self, when: float, step: int) -> None:
        """Note how many steps were done at a time; what is behind what is known tells nothing new."""
        self.step = max(self.step, step)
        if not math.isfinite(when) or (self._marks and (when <= self._marks[-1][0] or step < self._marks[-1][1])):
            return
        self._marks.append((when, step))
        while len(self._marks) > 2 and self._marks[0][0] < when - _SPEED_SECONDS:
            self._marks.popleft()


def rank(name: str) -> tuple[bool, str, str]:
    """Return what sorts metrics for a table."""
    base = name.removeprefix("val_").removeprefix(TEST_PREFIX)
    return base != "loss", base, name.removesuffix(base)


def _count(value: Any, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _seconds(value: Any, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else otherwise

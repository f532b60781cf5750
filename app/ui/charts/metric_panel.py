"""One metric of a run: which curves show it, and how new points come to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from app.messages import BATCH_PREFIX
from app.records.events import Event
from app.ui.background import Work, run_in_background
from app.ui.charts.buffer import Floats, Pyramid, SeriesBuffer
from app.ui.charts.chart import Chart
from app.ui.charts.curve import Curve, Kind
from app.ui.charts.run_axis import Place, RunAxis
from app.ui.charts.smoothing import FEWEST_POINTS, MovingAverage

#: Series that are longer are placed and smoothed in a thread when all of them has to be done anew.
_LONG = 50_000
_VAL, _TEST = "val_", "test_"
_X_NAMES = {"step": "step", "epoch": "epoch", "relative": "after", "wall": ""}


def metric_of(series: str) -> str:
    """Return the metric that a series belongs to: ``loss`` for loss, val_loss, test_loss and the per-batch loss."""
    name = series.removeprefix(BATCH_PREFIX)
    return name.removeprefix(_VAL).removeprefix(_TEST) or name


@dataclass(frozen=True, slots=True)
class Options:
    """What the toolbar of the page says.

    Attributes:
        smoothing: weight of the moving average, 0 to 0.999.
        log: whether the y axes are logarithmic.
        batches: whether per-batch series are shown.
    """

    smoothing: float = 0.0
    log: bool = False
    batches: bool = True


class _Plan(NamedTuple):
    """One curve: the series that it shows, how, and whether that is smoothed."""

    series: str
    kind: Kind
    colour_index: int
    smoothing: float = 0.0


class _Feed:
    """Brings the points of a series to a curve: placed, smoothed, and each of them once."""

    def __init__(self, plan: _Plan, buffer: SeriesBuffer, curve: Curve, ready: Callable[[], None]) -> None:
        self.plan = plan
        self._buffer, self._curve, self._ready = buffer, curve, ready
        self._is_batch = plan.series.startswith(BATCH_PREFIX)
        self._work: Work[tuple[Pyramid, MovingAverage]] | None = None
        self._version = -1
        self._average = MovingAverage(plan.smoothing)

    def close(self) -> None:
        """Drop what is under way."""
        if self._work is not None:
            self._work.cancel()
            self._work = None

    def pull(self, chart: Chart, axis: RunAxis) -> None:
        """Add what is new; begin anew where all points belong elsewhere now."""
        if self._version != axis.version:
            self.close()
            self._version = axis.version
            self._begin_anew()
        if self._work is not None:
            return
        pyramid = self._curve.pyramid
        if self.plan.smoothing and len(pyramid) < FEWEST_POINTS:
            self._begin_anew()
            pyramid = self._curve.pyramid
        place, buffer, known = axis.placer(is_batch=self._is_batch), self._buffer, len(pyramid)
        rows = buffer.steps[known:], buffer.times[known:], buffer.values[known:]
        if len(rows[0]) <= _LONG:
            average = self._average if len(buffer) >= FEWEST_POINTS else MovingAverage(0)
            _extend(pyramid, average, place, *rows)
            self._curve.show(pyramid)
        else:
            self._begin_anew()
            rows = buffer.steps, buffer.times, buffer.values
            self._work = run_in_background(chart, lambda work: self._build(place, *rows), self._take)

    def _begin_anew(self) -> None:
        self._average = MovingAverage(self.plan.smoothing)
        self._curve.show(Pyramid())

    def _build(
        self, place: Place, steps: np.ndarray[tuple[int], np.dtype[np.int64]], times: Floats, values: Floats
    ) -> tuple[Pyramid, MovingAverage]:
        pyramid, average = Pyramid(), MovingAverage(self.plan.smoothing)
        _extend(pyramid, average, place, steps, times, values)
        return pyramid, average

    def _take(self, built: tuple[Pyramid, MovingAverage]) -> None:
        self._work = None
        pyramid, self._average = built
        self._curve.show(pyramid)
        self._ready()


def _extend(
    pyramid: Pyramid,
    average: MovingAverage,
    place: Place,
    steps: np.ndarray[tuple[int], np.dtype[np.int64]],
    times: Floats,
    values: Floats,
) -> None:
    """Add points up to the first whose place is not known yet."""
    x = place(steps, times)
    unknown = np.flatnonzero(np.isnan(x))
    end = int(unknown[0]) if len(unknown) else len(x)
    pyramid.extend(x[:end], average.extend(values[:end]))


@dataclass
class MetricPanel:
    """All series of one metric, and their chart once it has been looked at.

    Attributes:
        metric: its name.
        ready: called when points that took a while are there.
        series: the points by the name of the series.
        chart: None until it is made.
        is_stale: whether there is something that the chart does not show yet.
        refreshed: when the chart was last brought up to date, by the clock of the page.
    """

    metric: str
    ready: Callable[[], None]
    series: dict[str, SeriesBuffer] = field(default_factory=dict)
    chart: Chart | None = None
    is_stale: bool = True
    refreshed: float = 0.0
    _feeds: dict[str, _Feed] = field(default_factory=dict)
    _events_shown: tuple[int, int, bool] = (0, 0, False)

    def close(self) -> None:
        """Drop what is under way; the panel is of no use any more."""
        for feed in self._feeds.values():
            feed.close()

    def refresh(self, axis: RunAxis, options: Options, events: list[Event], *, is_running: bool) -> None:
        """Bring the chart up to date."""
        chart = self.chart
        if chart is None:
            return
        self.is_stale = False
        plans = dict(self._plans(options))
        for name in [name for name, feed in self._feeds.items() if name not in plans]:
            self._feeds.pop(name).close()
            chart.remove_curve(name)
        for name, plan in plans.items():
            self._feed(chart, name, plan).pull(chart, axis)
        chart.order_curves(plans)
        test = self.series.get(_TEST + self.metric)
        if test is not None and test.last is not None and len(test) == 1:
            chart.set_note("test", test.last)
        else:
            chart.remove_note("test")
        unit = {"relative": "seconds", "wall": "moment"}.get(axis.kind, "number")
        chart.set_x_axis(_X_NAMES[axis.kind], unit, axis.describe)  # type: ignore[arg-type]
        self._show_events(chart, axis, events)
        ends = [float(x[-1]) for name in plans if len(x := chart.curve(name).pyramid.x)]
        chart.set_progress(max(ends) if is_running and ends else None)

    def _plans(self, options: Options) -> Iterator[tuple[str, _Plan]]:
        """Yield the curves by name; those behind come first in the drawing, whatever their order here."""
        names = [self.metric, _VAL + self.metric]
        if len(self.series.get(_TEST + self.metric, ())) > 1:  # one value is a note
            names.append(_TEST + self.metric)
        for colour, name in enumerate(names):
            batch, has_epochs = BATCH_PREFIX + name, name in self.series
            shows_batches = options.batches and batch in self.series
            if shows_batches:
                yield f"{name} batch", _Plan(batch, "faint" if has_epochs or options.smoothing else "line", colour)
            if options.smoothing and (shows_batches or has_epochs):
                yield f"{name} smoothed", _Plan(batch if shows_batches else name, "line", colour, options.smoothing)
            if has_epochs:
                behind: Kind = "markers" if shows_batches else "faint"
                yield name, _Plan(name, behind if options.smoothing else "points", colour)

    def _feed(self, chart: Chart, name: str, plan: _Plan) -> _Feed:
        feed = self._feeds.get(name)
        if feed is not None and feed.plan._replace(kind=plan.kind) == plan:
            if feed.plan.kind != plan.kind:
                chart.curve(name).kind = plan.kind
                feed.plan = plan
            return feed
        if feed is not None:
            feed.close()
        curve = chart.set_curve(name, (), (), colour_index=plan.colour_index, kind=plan.kind)
        feed = self._feeds[name] = _Feed(plan, self.series[plan.series], curve, self._on_ready)
        return feed

    def _on_ready(self) -> None:
        self.is_stale = True
        self.ready()

    def _show_events(self, chart: Chart, axis: RunAxis, events: list[Event]) -> None:
        stamp = (len(events), axis.version, axis.knows_epochs)
        if stamp == self._events_shown:
            return
        self._events_shown = stamp
        chart.clear_events()
        for event in events:
            x = axis.place_event(event)
            if not np.isnan(x):
                is_checkpoint = event["kind"] == "checkpoint"
                text = "checkpoint" if is_checkpoint else f"lr {_short(event['value'])}"
                chart.add_event(x, text, quiet=is_checkpoint)


def is_worth_marking(event: Event) -> bool:
    """Whether charts mark an event: a checkpoint, or another learning rate."""
    match event:
        case {"kind": "checkpoint"} | {"kind": "learning_rate", "value": int() | float()}:
            return True
    return False


def _short(value: float) -> str:
    """Return a learning rate as ``0.01`` or ``5e-4``."""
    if not 0 < value < 0.01:
        return f"{value:g}"
    digits, _, exponent = f"{value:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(exponent)}"

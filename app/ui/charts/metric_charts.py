"""A page with a chart for every metric of one run."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from PySide6.QtCore import QEvent, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from app.messages import BATCH_PREFIX
from app.records.events import Event
from app.records.series import Points
from app.ui.charts.buffer import SeriesBuffer
from app.ui.charts.chart import Chart
from app.ui.charts.metric_panel import MetricPanel, Options, is_worth_marking, metric_of
from app.ui.charts.metric_toolbar import MetricToolbar
from app.ui.charts.run_axis import RunAxis, XAxis
from app.ui.controls import EmptyState

#: Curves are painted at most this often (ms), and a turn takes on no more charts after so long (seconds): the rest
#: have theirs in the next, so that keys and mouse never wait for all of them.
_FRAME_MS, _TURN_SECONDS = 33, 0.01
_GAP, _MARGIN = 8, 12
#: From this width on charts stand in two columns; how tall they are (px).
_TWO_COLUMNS, _LEAST_HEIGHT, _MOST_HEIGHT = 640, 220, 480


class MetricCharts(QWidget):
    """All metrics of a run, train and val of each in one chart; ``failed`` says what could not be exported.

    A chart is made when it is first scrolled to. Only charts in sight are refreshed, when there are new points.

    Args:
        parent: the owner.
        counts: what the points of the run count that are not per batch, "epoch" or "step".
    """

    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None, *, counts: XAxis = "epoch") -> None:
        super().__init__(parent)
        self._panels: dict[str, MetricPanel] = {}
        self._events: list[Event] = []
        self._has_rate = False
        self._axis = RunAxis(counts)
        self._x_axis: XAxis | None = None
        self._is_running = False
        self._has_times = False
        self._timer = QTimer(self, interval=_FRAME_MS)
        self._timer.timeout.connect(self._turn)
        self._toolbar = MetricToolbar()
        self._toolbar.changed.connect(self._on_options)
        self._toolbar.x_axis_chosen.connect(self._choose_x_axis)
        self._grid = _Grid()
        self._scroll = QScrollArea()
        self._scroll.setWidget(self._grid)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.verticalScrollBar().valueChanged.connect(self._wake)
        self._scroll.viewport().installEventFilter(self)
        self._nothing = EmptyState("")
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._toolbar)
        column.addWidget(self._scroll, 1)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(page)
        self.set_running(False)

    # What is shown

    def metrics(self) -> list[str]:
        """Return the metrics that have a chart, in its order: as they came, those of other programs by their names."""
        named = self._panels if self._axis.counts == "epoch" else sorted(self._panels)
        return sorted(named, key=lambda metric: metric != "loss")

    def add_points(self, points: Iterable[tuple[str, Points]]) -> None:
        """Add new points of series; per-batch ones are under ``BATCH_PREFIX``."""
        is_new = False
        for series, rows in points:
            if not len(rows):
                continue
            metric = metric_of(series)
            panel = self._panels.get(metric)
            if panel is None:
                panel = self._panels[metric] = MetricPanel(metric, self._wake)
            if series not in panel.series:
                is_new = True
                panel.series[series] = SeriesBuffer()
            panel.series[series].append(rows)
            panel.is_stale = True
            self._axis.note_time(float(rows["time"][0]))
            self._has_times |= not math.isnan(rows["time"][0])
        if is_new:
            self._arrange()
        self._wake()

    def add_events(self, events: Iterable[Event]) -> None:
        """Add new events: the ends of epochs, checkpoints and learning rates are what counts here."""
        version, knew_epochs = self._axis.version, self._axis.knows_epochs
        count = len(self._events)
        for event in events:
            self._axis.note(event)
            if event["kind"] == "learning_rate" and not self._has_rate:
                self._has_rate = True  # what the run began with is no change
            elif is_worth_marking(event):
                self._events.append(event)
        if (version, knew_epochs, count) != (self._axis.version, self._axis.knows_epochs, len(self._events)):
            self._make_stale()

    def clear(self) -> None:
        """Forget all points and events, and take the charts away; what the user chose stays."""
        for panel in self._panels.values():
            panel.close()
        self._panels.clear()
        self._events.clear()
        self._grid.clear()
        kind = self._axis.kind
        self._axis = RunAxis(self._axis.counts)
        self._axis.kind = kind
        self._has_rate = self._has_times = False
        self._arrange()

    def set_running(self, is_running: bool) -> None:
        """Say whether more will come."""
        self._is_running = is_running
        with_the_first = "batch" if self._axis.counts == "epoch" else "point"
        waiting = self.tr("Curves appear here with the first {0}.").format(with_the_first)
        self.say_waiting(waiting if is_running else self.tr("This run has logged no metric."))
        self._make_stale()

    def say_waiting(self, text: str) -> None:
        """Say what is waited for as long as there is no curve."""
        self._nothing.say(text)

    def charts(self) -> list[Chart]:
        """Return the charts that have been made so far, in their order."""
        made = (self._panels[metric].chart for metric in self.metrics())
        return [chart for chart in made if chart is not None]

    def view_state(self) -> dict[str, Any]:
        """Return what the user chose, for ``restore_view``; plain JSON."""
        options = self._toolbar.options
        chosen = {"smoothing": options.smoothing, "log": options.log, "batches": options.batches}
        return {**chosen, "x_axis": self._x_axis}

    def restore_view(self, state: Mapping[str, Any]) -> None:
        """Choose what was chosen before; what is missing or unknown is left as it is."""
        options = self._toolbar.options
        smoothing = state.get("smoothing")
        self._toolbar.set_options(
            Options(
                float(smoothing) if isinstance(smoothing, int | float) else options.smoothing,
                bool(state.get("log", options.log)),
                bool(state.get("batches", options.batches)),
            )
        )
        if state.get("x_axis") in get_args(XAxis):
            self._x_axis = state["x_axis"]
            self._arrange()

    # Turns

    def _make_stale(self) -> None:
        for panel in self._panels.values():
            panel.is_stale = True
        self._wake()

    def _wake(self) -> None:
        if self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def _turn(self) -> None:
        """Refresh charts in sight that are stale, as many as fit into a turn; rest when there are none."""
        begin = time.perf_counter()
        spent = 0.0
        in_sight = self._grid.in_sight(self._scroll)
        stale = [panel for metric in in_sight if (panel := self._panels[metric]).is_stale]
        stale.sort(key=lambda panel: panel.refreshed)
        if not stale:
            self._timer.stop()
        options = self._toolbar.options
        for panel in stale:
            if spent + time.perf_counter() - begin > _TURN_SECONDS:
                return
            if panel.chart is None:
                self._make_chart(panel)
            assert panel.chart is not None
            panel.refresh(self._axis, options, self._events, is_running=self._is_running)
            panel.refreshed = begin
            spent += panel.chart.paint_seconds

    def _make_chart(self, panel: MetricPanel) -> None:
        chart = panel.chart = Chart(panel.metric, self._grid)
        chart.log = self._toolbar.options.log
        chart.cursor_moved.connect(lambda x: self._link_cursor(chart, x))
        chart.expanded.connect(lambda: self._toggle_expanded(panel.metric))
        chart.x_axis_chosen.connect(self._choose_x_axis)
        chart.failed.connect(self.failed)
        self._offer_axes(chart)
        self._grid.put(panel.metric, chart)
        for before, after in itertools.pairwise(self.charts()):
            QWidget.setTabOrder(before.last_stop, after.first_stop)

    def _link_cursor(self, source: Chart, x: float) -> None:
        for chart in self.charts():
            if chart is not source:
                chart.set_cursor(x)

    # Choices

    def _on_options(self) -> None:
        for chart in self.charts():
            if chart.log != self._toolbar.options.log:
                chart.log = self._toolbar.options.log
        self._make_stale()

    def _choose_x_axis(self, name: str) -> None:
        if name in get_args(XAxis):
            self._x_axis = name  # type: ignore[assignment]
            self._arrange()

    def _has_batches(self) -> bool:
        return any(name.startswith(BATCH_PREFIX) for panel in self._panels.values() for name in panel.series)

    def _arrange(self) -> None:
        """Show the charts and choices that there are now, and use the axis that was chosen where it can be used."""
        has_batches = self._has_batches()
        usual: XAxis = "step" if has_batches else self._axis.counts
        axes = self._usable_axes()
        self._axis.kind = self._x_axis if self._x_axis in axes else usual
        self._toolbar.show_what_matters(axes, has_batches=has_batches)
        self._toolbar.show_x_axis(self._axis.kind)
        for chart in self.charts():
            self._offer_axes(chart)
        self._grid.set_metrics(self.metrics())
        self._stack.setCurrentIndex(1 if self._panels else 0)
        self._make_stale()

    def _usable_axes(self) -> list[XAxis]:
        """Return the x axes that the points of this run can stand on."""
        numbers: list[XAxis] = [self._axis.counts]
        if self._has_batches() and "step" not in numbers:
            numbers = ["step", *numbers]
        return [*numbers, "relative", "wall"] if self._has_times else numbers

    def _offer_axes(self, chart: Chart) -> None:
        words = {
            "step": self.tr("Step"),
            "epoch": self.tr("Epoch"),
            "relative": self.tr("Relative time"),
            "wall": self.tr("Wall time"),
        }
        axes = {str(axis): words[axis] for axis in self._usable_axes()}
        chart.offer_x_axes(axes if len(axes) > 1 else {}, self._axis.kind)

    def _toggle_expanded(self, metric: str) -> None:
        self._grid.expand(None if self._grid.expanded == metric else metric)
        for name, panel in self._panels.items():
            if panel.chart is not None:
                panel.chart.set_expanded(name == self._grid.expanded)
        self._wake()

    # Qt

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape brings all charts back."""
        if event.key() == Qt.Key.Key_Escape and self._grid.expanded is not None:
            self._toggle_expanded(self._grid.expanded)
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Lay the charts out when their room changes."""
        if event.type() == QEvent.Type.Resize:
            self._grid.fit(self._scroll.viewport().size())
            self._wake()
        return False

    def showEvent(self, event: QShowEvent) -> None:
        """Take up the work that was left while nobody looked."""
        super().showEvent(event)
        self._wake()

    def hideEvent(self, event: QHideEvent) -> None:
        """Do no work while nobody looks."""
        super().hideEvent(event)
        self._timer.stop()


class _Grid(QWidget):
    """Places for charts, most of them empty until they come in sight."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "content")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.expanded: str | None = None
        self._metrics: list[str] = []
        self._numbers: dict[str, int] = {}
        self._charts: dict[str, Chart] = {}
        self._room = QSize()

    def set_metrics(self, metrics: list[str]) -> None:
        self._metrics = metrics
        self._numbers = {metric: number for number, metric in enumerate(metrics)}
        self.fit(self._room)

    def put(self, metric: str, chart: Chart) -> None:
        self._charts[metric] = chart
        chart.setGeometry(self._place(metric))
        chart.show()

    def expand(self, metric: str | None) -> None:
        self.expanded = metric
        self.fit(self._room)

    def fit(self, room: QSize) -> None:
        """Take the room of the viewport, and below it what all rows need."""
        self._room = room
        rows = 1 if self.expanded is not None else math.ceil(len(self._metrics) / self._columns())
        tall = room.height() if self.expanded is not None else 2 * _MARGIN - _GAP + rows * (self._row_height() + _GAP)
        self.resize(room.width(), max(tall, room.height()))
        for metric, chart in self._charts.items():
            chart.setVisible(self.expanded in (None, metric))
            chart.setGeometry(self._place(metric))

    def clear(self) -> None:
        """Take all charts away."""
        for chart in self._charts.values():
            chart.deleteLater()
        self._charts.clear()
        self.expanded = None
        self.set_metrics([])

    def in_sight(self, scroll: QScrollArea) -> set[str]:
        if self.expanded is not None:
            return {self.expanded}
        top, columns, pitch = scroll.verticalScrollBar().value() - _MARGIN, self._columns(), self._row_height() + _GAP
        first = max(0, top // pitch) * columns
        last = max(0, math.ceil((top + scroll.viewport().height()) / pitch)) * columns
        return set(self._metrics[first:last])

    def _columns(self) -> int:
        return 2 if self._room.width() >= _TWO_COLUMNS and len(self._metrics) > 1 else 1

    def _row_height(self) -> int:
        rows = max(1, math.ceil(len(self._metrics) / self._columns()))
        fitting = (self._room.height() - 2 * _MARGIN + _GAP) // rows - _GAP
        return min(max(fitting, _LEAST_HEIGHT), _MOST_HEIGHT)

    def _place(self, metric: str) -> QRect:
        if self.expanded is not None:
            return QRect(_MARGIN, _MARGIN, self._room.width() - 2 * _MARGIN, self._room.height() - 2 * _MARGIN)
        columns, tall = self._columns(), self._row_height()
        row, column = divmod(self._numbers[metric], columns)
        wide = (self._room.width() - 2 * _MARGIN - (columns - 1) * _GAP) // columns
        return QRect(_MARGIN + column * (wide + _GAP), _MARGIN + row * (tall + _GAP), wide, tall)

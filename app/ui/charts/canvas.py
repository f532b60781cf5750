"""The plot of a chart: curves, axes, cursor, and what mouse and keys do in it.

It draws itself: one pyqtgraph plot takes 15 ms a frame and 17 ms to make, so that ten of them could neither be painted
nor made without a stall that is felt; this one takes about one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from app.ui import formats
from app.ui.charts import drawing
from app.ui.charts.curve import Curve
from app.ui.charts.drawing import Event, Plot
from app.ui.charts.readout import Readout, Row
from app.ui.charts.scale import Scale, Unit, with_room
from app.ui.theme import theme, tokens

Range = tuple[float, float]

#: The zoom of one notch of the wheel and of one press of + or -.
_ZOOM = 0.8
#: The share of the x axis that is kept free for what is still to come.
_FUTURE = 0.05


class Canvas(QWidget):
    """Draws curves and lets the user look around in them.

    ``cursor_moved`` tells the x of the cursor when the user moves it, NaN when it leaves; ``view_changed`` that the
    user has zoomed or went back to following; ``menu_asked`` where a menu is wanted, in global px.
    """

    cursor_moved = Signal(float)
    view_changed = Signal()
    menu_asked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves: dict[str, Curve] = {}
        self.events: list[Event] = []
        self.unit: Unit = "number"
        self.x_name = "step"
        #: Says the x of the cursor in other words, such as the epoch of a step.
        self.describe_x: Callable[[float], str] = lambda x: ""
        self._is_log = False
        self._progress: float | None = None
        self._view_x: Range | None = None
        self._view_y: Range | None = None
        self._plot: Plot | None = None
        self._cursor = math.nan
        self._drag_from: QPointF | None = None
        self._drag_to: QPointF | None = None
        self._pan_from: QPointF | None = None
        self._has_key_focus = False
        #: How long the last paint took, and how many there were.
        self.paint_seconds, self.paints = 0.0, 0
        self._readout = Readout(self)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 100)
        theme().changed.connect(self.refresh)

    def refresh(self) -> None:
        """Lay out and paint anew, soon and once for all that has changed."""
        self._plot = None
        self.update()

    @property
    def is_log(self) -> bool:
        """Whether the y axis is logarithmic."""
        return self._is_log

    @is_log.setter
    def is_log(self, is_log: bool) -> None:
        if is_log != self._is_log:
            self._is_log, self._view_y = is_log, None
            self.refresh()

    @property
    def progress(self) -> float | None:
        """Where the data ends now, beyond which the plot is shaded; None when nothing is to come."""
        return self._progress

    @progress.setter
    def progress(self, x_end: float | None) -> None:
        if x_end != self._progress:
            self._progress = x_end
            self.refresh()

    @property
    def is_following(self) -> bool:
        """Whether everything is in view and stays so as points come."""
        return self._view_x is None and self._view_y is None

    def reset(self) -> None:
        """Bring everything into view and follow it."""
        self._set_view(None, None)

    @property
    def view(self) -> tuple[Range | None, Range | None]:
        """The part of x and y that the user looks at; None for all of it."""
        return self._view_x, self._view_y

    def hidden_values(self) -> int:
        """Return how many values a logarithmic axis does not show."""
        return sum(curve.pyramid.not_positive for curve in self._shown()) if self._is_log else 0

    def set_cursor(self, x: float, *, with_readout: bool = False) -> None:
        """Put the cursor at an x, or take it away (NaN)."""
        if x == self._cursor or (math.isnan(x) and math.isnan(self._cursor)):
            return
        self._cursor = x
        if with_readout and not math.isnan(x):
            self._show_readout()
        else:
            self._readout.hide()
        self.update()

    @property
    def readout(self) -> str:
        """The values at the cursor as text, "" without one."""
        return "" if math.isnan(self._cursor) else self._rows_at(self._cursor)[3]

    # How it is laid out

    def _shown(self) -> list[Curve]:
        found = [curve for curve in self.curves.values() if curve.is_visible and len(curve.pyramid)]
        return sorted(found, key=lambda curve: curve.kind != "faint")

    def laid_out(self) -> Plot:
        """Return the plot as it is drawn now."""
        if self._plot is None:
            self._plot = self._lay_out()
        return self._plot

    def _lay_out(self) -> Plot:
        shown = self._shown()
        low_x, high_x = self._view_x or self._whole_x(shown)
        if not low_x < high_x:
            low_x, high_x = with_room(low_x, high_x)
        parts = [curve.pyramid.visible(low_x, high_x, self.width(), positive=self._is_log) for curve in shown]
        low_y, high_y = self._view_y or self._whole_y([y for _, y in parts])
        plot = Plot.fitted(self, Scale(low_x, high_x, 0, 1), Scale(low_y, high_y, 1, 0, self._is_log), self.unit)
        for curve, (x, y) in zip(shown, parts, strict=True):
            curve.lay_out(plot.x, plot.y, x, y)
        return plot

    def _whole_x(self, shown: list[Curve]) -> Range:
        if not shown:
            return 0.0, 1.0
        ends = [
            (float(x[0]), float(x[-1])) if curve.pyramid.is_sorted else (float(x.min()), float(x.max()))
            for curve in shown
            for x in (curve.pyramid.x,)
        ]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if self._progress is not None:
            high = max(high, self._progress)
            high += (high - low) * _FUTURE
        return low, high

    def _whole_y(self, parts: list[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> Range:
        known = [part[np.isfinite(part)] for part in parts]
        known = [part for part in known if len(part)]
        if not known:
            return (0.1, 1.0) if self._is_log else (0.0, 1.0)
        low, high = min(float(part.min()) for part in known), max(float(part.max()) for part in known)
        return with_room(low, high, is_log=self._is_log)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay out anew."""
        self._plot = None
        self._readout.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what is in view."""
        begin = time.perf_counter()
        plot = self.laid_out()
        # An error must not leave the painter open: Qt would crash.
        with QPainter(self) as painter:
            self._paint(painter, plot)
        self.paint_seconds = time.perf_counter() - begin
        self.paints += 1

    def _paint(self, painter: QPainter, plot: Plot) -> None:
        look, shown = tokens(), self._shown()
        drawing.paint_ground(painter, plot, look, self._progress)
        painter.save()
        painter.setClipRect(plot.area.adjusted(0, -4, 4, 4))
        for curve in shown:
            curve.paint(painter, look)
        painter.restore()
        drawing.paint_axes(painter, plot, look)
        drawing.paint_events(painter, plot, look, self.events)
        drawing.paint_not_finite(painter, plot, look, shown)
        if not math.isnan(self._cursor):
            rows = [(curve, index) for curve in shown if (index := curve.pyramid.nearest(self._cursor)) is not None]
            drawing.paint_cursor(painter, plot, look, self._cursor, rows)
        if self._drag_to is not None:
            drawing.paint_band(painter, look, self._band())
        if self._has_key_focus:
            drawing.paint_focus(painter, QRectF(self.rect()), look)
        if not shown:
            drawing.paint_nothing(painter, plot, look, self.tr("No points yet"))

    # Read-out

    def _rows_at(self, x: float) -> tuple[str, str, list[Row], str]:
        found = []
        for curve in self._shown():
            index = curve.pyramid.nearest(x)
            if index is not None:
                found.append((float(curve.pyramid.y[index]), float(curve.pyramid.x[index]), curve))
        at = min((point for _, point, _ in found), key=lambda point: abs(point - x), default=x)
        found.sort(key=lambda each: (math.isnan(each[0]), -each[0]))
        rows = [Row(curve.name, formats.number(value), curve.colour(tokens())) for value, _, curve in found]
        title = f"{self.x_name} {self._x_text(at)}"
        note = self.describe_x(at)
        text = "\n".join(["\t".join(filter(None, (title, note))), *(f"{row.name}\t{row.value}" for row in rows)])
        return title, note, rows, text

    def _x_text(self, x: float) -> str:
        if self.unit == "seconds":
            return formats.duration(x)
        if self.unit == "moment":
            return formats.full_moment(x)[:19]
        return formats.count(round(x)) if abs(x - round(x)) < 1e-9 else formats.number(x)

    def _show_readout(self) -> None:
        title, note, rows, _ = self._rows_at(self._cursor)
        plot = self.laid_out()
        if rows:
            self._readout.show_rows(title, note, rows, round(plot.x.pixel(self._cursor)), plot.area.toRect())

    def _move_cursor(self, x: float) -> None:
        self.set_cursor(x, with_readout=True)
        self.cursor_moved.emit(x)

    # Mouse

    def _set_view(self, x: Range | None, y: Range | None) -> None:
        for ends in (x, y):
            if ends is not None and not (math.isfinite(ends[1] - ends[0]) and ends[1] - ends[0] > abs(ends[0]) * 1e-12):
                return
        self._view_x, self._view_y = x, y
        self.refresh()
        self.view_changed.emit()

    def _zoom(self, factor: float, at: QPointF, *, vertical: bool) -> None:
        plot = self.laid_out()
        if vertical:
            self._set_view(self._view_x, plot.y.zoomed(factor, at.y()))
        else:
            self._set_view(plot.x.zoomed(factor, at.x()), self._view_y)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom x, with Shift y, around the mouse."""
        turn = event.angleDelta().y() or event.angleDelta().x()  # some systems turn the wheel aside with Shift
        is_vertical = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self._zoom(_ZOOM ** (turn / 120), event.position(), vertical=is_vertical)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a box, or with the middle button to pan."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._drag_from, self._drag_to = event.position(), None
        elif event.button() == Qt.MouseButton.MiddleButton:
            self._pan_from = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the cursor, the box or what is in view."""
        at, plot = event.position(), self.laid_out()
        if self._pan_from is not None:
            way, self._pan_from = at - self._pan_from, at
            self._set_view(plot.x.moved(way.x()), plot.y.moved(way.y()))
        elif self._drag_from is not None:
            is_far = (at - self._drag_from).manhattanLength() >= QApplication.startDragDistance()
            if is_far or self._drag_to is not None:
                self._drag_to = at
                self._readout.hide()
                self.update()
        elif plot.area.contains(at):
            self._move_cursor(plot.x.value(at.x()))
        else:
            self._move_cursor(math.nan)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Zoom into the box."""
        self._pan_from = None
        if self._drag_to is not None:
            box, plot = self._band(), self.laid_out()
            x = (plot.x.value(box.left()), plot.x.value(box.right()))
            y = (plot.y.value(box.bottom()), plot.y.value(box.top()))
            # A band along one axis zooms that one alone.
            self._set_view(x if box.width() > 8 else self._view_x, y if box.height() > 8 else self._view_y)
        self._drag_from = self._drag_to = None
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Bring everything into view."""
        self.reset()

    def leaveEvent(self, event: object) -> None:
        """Take the cursor away."""
        self._move_cursor(math.nan)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask for the menu."""
        self.menu_asked.emit(event.globalPos())

    def _band(self) -> QRectF:
        if self._drag_from is None or self._drag_to is None:
            return QRectF()
        return QRectF(self._drag_from, self._drag_to).normalized().intersected(self.laid_out().area)

    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Arrows move the cursor, with Ctrl by ten points; + and - zoom; Home resets; Ctrl+C copies the read-out."""
        key, modifiers = event.key(), event.modifiers()
        ctrl = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        if key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            for _ in range(10 if ctrl else 1):
                self._step_cursor(1 if key == Qt.Key.Key_Right else -1)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            plot = self.laid_out()
            x = plot.area.center().x() if math.isnan(self._cursor) else plot.x.pixel(self._cursor)
            factor = 1 / _ZOOM if key == Qt.Key.Key_Minus else _ZOOM
            self._zoom(factor, QPointF(x, plot.area.center().y()), vertical=False)
        elif key == Qt.Key.Key_Home:
            self.reset()
        elif key == Qt.Key.Key_C and ctrl:
            if self.readout:
                QGuiApplication.clipboard().setText(self.readout)
        elif key == Qt.Key.Key_Escape and not math.isnan(self._cursor):
            self._move_cursor(math.nan)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Show the ring where the keys have led here."""
        super().focusInEvent(event)
        self._has_key_focus = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Take the cursor away that the keys have moved."""
        super().focusOutEvent(event)
        self._has_key_focus = False
        if not self.underMouse():
            self._move_cursor(math.nan)

    def _step_cursor(self, way: int) -> None:
        """Put the cursor on the next point of any curve."""
        plot = self.laid_out()
        if math.isnan(self._cursor):
            self._move_cursor(plot.x.low if way > 0 else plot.x.high)
            return
        found = []
        for curve in self._shown():
            x = curve.pyramid.x
            if curve.pyramid.is_sorted:
                index = int(np.searchsorted(x, self._cursor, "right" if way > 0 else "left")) - (way < 0)
                found += [float(x[index])] if 0 <= index < len(x) else []
            else:
                beyond = x[x > self._cursor] if way > 0 else x[x < self._cursor]
                found += [float(beyond.min() if way > 0 else beyond.max())] if len(beyond) else []
        if found:
            x_next = min(found) if way > 0 else max(found)
            if plot.x.low <= x_next <= plot.x.high:
                self._move_cursor(x_next)

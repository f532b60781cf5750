"""One curve of a chart: its points, how it looks, and its part of a drawing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
import shiboken6
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from app.ui.charts.buffer import Floats, Pyramid, SeriesBuffer
from app.ui.charts.scale import Scale
from app.ui.tokens import Tokens

#: A line; a line with a marker at every point; the markers alone; a pale line behind all others.
Kind = Literal["line", "points", "markers", "faint"]

#: An antialiased line costs ten times what a plain one does, so only those with few points are.
_MOST_SMOOTH_POINTS = 600
#: How far apart markers have to be, in px, not to run into each other.
_MARKER_ROOM = 9
#: The colours repeat with other lines.
_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
_MARKERS = ("circle", "square", "triangle", "diamond")


class Curve:
    """The handle of a curve in a chart; whatever is changed is drawn at the chart's next paint."""

    def __init__(self, name: str, kind: Kind, colour_index: int, changed: Callable[[], None]) -> None:
        self.name = name
        self.pyramid = Pyramid()
        self._kind = kind
        self.colour_index = colour_index
        self._is_visible = True
        self._changed = changed
        self._source: SeriesBuffer | None = None
        self._polygons: list[QPolygonF] = []
        self._drawn = 0

    @property
    def kind(self) -> Kind:
        """How it is drawn."""
        return self._kind

    @kind.setter
    def kind(self, kind: Kind) -> None:
        self._kind = kind
        self._changed()

    @property
    def is_visible(self) -> bool:
        """Whether it is drawn and counts for the range of the axes."""
        return self._is_visible

    @is_visible.setter
    def is_visible(self, visible: bool) -> None:
        if visible != self._is_visible:
            self._is_visible = visible
            self._changed()

    @property
    def has_markers(self) -> bool:
        """Whether its points are marked."""
        return self._kind in ("points", "markers")

    @property
    def last(self) -> float | None:
        """The newest value, None while there is none."""
        return float(self.pyramid.y[-1]) if len(self.pyramid) else None

    def set_data(self, data: SeriesBuffer | tuple[npt.ArrayLike, npt.ArrayLike]) -> None:
        """Show a buffer over its steps, or (x, y). The same buffer again costs only what was appended to it."""
        if isinstance(data, SeriesBuffer):
            if data is not self._source:
                self.pyramid.clear()
            known = len(self.pyramid)
            self._source = data
            self.pyramid.extend(data.steps[known:], data.values[known:])
        else:
            self._source = None
            self.pyramid.clear()
            self.pyramid.extend(*data)
        self._changed()

    def append(self, x: npt.ArrayLike, y: npt.ArrayLike) -> None:
        """Add points at the end."""
        self.pyramid.extend(x, y)
        self._changed()

    def show(self, pyramid: Pyramid) -> None:
        """Show points that were made ready elsewhere."""
        self._source = None
        self.pyramid = pyramid
        self._changed()

    def colour(self, tokens: Tokens) -> QColor:
        """Return its colour; the pale one of a faint curve."""
        colour = QColor(tokens.series[self.colour_index % len(tokens.series)])
        return _mix(colour, QColor(tokens.base), 0.42) if self._kind == "faint" else colour

    def lay_out(self, x_scale: Scale, y_scale: Scale, x: Floats, y: Floats) -> None:
        """Make ready to be painted with what ``Pyramid.visible`` returned."""
        self._drawn = len(x)
        self._polygons = _polygons(x_scale.pixels(x), y_scale.pixels(y))

    def paint(self, painter: QPainter, tokens: Tokens) -> None:
        """Draw what was laid out."""
        colour = self.colour(tokens)
        is_smooth = self._drawn <= _MOST_SMOOTH_POINTS
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, is_smooth)
        pen = QPen(colour, 1.6 if is_smooth and self._kind != "faint" else 1.0)
        pen.setCosmetic(True)
        pen.setStyle(_STYLES[min(self.colour_index // len(tokens.series), 2)])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for polygon in self._polygons if self._kind != "markers" else ():
            if polygon.size() == 1:
                painter.drawEllipse(polygon.first(), 1.0, 1.0)
                continue
            painter.drawPolyline(polygon)
            if not is_smooth and self._kind == "line":  # a pen of 2 px would cost five times as much
                polygon.translate(0, 1)
                painter.drawPolyline(polygon)
                polygon.translate(0, -1)
        if self.has_markers:
            self._paint_markers(painter, colour, tokens)

    def paint_point(self, painter: QPainter, point: QPointF, tokens: Tokens) -> None:
        """Draw its marker at a place in px."""
        _paint_marker(painter, point, self.colour_index, self.colour(tokens), QColor(tokens.base))

    def _paint_markers(self, painter: QPainter, colour: QColor, tokens: Tokens) -> None:
        if self._drawn > _MOST_SMOOTH_POINTS:
            return
        points = [polygon.at(number) for polygon in self._polygons for number in range(polygon.size())]
        if len(points) > 1 and abs(points[-1].x() - points[0].x()) / (len(points) - 1) < _MARKER_ROOM:
            points = points[-1:]  # the newest alone, so that a curve is told by its marker all the same
        for point in points:
            _paint_marker(painter, point, self.colour_index, colour, QColor(tokens.base))


def _paint_marker(painter: QPainter, point: QPointF, index: int, colour: QColor, ring: QColor) -> None:
    """Draw the marker of a series' index, with a ring that sets it off."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(ring, 1.2))
    painter.setBrush(colour)
    shape = _MARKERS[index % len(_MARKERS)]
    x, y = point.x(), point.y()
    if shape == "circle":
        painter.drawEllipse(point, 3.4, 3.4)
    elif shape == "square":
        painter.drawRect(QRectF(x - 3.1, y - 3.1, 6.2, 6.2))
    elif shape == "triangle":
        painter.drawPolygon([QPointF(x, y - 4), QPointF(x + 3.9, y + 3), QPointF(x - 3.9, y + 3)])
    else:
        painter.drawPolygon([QPointF(x, y - 4.2), QPointF(x + 4.2, y), QPointF(x, y + 4.2), QPointF(x - 4.2, y)])


def _polygons(x: Floats, y: Floats) -> list[QPolygonF]:
    """Return the lines between the gaps (NaN)."""
    known = np.isfinite(y)
    if known.all():
        return [_polygon(x, y)] if len(x) else []
    edges = np.flatnonzero(np.diff(np.concatenate(([False], known, [False]))))
    return [_polygon(x[begin:end], y[begin:end]) for begin, end in edges.reshape(-1, 2)]


def _polygon(x: Floats, y: Floats) -> QPolygonF:
    polygon = QPolygonF()
    polygon.resize(len(x))
    # Filled through its memory: a QPointF each would cost a hundred times as much.
    # PySide's stubs know neither these arguments of VoidPtr nor that it is a buffer.
    room = shiboken6.VoidPtr(polygon.data(), len(x) * 16, True)  # type: ignore[call-arg, arg-type]
    memory: Floats = np.frombuffer(room, np.float64).reshape(-1, 2)  # type: ignore[call-overload]
    # Far outside, coordinates of the painter run over.
    memory[:, 0], memory[:, 1] = np.clip(x, -1e6, 1e6), np.clip(y, -1e6, 1e6)
    return polygon


def _mix(colour: QColor, base: QColor, share: float) -> QColor:
    """Return an opaque colour, which costs less to draw than a translucent one."""
    rest = 1 - share
    return QColor.fromRgbF(
        colour.redF() * share + base.redF() * rest,
        colour.greenF() * share + base.greenF() * rest,
        colour.blueF() * share + base.blueF() * rest,
    )

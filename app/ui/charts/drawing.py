"""The parts of a plot that are not curves: ground, grid, axes, events, marks, cursor."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.ui.charts.curve import Curve
from app.ui.charts.scale import Scale, Unit, ticks
from app.ui.theme import ui_font
from app.ui.tokens import AXIS, CAPTION, Tokens

_TOP, _RIGHT, _LEAST_LEFT = 8, 10, 34
_X_SPACING, _Y_SPACING = 70, 36
#: Events closer than this (px) are told by their foot alone; their lines would be a wall.
_EVENT_ROOM = 14


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at an x; a ``quiet`` one is a mark on the axis with a pale line and no label."""

    x: float
    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Where everything is: the area of the curves, both scales and their ticks."""

    area: QRectF
    x: Scale
    y: Scale
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]

    @classmethod
    def fitted(cls, widget: QWidget, x: Scale, y: Scale, unit: Unit) -> Plot:
        """Return the layout of two ranges in a widget: as much room at the left as the y labels need."""
        metrics = QFontMetrics(ui_font(AXIS))
        bottom = widget.height() - metrics.height() - 8
        y = replace(y, start=float(bottom), end=float(_TOP))
        y_ticks = ticks(y, _Y_SPACING)
        left = max([_LEAST_LEFT, *(metrics.horizontalAdvance(text) + 12 for _, text in y_ticks)])
        x = replace(x, start=float(left), end=float(max(left + 1, widget.width() - _RIGHT)))
        area = QRectF(x.start, y.end, x.end - x.start, max(1.0, y.start - y.end))
        return cls(area, x, y, ticks(x, _X_SPACING, unit), y_ticks)


def paint_ground(painter: QPainter, plot: Plot, look: Tokens, progress: float | None) -> None:
    """Draw the grid, and the shade over what is still to come."""
    area = plot.area
    if progress is not None:
        x = min(max(plot.x.pixel(progress), area.left()), area.right())
        painter.fillRect(QRectF(x, area.top(), area.right() - x, area.height()), QColor(look.alt))
    painter.setPen(QPen(QColor(look.grid), 1))
    lines = [QLineF(at, area.top(), at, area.bottom()) for at in (_crisp(plot.x, value) for value, _ in plot.x_ticks)]
    lines += [QLineF(area.left(), at, area.right(), at) for at in (_crisp(plot.y, value) for value, _ in plot.y_ticks)]
    painter.drawLines(lines)
    if progress is not None and area.left() < plot.x.pixel(progress) < area.right():
        painter.setPen(QPen(QColor(look.running.ink), 1))
        x = _crisp(plot.x, progress)
        painter.drawLine(QLineF(x, area.top(), x, area.bottom()))


def paint_axes(painter: QPainter, plot: Plot, look: Tokens) -> None:
    """Draw both axes and their labels; labels that would touch are left out."""
    area = plot.area
    painter.setPen(QPen(QColor(look.axis), 1))
    left, bottom = round(area.left()) + 0.5, round(area.bottom()) + 0.5
    painter.drawLine(QLineF(left, area.top(), left, bottom))
    painter.drawLine(QLineF(left, bottom, area.right(), bottom))
    painter.setFont(ui_font(AXIS))
    painter.setPen(QColor(look.text3))
    metrics = QFontMetrics(ui_font(AXIS))
    free_from = 0.0
    for value, text in plot.x_ticks:
        width = metrics.horizontalAdvance(text)
        x = min(max(plot.x.pixel(value) - width / 2, 0.0), area.right() + _RIGHT - width)
        if x >= free_from:
            painter.drawText(QPointF(x, bottom + 4 + metrics.ascent()), text)
            free_from = x + width + 6
    for value, text in plot.y_ticks:
        y = plot.y.pixel(value) + metrics.ascent() / 2 - 1
        painter.drawText(QPointF(area.left() - 7 - metrics.horizontalAdvance(text), y), text)


def paint_events(painter: QPainter, plot: Plot, look: Tokens, events: Iterable[Event]) -> None:
    """Draw a dotted line and its label for every event in view; a triangle at the foot of a quiet one."""
    area, metrics = plot.area, QFontMetrics(ui_font(CAPTION))
    painter.setFont(ui_font(CAPTION))
    labels_from, last = 0.0, -np.inf
    for event in sorted(events, key=lambda event: event.x):
        x = _crisp(plot.x, event.x)
        if not area.left() <= x <= area.right() + 1:
            continue
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QPen(QColor(look.line2 if event.quiet else look.text3), 1, Qt.PenStyle.DotLine))
        if x - last >= _EVENT_ROOM or not event.quiet:
            painter.drawLine(QLineF(x, area.top(), x, area.bottom()))
        last = x
        if event.quiet:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(look.text3))
            foot = area.bottom() - 1
            painter.drawPolygon([QPointF(x, foot - 6), QPointF(x + 3.5, foot), QPointF(x - 3.5, foot)])
            continue
        width = metrics.horizontalAdvance(event.text)
        at = x + 4 if x + 4 + width <= area.right() else x - 4 - width
        if at >= labels_from:
            painter.setPen(QColor(look.text3))
            painter.drawText(QPointF(at, area.bottom() - 6), event.text)
            labels_from = at + width + 6
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_not_finite(painter: QPainter, plot: Plot, look: Tokens, curves: Iterable[Curve]) -> None:
    """Draw an open triangle on the axis where a curve has a value that is NaN or infinite."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(look.base))
    foot = plot.area.bottom() - 1
    for curve in curves:
        x = curve.pyramid.not_finite
        if not len(x):
            continue
        painter.setPen(QPen(curve.colour(look), 1.4))
        # One a few px is all that can be told apart.
        for at in {4.0 * place for place in np.round(plot.x.pixels(x) / 4).tolist()}:
            if plot.area.left() <= at <= plot.area.right() + 2:
                painter.drawPolygon([QPointF(at, foot), QPointF(at + 4, foot - 7), QPointF(at - 4, foot - 7)])
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_cursor(painter: QPainter, plot: Plot, look: Tokens, x: float, points: Iterable[tuple[Curve, int]]) -> None:
    """Draw the cursor and a marker on every curve's point that is nearest to it."""
    area = plot.area
    at = _crisp(plot.x, x)
    if not area.left() <= at <= area.right() + 1:
        return
    painter.setPen(QPen(QColor(look.text2), 1, Qt.PenStyle.DashLine))
    painter.drawLine(QLineF(at, area.top(), at, area.bottom()))
    for curve, index in points:
        point = QPointF(plot.x.pixel(curve.pyramid.x[index]), plot.y.pixel(curve.pyramid.y[index]))
        if area.adjusted(-1, -1, 1, 1).contains(point):
            curve.paint_point(painter, point, look)


def paint_band(painter: QPainter, look: Tokens, box: QRectF) -> None:
    """Draw the box that is dragged to zoom."""
    fill = QColor(look.accent)
    fill.setAlphaF(0.12)
    painter.setPen(QPen(QColor(look.accent_text), 1))
    painter.setBrush(fill)
    painter.drawRect(box)


def paint_focus(painter: QPainter, box: QRectF, look: Tokens) -> None:
    """Draw the ring of what has the keyboard."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(look.accent_text), 2))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box.adjusted(1, 1, -1, -1), 4, 4)


def paint_nothing(painter: QPainter, plot: Plot, look: Tokens, text: str) -> None:
    """Say that there is nothing to draw."""
    painter.setFont(ui_font())
    painter.setPen(QColor(look.text3))
    painter.drawText(plot.area, Qt.AlignmentFlag.AlignCenter, text)


def _crisp(scale: Scale, value: float) -> float:
    """Return the middle of the px of a value, where a line of 1 px is sharp."""
    return round(scale.pixel(value)) + 0.5

"""How the cells of the table of runs are drawn. A full table has hundreds, and must be there within a frame."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QCursor, QFontMetrics, QPainter, QPixmap

from app.ui.icons import pixmap
from app.ui.runs.columns import TREND, Column
from app.ui.runs.model import RunsModel
from app.ui.theme import tokens, ui_font

if TYPE_CHECKING:
    from app.ui.runs.view import RunsView

MARGIN = 8
#: The room of an icon before a text, and its size (px).
_SIGN, _SIGN_SIZE = 20, 14
#: No letter of a run's texts is wider on average (px): what is short enough needs not be measured.
_WIDE = 9
_MUTED = frozenset(("experiment", "started", "time", "source"))


class CellPainter:
    """Draws the cells of a table in the tokens of the theme, column by column and straight from the rows.

    A delegate that is asked cell by cell, through the model and its roles, takes three times as long: with a table
    across the screen that is more than a frame.
    """

    def __init__(self, view: RunsView, model: RunsModel) -> None:
        self._view, self._model = view, model

    def paint(self, painter: QPainter, box: QRect) -> None:
        """Draw the cells that a part of the viewport shows."""
        view = self._view
        first, last = view.rowAt(box.top()), view.rowAt(box.bottom())
        if first < 0:
            return
        rows = range(first, (last if last >= 0 else len(self._model.rows) - 1) + 1)
        header = view.horizontalHeader()
        shown = [
            (column, header.sectionViewportPosition(section), header.sectionSize(section))
            for section, column in enumerate(self._model.columns)
            if not header.isSectionHidden(section)
        ]
        top, height_ = view.rowViewportPosition(first), view.rowHeight(first)
        selected = self._paint_rows(painter, rows, QRect(-header.offset(), top, header.length(), height_))
        for column, x, width in shown:
            if x <= box.right() and x + width > box.left():
                part = QRect(x + MARGIN, top, width - 2 * MARGIN, height_)
                if column.id == TREND:
                    self._paint_trends(painter, rows, part, selected)
                else:
                    self._paint_texts(painter, rows, column, part)
        if view.hasFocus() and (current := view.currentIndex()).isValid() and current.row() in rows:
            painter.setPen(_colour(tokens().accent_text))
            painter.drawRect(view.visualRect(current).adjusted(0, 0, -1, -1))

    def _paint_rows(self, painter: QPainter, rows: range, box: QRect) -> set[int]:
        """Draw what lies under the cells, from the box of the first row on; return the rows that are selected."""
        colours, view = tokens(), self._view
        ranges = ((part.top(), part.bottom()) for part in view.selectionModel().selection().toList())
        selected = {row for top, bottom in ranges for row in range(max(top, rows[0]), min(bottom, rows[-1]) + 1)}
        viewport = view.viewport()
        hovered = view.rowAt(viewport.mapFromGlobal(QCursor.pos()).y()) if viewport.underMouse() else -1
        x, y, width, height_ = box.x(), box.y(), box.width(), box.height()
        ends_live = len(self._model.rows.live) - 1
        painter.setPen(_colour(colours.line))
        for row in rows:
            if row in selected:
                painter.fillRect(x, y, width, height_, _colour(colours.soft))
                painter.fillRect(x, y, 3, height_, _colour(colours.accent_text))
            elif row == hovered:
                painter.fillRect(x, y, width, height_, _colour(colours.hover))
            y += height_
            if row != ends_live:
                # Not filled: to take a colour for that, PySide first makes Python's classes of 170 gradients.
                painter.drawLine(x, y - 1, x + width - 1, y - 1)
        if ends_live in rows:
            painter.fillRect(x, box.y() + (ends_live - rows[0] + 1) * height_ - 1, width, 1, _colour(colours.edge))
        return selected

    def _paint_texts(self, painter: QPainter, rows: range, column: Column, box: QRect) -> None:
        """Draw what stands in a column, from the box of the first row's text on."""
        colours, all_ = tokens(), self._model.rows
        weight = 500 if column.id.startswith("best:") else 400
        metrics = _metrics(weight)
        ratio = painter.device().devicePixelRatioF()
        painter.setFont(ui_font(weight=weight))
        pen = _colour(colours.text2 if column.id in _MUTED else colours.text)
        painter.setPen(pen)
        mode = Qt.TextElideMode.ElideMiddle if column.id == "name" else Qt.TextElideMode.ElideRight
        has_signs, is_number = column.id in ("state", "source", "name"), column.is_number
        y, height_ = box.y(), box.height()
        base = (height_ + metrics.ascent() - metrics.descent()) / 2
        for row in rows:
            x, width = box.x(), box.width()
            if has_signs and (sign := self._model.sign(row, column)) is not None:
                name, ink = sign
                painter.drawPixmap(x, y + (height_ - _SIGN_SIZE) // 2, pixmap(name, ink, _SIGN_SIZE, ratio))
                x, width = x + _SIGN, width - _SIGN
                if column.id == "state":
                    painter.setPen(_colour(ink))
            elif has_signs:
                painter.setPen(pen)
            text = column.text(all_.value(row, column.id))
            if len(text) * _WIDE > width and _width(text, weight) > width:
                text = metrics.elidedText(text, mode, max(width, 0))
            if is_number:
                x += width - _width(text, weight)
            painter.drawText(QPointF(x, y + base), text)
            y += height_

    def _paint_trends(self, painter: QPainter, rows: range, box: QRect, selected: set[int]) -> None:
        """Draw the curves of a column, from the box of the first row's curve on."""
        colours, ratio = tokens(), painter.device().devicePixelRatioF()
        y, height_ = box.y(), box.height()
        for row in rows:
            if values := self._model.rows.trend(row):
                ink = colours.text2 if row in selected else colours.series[0]
                painter.drawPixmap(box.x(), y + 6, _sparkline(values, box.width(), height_ - 12, ink, ratio))
            y += height_


@functools.lru_cache(maxsize=64)
def _colour(name: str) -> QColor:
    return QColor(name)


@functools.lru_cache(maxsize=4)
def _metrics(weight: int) -> QFontMetrics:
    return QFontMetrics(ui_font(weight=weight))


@functools.lru_cache(maxsize=8192)
def _width(text: str, weight: int) -> int:
    return _metrics(weight).horizontalAdvance(text)


@functools.lru_cache(maxsize=512)
def _sparkline(values: tuple[float, ...], width: int, height_: int, ink: str, ratio: float) -> QPixmap:
    from app.ui.charts.sparkline import paint_sparkline

    found = QPixmap(round(width * ratio), round(height_ * ratio))
    found.setDevicePixelRatio(ratio)
    found.fill(Qt.GlobalColor.transparent)
    painter = QPainter(found)
    paint_sparkline(painter, QRectF(0, 0, width, height_), values, QColor(ink))
    painter.end()
    return found

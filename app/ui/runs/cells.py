"""How a cell of the table of runs is drawn. A full table has hundreds, and must be there within a frame or two."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.ui.icons import pixmap
from app.ui.runs.columns import TREND, Column
from app.ui.runs.model import RunsModel
from app.ui.theme import height, tokens, ui_font
from app.ui.tokens import ROW

if TYPE_CHECKING:
    from app.ui.runs.view import RunsView

MARGIN = 8
#: The room of an icon before a text, and its size (px).
_SIGN, _SIGN_SIZE = 20, 14
#: No letter of a run's texts is wider on average (px): what is short enough needs not be measured.
_WIDE = 9
_SELECTED, _HOVERED, _FOCUSED = (
    flag.value
    for flag in (QStyle.StateFlag.State_Selected, QStyle.StateFlag.State_MouseOver, QStyle.StateFlag.State_HasFocus)
)
_MUTED = frozenset(("experiment", "started", "time", "source"))


class CellDelegate(QStyledItemDelegate):
    """Draws a cell in the tokens of the theme, straight from the rows: asking the model by roles takes longer."""

    def __init__(self, view: RunsView, model: RunsModel) -> None:
        super().__init__(view)
        self._view, self._model = view, model

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Draw all of a cell; pen and font are left as they come, since every cell sets its own."""
        colours = tokens()
        box: QRect = option.rect
        row, column = index.row(), self._model.columns[index.column()]
        state = option.state.value
        x, y, width, height_ = box.x(), box.y(), box.width(), box.height()
        if state & _SELECTED:
            painter.fillRect(box, _colour(colours.soft))
            if self._view.horizontalHeader().visualIndex(index.column()) == 0:
                painter.fillRect(x, y, 3, height_, _colour(colours.accent_text))
        elif state & _HOVERED:
            painter.fillRect(box, _colour(colours.hover))
        ends_live = row == len(self._model.rows.live) - 1
        painter.fillRect(x, y + height_ - 1, width, 1, _colour(colours.edge if ends_live else colours.line))
        if column.id == TREND:
            ink = colours.text2 if state & _SELECTED else colours.series[0]
            self._paint_trend(painter, row, QRect(x + MARGIN, y + 6, width - 2 * MARGIN, height_ - 12), ink)
        else:
            self._paint_text(painter, row, column, x + MARGIN, y, width - 2 * MARGIN, height_)
        if state & _FOCUSED:
            painter.setPen(_colour(colours.accent_text))
            painter.drawRect(box.adjusted(0, 0, -1, -1))

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the height of all rows."""
        return QSize(80, height(ROW))

    def _paint_text(
        self, painter: QPainter, row: int, column: Column, x: int, y: int, width: int, height_: int
    ) -> None:
        colours = tokens()
        ink = colours.text2 if column.id in _MUTED else colours.text
        if column.id == "state" and (state := self._model.rows.state(row)):
            ink = colours.state(state).ink
        if (sign := self._model.sign(row, column)) is not None:
            name, sign_ink = sign
            ratio = painter.device().devicePixelRatioF()
            painter.drawPixmap(x, y + (height_ - _SIGN_SIZE) // 2, pixmap(name, sign_ink, _SIGN_SIZE, ratio))
            x, width = x + _SIGN, width - _SIGN
        text = column.text(self._model.rows.value(row, column.id))
        weight = 500 if column.id.startswith("best:") else 400
        metrics = _metrics(weight)
        painter.setPen(_colour(ink))
        painter.setFont(ui_font(weight=weight))
        if len(text) * _WIDE > width and _width(text, weight) > width:
            mode = Qt.TextElideMode.ElideMiddle if column.id == "name" else Qt.TextElideMode.ElideRight
            text = metrics.elidedText(text, mode, width)
        if column.is_number:
            x += width - _width(text, weight)
        painter.drawText(QPointF(x, y + (height_ + metrics.ascent() - metrics.descent()) / 2), text)

    def _paint_trend(self, painter: QPainter, row: int, box: QRect, ink: str) -> None:
        if values := self._model.rows.trend(row):
            ratio = painter.device().devicePixelRatioF()
            painter.drawPixmap(box.topLeft(), _sparkline(values, box.width(), box.height(), ink, ratio))


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

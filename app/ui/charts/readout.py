"""What the curves are at the cursor: a box over a chart, drawn in one go as it moves 60 times a second."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from app.ui.theme import code_font, tokens, ui_font
from app.ui.tokens import CAPTION, SMALL

#: More curves than this are counted instead of listed.
_MOST_ROWS = 10
_MARGIN, _GAP = 8, 16
#: How far the box keeps from the cursor, and the widest name in it.
_DISTANCE, _WIDEST_NAME = 12, 200


@dataclass(frozen=True, slots=True)
class Row:
    """One curve at the cursor; ``value`` is the text."""

    name: str
    value: str
    colour: QColor


class Readout(QFrame):
    """Shows rows at the cursor and gives them as text. It is never in the mouse's way."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName(self.tr("Values at the cursor"))
        self._title, self._note = "", ""
        self._rows: list[Row] = []
        self._more = ""
        self.hide()

    @property
    def text(self) -> str:
        """All of it with tabs between the columns, to be pasted into a table."""
        head = "\t".join(part for part in (self._title, self._note) if part)
        return "\n".join([head, *(f"{row.name}\t{row.value}" for row in self._rows)])

    def show_rows(self, title: str, note: str, rows: list[Row], x: int, area: QRect) -> None:
        """Show rows beside the cursor.

        Args:
            title: where the cursor is.
            note: the same in other words, or "".
            rows: in the order in which they are listed.
            x: the cursor's, in the parent's px.
            area: what the box should stay within.
        """
        self._title, self._note, self._rows = title, note, rows
        self._more = self.tr("{} more").format(len(rows) - _MOST_ROWS) if len(rows) > _MOST_ROWS else ""
        size = self.sizeHint()
        left = x - _DISTANCE - size.width() if x > area.center().x() else x + _DISTANCE
        left = max(area.left() + 2, min(left, area.right() - size.width()))
        self.setGeometry(QRect(QPoint(left, area.top() + 4), size))
        self.setAccessibleDescription(self.text)
        self.show()
        self.update()

    def sizeHint(self) -> QSize:
        """Return the room that the rows take."""
        bold, plain = QFontMetrics(ui_font(SMALL, 600)), QFontMetrics(ui_font(CAPTION))
        code = QFontMetrics(code_font(CAPTION))
        width = bold.horizontalAdvance(self._title) + (_GAP + plain.horizontalAdvance(self._note) if self._note else 0)
        for row in self._rows[:_MOST_ROWS]:
            name = min(code.horizontalAdvance(row.name), _WIDEST_NAME)
            width = max(width, 16 + name + _GAP + code.horizontalAdvance(row.value))
        lines = min(len(self._rows), _MOST_ROWS) + (1 if self._more else 0)
        return QSize(width + 2 * _MARGIN, bold.height() + lines * self._line() + 2 * _MARGIN - 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the box."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(tokens().edge))
        painter.setBrush(QColor(tokens().base))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        box = self.rect().adjusted(_MARGIN, _MARGIN - 3, -_MARGIN, 0)
        head = QRect(box.left(), box.top(), box.width(), QFontMetrics(ui_font(SMALL, 600)).height())
        painter.setFont(ui_font(SMALL, 600))
        painter.setPen(QColor(tokens().text))
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._title)
        painter.setFont(ui_font(CAPTION))
        painter.setPen(QColor(tokens().text3))
        painter.drawText(head, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self._note)
        line = QRect(box.left(), head.bottom() + 1, box.width(), self._line())
        painter.setFont(code_font(CAPTION))
        metrics = QFontMetrics(code_font(CAPTION))
        for row in self._rows[:_MOST_ROWS]:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(row.colour)
            painter.drawRoundedRect(QRectF(line.left(), line.center().y() - 3, 8, 8), 2, 2)
            painter.setPen(QColor(tokens().text2))
            name = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, _WIDEST_NAME)
            painter.drawText(line.adjusted(16, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name)
            painter.setPen(QColor(tokens().text))
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, row.value)
            line.translate(0, self._line())
        if self._more:
            painter.setPen(QColor(tokens().text3))
            painter.drawText(line.adjusted(16, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self._more)

    def _line(self) -> int:
        return QFontMetrics(code_font(CAPTION)).height() + 2

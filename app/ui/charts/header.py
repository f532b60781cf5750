"""The header of a chart: its metric, the curves in it with their last values, and what can be done with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolButton, QWidget

from app.ui.charts.curve import Curve
from app.ui.controls import icon_button
from app.ui.theme import code_font, height, theme, tokens, ui_font
from app.ui.tokens import CAPTION, SMALL, SMALL_CONTROL

_GAP, _SWATCH, _LEAST_TITLE = 12, 16, 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a legend; one without a curve is a value that is not drawn."""

    name: str
    value: str
    curve: Curve | None = None


class Legend(QWidget):
    """The title and the entries, drawn; what does not fit is left out: the note, then names, then the last values."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self._entries: list[Entry] = []
        self._note = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme().changed.connect(self.update)

    @property
    def has_entries(self) -> bool:
        """Whether there is anything beside the title."""
        return bool(self._entries)

    def show_entries(self, entries: Iterable[Entry], note: str = "") -> None:
        """Show entries, and a note at the right."""
        entries = list(entries)
        if (entries, note) != (self._entries, self._note):
            self._entries, self._note = entries, note
            self.setToolTip("\n".join([self.title, *(f"{each.name} {each.value}".strip() for each in entries)]))
            self.update()

    def sizeHint(self) -> QSize:
        """Return a height for the text; the width is what there is."""
        return QSize(120, height(SMALL_CONTROL, code_font(SMALL, 600)))

    def minimumSizeHint(self) -> QSize:
        """Return a width that holds the beginning of the title."""
        return QSize(60, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw what fits."""
        painter, look = QPainter(self), tokens()
        right = float(self.width())
        bold = QFontMetrics(code_font(SMALL, 600))
        needed = bold.horizontalAdvance(self.title) + _GAP + self._width(names=False)
        if self._note and needed + _GAP + QFontMetrics(ui_font(CAPTION)).horizontalAdvance(self._note) <= right:
            metrics = QFontMetrics(ui_font(CAPTION))
            note_width = metrics.horizontalAdvance(self._note)
            painter.setFont(ui_font(CAPTION))
            painter.setPen(QColor(look.text3))
            self._text(painter, right - note_width, note_width, self._note)
            right -= note_width + _GAP
        # The name of the metric goes before values that are not drawn.
        drawn = self._width(names=False, drawn=True)
        room = max(right - drawn - _GAP, min(right, _LEAST_TITLE))
        title = bold.elidedText(self.title, Qt.TextElideMode.ElideMiddle, int(room))
        painter.setFont(code_font(SMALL, 600))
        painter.setPen(QColor(look.text))
        x = self._text(painter, 0, bold.horizontalAdvance(title), title) + _GAP
        names = not self._width(names=True) > right - x
        for entry in self._entries:
            width = self._entry_width(entry, names=names)
            if x + width > right:
                break
            self._paint_entry(painter, entry, x, names=names)
            x += width + _GAP

    def _paint_entry(self, painter: QPainter, entry: Entry, x: float, *, names: bool) -> None:
        look, middle = tokens(), self.height() / 2
        if entry.curve is not None:
            painter.setPen(QPen(entry.curve.colour(look), 2))
            painter.drawLine(QLineF(x, middle, x + _SWATCH - 2, middle))
            if entry.curve.has_markers:
                painter.save()
                entry.curve.paint_point(painter, QPointF(x + (_SWATCH - 2) / 2, middle), look)
                painter.restore()
            x += _SWATCH + 3
        if names or entry.curve is None:
            painter.setFont(code_font(SMALL))
            painter.setPen(QColor(look.text2))
            width = QFontMetrics(code_font(SMALL)).horizontalAdvance(entry.name)
            x = self._text(painter, x, width, entry.name) + 6
        painter.setFont(code_font(SMALL, 600))
        painter.setPen(QColor(look.text))
        self._text(painter, x, QFontMetrics(code_font(SMALL, 600)).horizontalAdvance(entry.value), entry.value)

    def _text(self, painter: QPainter, x: float, width: float, text: str) -> float:
        box = QRectF(x, 0, width + 2, self.height())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        return x + width

    def _entry_width(self, entry: Entry, *, names: bool) -> float:
        width = float(QFontMetrics(code_font(SMALL, 600)).horizontalAdvance(entry.value))
        if entry.curve is not None:
            width += _SWATCH + 3
        if names or entry.curve is None:
            width += QFontMetrics(code_font(SMALL)).horizontalAdvance(entry.name) + 6
        return width

    def _width(self, *, names: bool, drawn: bool = False) -> float:
        """Return the width of all entries, or of those with a curve alone."""
        entries = [each for each in self._entries if each.curve is not None or not drawn]
        return sum(self._entry_width(entry, names=names) + _GAP for entry in entries) - _GAP


class Header(QWidget):
    """The legend and the buttons at its right; a double click expands the chart."""

    expand_asked = Signal()
    menu_asked = Signal(object)
    follow_asked = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self.legend = Legend(title)
        self.follow = QToolButton(self)
        self.follow.setProperty("kind", "segment")
        self.follow.setFont(ui_font(CAPTION))
        self.follow.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.follow.clicked.connect(self.follow_asked)
        self.follow.hide()
        self.expand = icon_button("maximize-2", self.tr("Expand"), self.expand_asked.emit)
        self.menu = icon_button("ellipsis", self.tr("More"), self._ask_menu)
        self.menu.setAccessibleName(self.tr("More for {}").format(title))
        self.expand.setAccessibleName(self.tr("Expand {}").format(title))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 6, 0)
        row.setSpacing(2)
        row.addWidget(self.legend, 1)
        row.addSpacing(6)
        for each in (self.follow, self.expand, self.menu):
            row.addWidget(each)

    def show_following(self, *, is_live: bool, is_following: bool) -> None:
        """Show the way back to where everything is in view, once the user has left it."""
        self.follow.setVisible(not is_following)
        text = self.tr("Follow") if is_live else self.tr("Reset zoom")
        self.follow.setText(text)
        self.follow.setAccessibleName(self.tr("{}, {}").format(self.legend.title, text))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Ask for the chart to be expanded."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.expand_asked.emit()

    def _ask_menu(self) -> None:
        below = QRect(self.menu.rect()).bottomLeft()
        self.menu_asked.emit(self.menu.mapToGlobal(below))

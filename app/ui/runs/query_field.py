"""The field in which runs are asked for: what can come next is offered, and what is wrong is underlined."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QColor, QFocusEvent, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QCompleter, QLineEdit, QListView

from app.ui.controls import mark_problem
from app.ui.icons import icon
from app.ui.indexing import Indexing
from app.ui.theme import code_font, tokens

if TYPE_CHECKING:
    from app.records.index import Index
    from app.records.query import Completions, QueryError

#: Filtering waits for this pause in typing, offers for this one (ms).
_ASK_AFTER, _OFFER_AFTER = 150, 60
_POPUP_WIDTH = 300
_WAVE = 2.0
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d*)?")
_ACCEPTS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Escape, Qt.Key.Key_Backtab)
PLACEHOLDER = "val_loss < 16 and optimizer = adam, or words of name, experiment and state"


class QueryField(QLineEdit):
    """A line of the query language, or of words.

    ``asked`` brings the text after a pause in typing; ``left`` is emitted when the keyboard is to go to the table.

    Attributes:
        mistake: the part of the text that is wrong, counted from 0; None for none.
        popup: the list of what can come next.
    """

    asked = Signal(str)
    left = Signal()

    def __init__(self, indexing: Indexing) -> None:
        super().__init__()
        self._indexing = indexing
        self.mistake: tuple[int, int] | None = None
        self._offered: Completions | None = None
        self._offer_number = 0
        self.setPlaceholderText(PLACEHOLDER)
        self.setAccessibleName("Query")
        self.setAccessibleDescription("Key, operator, value, joined by and, or and not; or words to be found")
        self.setProperty("code", "true")
        self.setClearButtonEnabled(True)
        self.setMaxLength(20_000)
        self.addAction(icon("search", "text3"), QLineEdit.ActionPosition.LeadingPosition)
        self._timer = QTimer(self, interval=_ASK_AFTER, singleShot=True)
        self._timer.timeout.connect(self._ask)
        self._offer_timer = QTimer(self, interval=_OFFER_AFTER, singleShot=True)
        self._offer_timer.timeout.connect(self.offer)
        self.textChanged.connect(lambda _: self._timer.start())
        self.textEdited.connect(lambda _: self._offer_timer.start())
        self._words = QStringListModel(self)
        self._completer = QCompleter(self._words, self)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.setWidget(self)
        self._completer.setMaxVisibleItems(12)
        self.popup = QListView()
        self.popup.setFont(code_font())
        self.popup.setAccessibleName("What can come next")
        self._completer.setPopup(self.popup)
        self._completer.activated.connect(self._take)
        escape = QAction(self)
        escape.setShortcut(QKeySequence("Esc"))
        escape.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        escape.triggered.connect(lambda _checked=False: self.popup.hide() if self.is_offering else self.clear_query())
        self.addAction(escape)

    @property
    def is_offering(self) -> bool:
        """Whether a list of what can come next is open."""
        return self.popup.isVisible()

    @property
    def offers(self) -> list[str]:
        """What can come next, as it was found last."""
        return list(self._words.stringList())

    def clear_query(self) -> None:
        """Ask for all runs again, and leave."""
        self.popup.hide()
        self.clear()
        self._ask()
        self.left.emit()

    def show_error(self, error: QueryError | None) -> None:
        """Underline where a query is wrong, or nothing any more."""
        self.mistake = None if error is None else (error.start, error.end)
        mark_problem(self, error.message if error is not None else "")
        self.update()

    def offer(self) -> None:
        """Find out what can come next at the cursor and show it."""
        text, cursor = self.text(), self.cursorPosition()
        self._offer_number += 1
        number = self._offer_number

        def read(index: Index) -> Completions:
            from app.records.query import complete

            return complete(text, cursor, index.names(), index.values)

        def found(offered: Completions) -> None:
            if number == self._offer_number and self.hasFocus() and text == self.text():
                self._show(offered)

        # Where the index cannot be read, the table says so; nothing is offered then.
        self._indexing.read(self, read, found, failed=lambda _error: None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave the keys of the list to it; open it with Ctrl+Space or Down, go to the table with Enter."""
        enters = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enters and not self.popup.selectionModel().hasSelection():
            self.popup.hide()  # Qt would take the first of the list, which nobody has chosen
        if self.is_offering and event.key() in _ACCEPTS:
            if event.key() == Qt.Key.Key_Tab and not self.popup.currentIndex().isValid():
                self.popup.setCurrentIndex(self._words.index(0, 0))
            event.ignore()
            return
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() == Qt.Key.Key_Down or (control and event.key() == Qt.Key.Key_Space):
            self.offer()
        elif enters:
            self._ask()
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, next: bool) -> bool:
        """Stay while the list is open: Tab takes the first of it."""
        return False if self.is_offering else super().focusNextPrevChild(next)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Offer nothing any more; the list itself takes no focus."""
        self._offer_number += 1
        super().focusOutEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line, and a wave where it is wrong."""
        super().paintEvent(event)
        if self.mistake is None:
            return
        metrics = self.fontMetrics()
        text = self.text()
        # The text may be scrolled: the cursor tells by how much.
        origin = self.cursorRect().center().x() - metrics.horizontalAdvance(text[: self.cursorPosition()])
        start = min(self.mistake[0], len(text))
        left = origin + metrics.horizontalAdvance(text[:start])
        right = origin + metrics.horizontalAdvance(text[: self.mistake[1]])
        right = max(right, left + metrics.averageCharWidth())
        bottom = self.rect().center().y() + metrics.ascent() / 2 + 3
        wave = QPolygonF()
        for number in range(int((right - left) / _WAVE) + 1):
            wave.append(QPointF(left + number * _WAVE, bottom + (number % 2) * _WAVE))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(self.rect().adjusted(6, 0, -6, 0))
        painter.setPen(QPen(QColor(tokens().state("failed").ink), 1.2))
        painter.drawPolyline(wave)

    def _ask(self) -> None:
        self._timer.stop()
        self.asked.emit(self.text())

    def _show(self, offered: Completions) -> None:
        typed = self.text()[offered.start : offered.end]
        texts = [item.text for item in offered.items]
        self._words.setStringList(texts)
        self._offered = offered
        if not texts or texts == [typed] or _NUMBER.fullmatch(typed):  # a number is what it is
            self.popup.hide()
            return
        box = self.cursorRect()
        box.setWidth(_POPUP_WIDTH)
        box.moveTop(self.height() - box.height())
        self._completer.complete(box)

    def _take(self, text: str) -> None:
        """Put what was chosen in the place of what was typed."""
        offered = self._offered
        if offered is None:
            return
        is_apart = text.endswith("(") or self.text()[offered.end :].startswith(" ")
        self.setSelection(offered.start, offered.end - offered.start)
        self.insert(text if is_apart else f"{text} ")
        self._offer_timer.start()

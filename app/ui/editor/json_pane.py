"""The config as JSON, edited beside the form."""

from __future__ import annotations

import re

from PySide6.QtCore import QRegularExpression, Qt, QTimer
from PySide6.QtGui import QColor, QKeyEvent, QSyntaxHighlighter, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from app.ui.controls import label
from app.ui.editor import json_text
from app.ui.editor.document import ConfigDocument, Path
from app.ui.theme import code_font, theme, tokens

#: One token after the other, so that a quote that ends a string cannot begin one: string, colon after a key, comment,
#: beginning of a comment that goes on, word or number.
_TOKEN = QRegularExpression(
    r'("(?:\\.|[^"\\])*"?)(\s*:)?|(//.*$|/\*.*?\*/)|(/\*.*$)|((?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)'
)
_STRING, _COLON, _COMMENT, _OPEN_COMMENT, _WORD = range(1, 6)
_IN_COMMENT = 1
_KEYPAD = Qt.KeyboardModifier.KeypadModifier
_PREFIX = re.compile(r"^it is not JSON: ")


class _Highlighter(QSyntaxHighlighter):
    def highlightBlock(self, text: str) -> None:
        colours = tokens()
        self.setCurrentBlockState(0)
        at = 0
        if self.previousBlockState() == _IN_COMMENT:
            end = QRegularExpression(r"\*/").match(text)
            at = end.capturedEnd() if end.hasMatch() else -1
            self._colour(0, at, colours.text3)
            if at < 0:
                self.setCurrentBlockState(_IN_COMMENT)
                return
        found = _TOKEN.globalMatch(text, at)
        while found.hasNext():
            token = found.next()
            kind = next(kind for kind in (_STRING, _COMMENT, _OPEN_COMMENT, _WORD) if token.capturedStart(kind) >= 0)
            ink = colours.series[1] if kind == _WORD else colours.text3
            if kind == _STRING:
                is_key = token.capturedStart(_COLON) >= 0
                ink = colours.accent_text if is_key else colours.state("finished").ink
            self._colour(token.capturedStart(kind), token.capturedEnd(kind), ink)
            if kind == _OPEN_COMMENT:
                self.setCurrentBlockState(_IN_COMMENT)

    def _colour(self, start: int, end: int, ink: str) -> None:
        """Colour a part of the line; a negative end is that of the line."""
        look = QTextCharFormat()
        look.setForeground(QColor(ink))
        self.setFormat(start, (end if end >= 0 else self.currentBlock().length()) - start, look)


class _Edit(QPlainTextEdit):
    """Goes on with the indentation of the line above."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Indent what Return begins, by a step more after an opening bracket."""
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or event.modifiers() & ~_KEYPAD:
            super().keyPressEvent(event)
            return
        cursor = self.textCursor()
        start = min(cursor.position(), cursor.anchor())
        block = self.document().findBlock(start)
        units = block.text().encode("utf-16-le")
        before, after = (part.decode("utf-16-le", "replace") for part in _cut(units, 2 * (start - block.position())))
        margin = "\n" + " " * (len(before) - len(before.lstrip(" ")))
        opens = before.rstrip().endswith(("{", "["))
        closes = opens and not cursor.hasSelection() and after.lstrip().startswith(("}", "]"))
        cursor.insertText(margin + (" " * json_text.INDENT if opens else ""))
        if closes:
            place = cursor.position()
            cursor.insertText(margin)
            cursor.setPosition(place)
        self.setTextCursor(cursor)
        self.ensureCursorVisible()


def _cut(text: bytes, at: int) -> tuple[bytes, bytes]:
    return text[:at], text[at:]


def _common(one: str, other: str) -> int:
    """Return with how many signs alike two texts begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _units(text: str) -> int:
    """Return the length of a text as Qt counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


class JsonPane(QWidget):
    """The text of the document; each edit that is a config is the form's too."""

    def __init__(self, document: ConfigDocument, parent: QWidget) -> None:
        super().__init__(parent)
        self._document = document
        self.edit = _Edit()
        self.edit.setAccessibleName(self.tr("Config as JSON"))
        self.edit.setFont(code_font())
        self.edit.setUndoRedoEnabled(False)  # the form's history is this one's too
        self.edit.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.edit.setTabChangesFocus(True)
        self.edit.document().setDocumentMargin(12)
        self._highlighter = _Highlighter(self.edit.document())
        self.error = label("", "error", selectable=True)
        self.error.setWordWrap(True)
        self.error.setContentsMargins(12, 6, 12, 6)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.edit, 1)
        column.addWidget(self.error)
        self._paths: tuple[str, dict[Path, tuple[int, int]]] = ("", {})
        self._typed = QTimer(self, singleShot=True, interval=0)
        self._typed.timeout.connect(self.commit)
        self.edit.textChanged.connect(self._typed.start)
        document.changed.connect(lambda _path: self.refresh())
        theme().changed.connect(self._highlighter.rehighlight)
        self.refresh()

    @property
    def text(self) -> str:
        """What is written here; Qt's own plain text would turn no-break spaces into others."""
        return self.edit.document().toRawText().replace("\u2029", "\n")

    def finish(self) -> None:
        """End what is being typed, here and in the form."""
        self.commit()
        self._document.pause()

    def commit(self) -> None:
        """Take what is written here as the document, now rather than in a moment."""
        self._typed.stop()
        self._document.write(self.text)

    def refresh(self) -> None:
        """Show the text of the document; cursor and view stay at the text that they were at."""
        text = self._document.state.text
        if self.text != text:
            self.edit.blockSignals(True)
            self._replace(text)
            self.edit.blockSignals(False)
        problem = self._document.state.problem
        self.error.setVisible(problem is not None)
        if problem is not None:
            hint = f" ({problem.valid})" if problem.valid else ""
            self.error.setText(_PREFIX.sub("", problem.message) + hint)

    def _replace(self, text: str) -> None:
        """Put another text in place of the one that is shown, by the part alone in which they differ."""
        old = self.text
        same = _common(old, text)
        rest = _common(old[same:][::-1], text[same:][::-1])
        cursor = QTextCursor(self.edit.document())
        cursor.setPosition(_units(old[:same]))
        cursor.setPosition(_units(old[: len(old) - rest]), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(text[same : len(text) - rest])
        if self.text != text:  # a sign that Qt takes for the end of a line
            self.edit.setPlainText(text)

    def show_path(self, path: Path) -> None:
        """Scroll to where a path is, and mark it, unless somebody is writing here."""
        if self.edit.hasFocus() or self._document.state.problem is not None:
            return
        text = self._document.state.text
        if self._paths[0] != text:
            self._paths = text, json_text.spans(text)
        while path and path not in self._paths[1]:
            path = path[:-1]
        if path:
            start, end = self._paths[1][path]
            cursor = self.edit.textCursor()
            cursor.setPosition(_units(text[:start]))
            self.edit.setTextCursor(cursor)
            self.edit.ensureCursorVisible()
            self.edit.horizontalScrollBar().setValue(0)  # the beginnings of lines say more than their ends
            cursor.setPosition(_units(text[:end]), QTextCursor.MoveMode.KeepAnchor)
            self._mark(cursor)

    def _mark(self, cursor: QTextCursor) -> None:
        mark = QTextEdit.ExtraSelection()
        mark.cursor = cursor
        mark.format.setBackground(QColor(tokens().soft))
        self.edit.setExtraSelections([mark])

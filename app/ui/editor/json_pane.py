"""The config as JSON, edited beside the form."""

from __future__ import annotations

import re

from PySide6.QtCore import QRegularExpression, QTimer
from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextCursor
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


class JsonPane(QWidget):
    """The text of the document; each edit that is a config is the form's too."""

    def __init__(self, document: ConfigDocument, parent: QWidget) -> None:
        super().__init__(parent)
        self._document = document
        self.edit = QPlainTextEdit()
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
        """Show the text of the document, the cursor where it was."""
        text = self._document.state.text
        if self.text != text:
            at, across, down = (self.edit.textCursor().position(), self.edit.horizontalScrollBar().value(),
                                self.edit.verticalScrollBar().value())  # fmt: skip
            self.edit.blockSignals(True)
            self.edit.setPlainText(text)
            self.edit.blockSignals(False)
            cursor = self.edit.textCursor()
            cursor.setPosition(min(at, len(text)))
            self.edit.setTextCursor(cursor)
            self.edit.horizontalScrollBar().setValue(across)
            self.edit.verticalScrollBar().setValue(down)
        problem = self._document.state.problem
        self.error.setVisible(problem is not None)
        if problem is not None:
            hint = f" ({problem.valid})" if problem.valid else ""
            self.error.setText(_PREFIX.sub("", problem.message) + hint)

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
            cursor.setPosition(start)
            self.edit.setTextCursor(cursor)
            self.edit.ensureCursorVisible()
            cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
            self._mark(cursor)

    def _mark(self, cursor: QTextCursor) -> None:
        mark = QTextEdit.ExtraSelection()
        mark.cursor = cursor
        mark.format.setBackground(QColor(tokens().soft))
        self.edit.setExtraSelections([mark])

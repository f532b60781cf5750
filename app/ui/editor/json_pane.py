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

_KEY = QRegularExpression(r'"(?:\\.|[^"\\])*"(?=\s*:)')
_TEXT = QRegularExpression(r'"(?:\\.|[^"\\])*"(?!\s*:)')
_WORD = QRegularExpression(r"\b(?:true|false|null)\b|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b")
_COMMENT = QRegularExpression(r"^\s*//.*$")
_PREFIX = re.compile(r"^it is not JSON: ")


class _Highlighter(QSyntaxHighlighter):
    def highlightBlock(self, text: str) -> None:
        colours = tokens()
        rules = (
            (_WORD, colours.series[1]),
            (_TEXT, colours.state("finished").ink),
            (_KEY, colours.accent_text),
            (_COMMENT, colours.text3),
        )
        for pattern, colour in rules:
            look = QTextCharFormat()
            look.setForeground(QColor(colour))
            matches = pattern.globalMatch(text)
            while matches.hasNext():
                match = matches.next()
                self.setFormat(match.capturedStart(), match.capturedLength(), look)


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

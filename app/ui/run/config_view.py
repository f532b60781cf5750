"""The config of a run as JSON: as it was submitted, and with every default filled in."""

from __future__ import annotations

import json
from pathlib import Path

from PySide6.QtCore import QRegularExpression, Qt
from PySide6.QtGui import QColor, QGuiApplication, QShowEvent, QSyntaxHighlighter, QTextCharFormat, QTextDocument
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPlainTextEdit, QToolButton, QVBoxLayout, QWidget

from app.records.layout import ExecutionFolder
from app.ui.background import run_in_background
from app.ui.controls import ElidedLabel, button
from app.ui.theme import code_font, theme, tokens

SUBMITTED, RESOLVED = range(2)
_MOST_BYTES = 4 << 20


class ConfigView(QWidget):
    """Both configs, read when they are first seen."""

    def __init__(self, folder: ExecutionFolder) -> None:
        super().__init__()
        self._paths = {SUBMITTED: folder.document, RESOLVED: folder.resolved}
        self._chosen = SUBMITTED
        self._segments = QButtonGroup(self)
        self._name = ElidedLabel("", "muted", Qt.TextElideMode.ElideMiddle)
        self.editor = QPlainTextEdit()
        self.editor.setReadOnly(True)
        self.editor.setFont(code_font())
        self.editor.setAccessibleName(self.tr("Config"))
        self.editor.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.editor.setTabChangesFocus(True)
        self.editor.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.editor.document().setDocumentMargin(12)
        self._colours = _JsonColours(self.editor.document())
        bar = QFrame()
        bar.setProperty("kind", "toolbar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 5, 12, 5)
        row.setSpacing(0)
        for choice, text in ((SUBMITTED, self.tr("As submitted")), (RESOLVED, self.tr("As resolved"))):
            segment = QToolButton()
            segment.setProperty("kind", "segment")
            segment.setText(text)
            segment.setCheckable(True)
            segment.setChecked(choice == self._chosen)
            segment.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            self._segments.addButton(segment, choice)
            row.addWidget(segment)
        self._segments.button(SUBMITTED).setToolTip(self.tr("The config as it was given"))
        self._segments.button(RESOLVED).setToolTip(self.tr("The config with every default filled in"))
        self._segments.idClicked.connect(self._choose)
        row.addSpacing(12)
        row.addWidget(self._name, 1)
        row.addWidget(button(self.tr("Copy"), self.copy, icon_name="copy"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.editor, 1)

    def copy(self) -> None:
        """Put the whole config into the clipboard."""
        QGuiApplication.clipboard().setText(self.editor.toPlainText())

    def _choose(self, choice: int) -> None:
        self._chosen = choice
        self._read()

    def _read(self) -> None:
        path = self._paths[self._chosen]
        self._name.setText(path.name)

        def done(text: str) -> None:
            if path == self._paths[self._chosen] and text != self.editor.toPlainText():
                self.editor.setPlainText(text)

        def failed(error: Exception) -> None:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            if path == self._paths[self._chosen]:
                self.editor.setPlainText(self.tr("{0} cannot be read: {1}").format(path.name, reason))

        run_in_background(self, lambda _work: _pretty(path), done, failed=failed)

    def showEvent(self, event: QShowEvent) -> None:
        """Read the file; a run that has just begun writes its resolved config a little later."""
        super().showEvent(event)
        self._read()


def _pretty(path: Path) -> str:
    """Return a JSON file's text, indented where it was written on one line."""
    with open(path, "rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    if "\n" in text.strip():
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


class _JsonColours(QSyntaxHighlighter):
    """Keys, texts and other values of JSON in three colours of the theme."""

    _TOKEN = QRegularExpression(r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*|\btrue\b|\bfalse\b|\bnull\b)')

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._formats: tuple[QTextCharFormat, ...] = ()
        self._dress()
        theme().changed.connect(self._dress)

    def _dress(self) -> None:
        colours = tokens()
        inks = (colours.accent_text, colours.finished.ink, colours.paused.ink)
        self._formats = tuple(_format(ink) for ink in inks)
        self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        matches = self._TOKEN.globalMatch(text)
        while matches.hasNext():
            match = matches.next()
            kind = 2 if match.capturedStart(3) >= 0 else 0 if match.capturedStart(2) >= 0 else 1
            group = 3 if kind == 2 else 1
            self.setFormat(match.capturedStart(group), match.capturedLength(group), self._formats[kind])


def _format(ink: str) -> QTextCharFormat:
    found = QTextCharFormat()
    found.setForeground(QColor(ink))
    return found

"""The head of the editor: which config it is, undo and redo, save and run."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton

from app.ui.controls import ElidedLabel, Sign, button, icon_button, label
from app.ui.icons import icon


class EditorHead(QFrame):
    """Shows experiment, file and whether it is saved; its buttons do what the page's actions do."""

    def __init__(self, undo: QAction, redo: QAction, save: Callable[[], object], run: Callable[[], object]) -> None:
        super().__init__()
        self.setProperty("kind", "toolbar")
        self.setFixedHeight(56)
        self._experiment, self._file = ElidedLabel(""), ElidedLabel("", "heading")
        self._mark = label(self.tr("not saved"), "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 12, 0)
        row.setSpacing(6)
        row.addWidget(Sign(icon("flask-conical"), 16))
        row.addWidget(self._experiment)
        row.addWidget(Sign(icon("chevron-right")))
        row.addWidget(self._file)
        row.addWidget(self._mark)
        row.addStretch(1)
        row.addWidget(_tool("undo-2", self.tr("Undo (Ctrl+Z)"), undo))
        row.addWidget(_tool("redo-2", self.tr("Redo (Ctrl+Shift+Z)"), redo))
        row.addSpacing(10)
        row.addWidget(button(self.tr("Save"), save, icon_name="save", tip="Ctrl+S"))
        row.addWidget(button(self.tr("Run"), run, icon_name="play", kind="primary", tip="Ctrl+Enter"))

    def show_names(self, experiment: str, file: str, *, is_modified: bool) -> None:
        """Show what the config is called, and whether something in it is not saved."""
        self._experiment.setText(experiment)
        self._file.setText(file)
        self._mark.setVisible(is_modified)


def _tool(icon_name: str, name: str, action: QAction) -> QToolButton:
    found = icon_button(icon_name, name, action.trigger)
    found.setEnabled(action.isEnabled())
    action.enabledChanged.connect(found.setEnabled)
    return found

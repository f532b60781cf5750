"""The list of all columns of the table, with a search: a workspace has hundreds of params."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QListView, QVBoxLayout, QWidget

from app.ui.controls import button, label
from app.ui.icons import icon
from app.ui.runs.columns import Column
from app.ui.runs.model import RunsModel

_WIDTH, _HEIGHT = 320, 420


class ColumnsPopup(QFrame):
    """Ticks columns of a table; what is ticked is shown at once."""

    def __init__(self, parent: QWidget, model: RunsModel) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("kind", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._columns = _Columns(model, self)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a column")
        self.search.setAccessibleName("Find a column")
        self.search.setClearButtonEnabled(True)
        self.search.addAction(icon("search", "text3"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.textChanged.connect(self._columns.find)
        self.list = QListView()
        self.list.setModel(self._columns)
        self.list.setUniformItemSizes(True)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setAccessibleName("Columns")
        self.list.clicked.connect(self._columns.toggle)
        lower = QHBoxLayout()
        lower.addWidget(label("Others: any metric, param or tag", "caption"), 1)
        lower.addWidget(button("Choose by themselves", self._columns.choose_none, kind="link"))
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        column.addWidget(self.search)
        column.addWidget(self.list, 1)
        column.addLayout(lower)
        self.resize(_WIDTH, _HEIGHT)
        self.search.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go from the search into the list, and tick with Enter or Space."""
        index = self.list.currentIndex()
        if event.key() == Qt.Key.Key_Down and self.search.hasFocus():
            self.list.setFocus()
            self.list.setCurrentIndex(self._columns.index(0))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._columns.toggle(index if index.isValid() else self._columns.index(0))
        else:
            super().keyPressEvent(event)


class _Columns(QAbstractListModel):
    """The columns that have a text in their name, ticked where they are shown."""

    def __init__(self, model: RunsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self._all = [each for each in model.available_columns if each.id != "name"]
        self._shown = {each.id for each in model.columns}
        self._found: list[Column] = []
        self.find("")

    def find(self, text: str) -> None:
        """Show the columns that have each word of a text in their name; those that are ticked come first."""
        words = text.casefold().split()
        self.beginResetModel()
        found = [each for each in self._all if all(word in _name(each).casefold() for word in words)]
        self._found = sorted(found, key=lambda each: each.id not in self._shown) if not words else found
        self.endResetModel()

    def toggle(self, index: QModelIndex) -> None:
        """Show a column, or hide it."""
        if index.isValid():
            self._shown ^= {self._found[index.row()].id}
            self._model.choose_columns({"name", *self._shown})
            self.dataChanged.emit(index, index)

    def choose_none(self) -> None:
        """Leave the choice to the program."""
        self._model.choose_columns(None)
        self._shown = set()
        self._model.columns_changed.connect(self._on_columns_changed)

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex | None = None) -> int:
        """Return how many columns are found."""
        return 0 if parent is not None and parent.isValid() else len(self._found)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the name of a column and whether it is shown."""
        if not index.isValid():
            return None
        column = self._found[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _name(column)
        if role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if column.id in self._shown else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.SizeHintRole:
            return QSize(_WIDTH - 40, 24)
        return None

    def _on_columns_changed(self) -> None:
        self._shown = {each.id for each in self._model.columns}
        self.find("")


def _name(column: Column) -> str:
    kind, name, _ = column.what
    return f"{kind}s.{name}" if kind in ("param", "tag") else column.title

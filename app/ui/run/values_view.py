"""The params and tags of a run as a table that can be searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from app.records.sources.base import Param
from app.ui import formats
from app.ui.controls import button, label
from app.ui.icons import icon
from app.ui.run.cell_table import CellTable
from app.ui.theme import code_font

Index = QModelIndex | QPersistentModelIndex
NAME, VALUE, KIND = range(3)
#: A cell shows so much of a text, its tooltip more; what is copied is all of it.
_SHOWN, _TOLD = 300, 3000


class Entry(NamedTuple):
    """A param or a tag: its name, its value as text, and which of the two it is."""

    name: str
    text: str
    kind: str


class ValuesView(QWidget):
    """Params first, then tags, each in the order of their names; the search looks at names and values."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = _Rows(self)
        self.query = QLineEdit()
        self.query.setPlaceholderText(self.tr("Find in names and values"))
        self.query.setAccessibleName(self.query.placeholderText())
        self.query.addAction(icon("search", "text3"), QLineEdit.ActionPosition.LeadingPosition)
        self.query.setClearButtonEnabled(True)
        self.query.setMaximumWidth(320)
        self._typing = QTimer(self, interval=150, singleShot=True)
        self._typing.timeout.connect(self._search)
        self.query.textChanged.connect(lambda _: self._typing.start())
        self._count = label("", "muted")
        self.table = _Table(self.rows)
        bar = QFrame()
        bar.setProperty("kind", "toolbar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 5, 12, 5)
        row.setSpacing(12)
        row.addWidget(self.query, 1)
        row.addWidget(self._count)
        row.addStretch(1)
        row.addWidget(button(self.tr("Copy"), self.copy, icon_name="copy", tip=self.tr("Copy as tab-separated text")))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.table, 1)

    def show_values(self, params: Mapping[str, Param], tags: Mapping[str, str]) -> None:
        """Show what a run has now."""
        entries = [Entry(name, text_of(params[name]), "param") for name in sorted(params)]
        entries += [Entry(name, tags[name], "tag") for name in sorted(tags)]
        if self.rows.show_all(entries):
            self._tell()

    def copy(self) -> None:
        """Put the rows that are selected into the clipboard, all that are shown where none is."""
        chosen = sorted({index.row() for index in self.table.selectedIndexes()})
        rows = [self.rows.entries[row] for row in chosen] or self.rows.entries
        QGuiApplication.clipboard().setText("\n".join(f"{entry.name}\t{entry.text}" for entry in rows))

    def _search(self) -> None:
        self.rows.search(self.query.text())
        self._tell()

    def _tell(self) -> None:
        shown, total = len(self.rows.entries), self.rows.total
        of_all = formats.count(total) if shown == total else f"{formats.count(shown)} of {formats.count(total)}"
        self._count.setText(of_all)


class _Rows(QAbstractTableModel):
    """The entries that match what is searched for."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._all: Sequence[Entry] = ()
        self._query = ""
        self.entries: list[Entry] = []

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self._all)

    def show_all(self, entries: Sequence[Entry]) -> bool:
        """Show others; return whether they are."""
        if entries == self._all:
            return False
        self._all = entries
        self.search(self._query)
        return True

    def search(self, query: str) -> None:
        """Show those only that have a text in them."""
        self._query = wanted = query.strip().casefold()
        self.beginResetModel()
        self.entries = [e for e in self._all if wanted in e.name.casefold() or wanted in e.text.casefold()]
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.entries)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self.tr(("Name", "Value", "Kind")[section])
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        entry, column = self.entries[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return " ".join(entry[column][:_SHOWN].split("\n"))
        if role == Qt.ItemDataRole.ToolTipRole and column == VALUE and entry.text:
            # As plain text: what a run is tagged with is no page to be drawn.
            return f"<p style='white-space: pre-wrap'>{_escaped(entry.text[:_TOLD])}</p>"
        if role == Qt.ItemDataRole.FontRole:
            return code_font() if column != KIND else None
        return None


class _Table(CellTable):
    def __init__(self, rows: _Rows) -> None:
        super().__init__(rows, self.tr("Params and tags"))
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = self.horizontalHeader()
        header.setSectionResizeMode(VALUE, QHeaderView.ResizeMode.Stretch)
        header.resizeSection(NAME, 320)
        header.resizeSection(KIND, 80)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        view = self.parent()
        if event.matches(QKeySequence.StandardKey.Copy) and isinstance(view, ValuesView):
            view.copy()
        else:
            super().keyPressEvent(event)


def text_of(value: Param) -> str:
    """Return a param as it is written in JSON, texts without quotes."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
    return str(value)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")

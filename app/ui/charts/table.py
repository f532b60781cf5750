"""The points of a chart as a table: for the clipboard, for a file, for who would rather read than look."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QDialog, QHeaderView, QTableView, QVBoxLayout, QWidget

from app.ui import formats
from app.ui.charts.buffer import Floats
from app.ui.theme import code_font, height
from app.ui.tokens import ROW

_Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Table:
    """A row for every x that any curve has a point at.

    Attributes:
        names: of the columns, that of x first.
        x: (n,), ascending.
        columns: (n,) values each; ``known`` tells where there is one.
        known: (n,) bool each.
    """

    names: list[str]
    x: Floats
    columns: list[Floats]
    known: list[np.ndarray[tuple[int], np.dtype[np.bool_]]]

    @classmethod
    def of(cls, x_name: str, curves: Mapping[str, tuple[Floats, Floats]]) -> Table:
        """Return the table of some curves, each an (x, values); of two points at one x the later one counts."""
        every = np.unique(np.concatenate([x for x, _ in curves.values()])) if curves else np.empty(0)
        columns, known = [], []
        for x, values in curves.values():
            rows = np.searchsorted(every, x)
            column, has = np.full(len(every), np.nan), np.zeros(len(every), np.bool_)
            column[rows], has[rows] = values, True
            columns.append(column)
            known.append(has)
        return cls([x_name, *curves], every, columns, known)

    def to_csv(self) -> str:
        """Return it as CSV (RFC 4180 but for the line ends), with every digit; a cell without a value is empty."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.names)
        x = [int(value) if value.is_integer() else value for value in self.x.tolist()]
        cells = [
            [value if has else "" for value, has in zip(column.tolist(), known.tolist(), strict=True)]
            for column, known in zip(self.columns, self.known, strict=True)
        ]
        writer.writerows(zip(x, *cells, strict=True))
        return text.getvalue()


class TableModel(QAbstractTableModel):
    """Shows a table as it is; it is not followed."""

    def __init__(self, table: Table, parent: QWidget) -> None:
        super().__init__(parent)
        self._table = table

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return how many x there are."""
        return 0 if parent.isValid() else len(self._table.x)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        """Return how many curves there are, and one for x."""
        return 0 if parent.isValid() else len(self._table.names)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a cell's text, where it stands, and its font."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if index.column() == 0:
            return f"{self._table.x[index.row()]:,.10g}"
        column = index.column() - 1
        has_value = self._table.known[column][index.row()]
        return formats.number(float(self._table.columns[column][index.row()]), 4) if has_value else ""

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the name of a column."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return self._table.names[section]
        return None


def show_table(title: str, table: Table, parent: QWidget) -> None:
    """Open a window, not modal, with a table in it."""
    dialog = QDialog(parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setWindowTitle(title)
    view = QTableView(dialog)
    view.setModel(TableModel(table, dialog))
    view.setFont(code_font())
    view.setAccessibleName(title)
    view.verticalHeader().hide()
    view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    view.verticalHeader().setDefaultSectionSize(height(ROW, code_font()))
    view.horizontalHeader().setDefaultSectionSize(140)
    view.horizontalHeader().setStretchLastSection(True)
    column = QVBoxLayout(dialog)
    column.setContentsMargins(0, 0, 0, 0)
    column.addWidget(view)
    dialog.resize(min(900, 40 + 140 * len(table.names)), 480)
    dialog.show()

"""The table of runs as Qt wants it: it shows what was read of the index, and over that the runs that are followed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from app.records.layout import Workspace
from app.records.runs import Run
from app.records.watch import Changes
from app.ui.runs.columns import FIXED, Column, source_icon
from app.ui.runs.reading import TableReading
from app.ui.runs.rows import Row, Rows
from app.ui.runs.snapshot import Snapshot
from app.ui.theme import tokens

Index = QModelIndex | QPersistentModelIndex

#: The run of a row.
RUN = Qt.ItemDataRole.UserRole


class RunsModel(QAbstractTableModel):
    """The runs of a workspace that the table is asked for.

    ``columns_changed`` is emitted after other columns are shown; ``filtered`` after rows came or went.
    """

    columns_changed = Signal()
    filtered = Signal()

    def __init__(self, workspace: Workspace, reading: TableReading) -> None:
        super().__init__()
        self._root = workspace.root
        self._reading = reading
        self._runs: dict[str, Run] = {}
        self.rows = Rows(self._root)
        self.columns: list[Column] = [each for each in FIXED if each.id != "source"]
        reading.arrived.connect(self._on_snapshot)

    @property
    def total(self) -> int:
        """How many runs there are to choose from, whether they meet the query or not."""
        return self.rows.total

    @property
    def is_read(self) -> bool:
        """Whether the index was read."""
        return self.rows.snapshot is not None

    @property
    def has_active(self) -> bool:
        """Whether some run goes on, so that its time does."""
        return self.rows.goes_on

    @property
    def available_columns(self) -> Sequence[Column]:
        """Every column that could be shown."""
        snapshot = self.rows.snapshot
        return snapshot.available if snapshot is not None else FIXED

    @property
    def chosen_columns(self) -> list[str] | None:
        """The ids of the columns that the user chose, None while the choice is automatic."""
        chosen = self._reading.request.chosen
        return None if chosen is None else sorted(chosen)

    @property
    def sorting(self) -> tuple[str, bool]:
        """The id of the column that rows are sorted by, and whether the order is descending."""
        return self._reading.request.sort

    def choose_columns(self, ids: set[str] | None) -> None:
        """Show these columns, or those of the automatic choice for None."""
        self._reading.ask(chosen=None if ids is None else frozenset(ids))

    def sort_by(self, id_: str, *, descending: bool) -> None:
        """Sort by a column, whether it is shown or not."""
        self._reading.ask(sort=(id_, descending))

    def run_at(self, row: int) -> Row:
        """Return the run of a row."""
        return self.rows.at(row)

    def row_of(self, path: Path) -> int | None:
        """Return the row of a run of ours, None when it is not shown."""
        return self.rows.find([self._key(path)])[0] if path.is_relative_to(self._root) else None

    def rows_of(self, runs: Sequence[Row]) -> list[int | None]:
        """Return the rows that runs are in now, None for those that are not shown."""
        return self.rows.find([self._key(run.path) if run.id is None else run.id for run in runs])

    def are_executions(self, rows: Sequence[int]) -> bool:
        """Whether some rows are executions, all of them."""
        return bool(rows) and bool(self.rows.executions()[np.array(rows, np.int64)].all())

    def active_rows(self, rows: Sequence[int]) -> list[Row]:
        """Return those of some rows that can be stopped."""
        found = (self.rows.at(row) for row in rows if row < len(self.rows.live))
        return [row for row in found if row.is_active]

    def sign(self, row: int, column: Column) -> tuple[str, str] | None:
        """Return the icon that stands in a cell, and its colour."""
        if column.id == "state":
            state = self.rows.state(row)
            return (state, tokens().state(state).ink) if state else None
        if column.id == "source":
            return source_icon(self.rows.text(row, "source")), tokens().text3
        return ("triangle-alert", tokens().text3) if column.id == "name" and self.rows.problems(row) else None

    def order(self) -> RowOrder:
        """Return the folders of the executions in the order of the rows, as it is whenever it is asked."""
        return RowOrder(self)

    def take(self, changes: Changes) -> None:
        """Take what a look at the runs under way found."""
        known = set(self._runs)
        for path in changes.removed:
            self._runs.pop(self._key(path), None)
        for run in changes.runs:
            self._runs[self._key(run.folder.path)] = run
        rows = Rows(self._root, self._followed(self.rows.snapshot), self.rows.snapshot)
        if [path for path, _ in rows.live] != [path for path, _ in self.rows.live]:
            self._show(rows)
        elif rows.live:
            self.rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows.live) - 1, len(self.columns) - 1))
        if known != set(self._runs):
            self._reading.ask(live=frozenset(self._runs))

    def tick(self) -> None:
        """Let the times of runs that go on go on."""
        column = next((place for place, each in enumerate(self.columns) if each.id == "time"), None)
        if column is not None and len(self.rows):
            self.dataChanged.emit(self.index(0, column), self.index(len(self.rows) - 1, column))

    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many runs are shown."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return how many columns are shown."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        row, column = index.row(), self.columns[index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(self.rows.value(row, column.id))
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(column)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(row, column) or None
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{column.title} {column.text(self.rows.value(row, column.id))}"
        return self.rows.at(row) if role == RUN else None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the title of a column."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        return column.tip or None if role == Qt.ItemDataRole.ToolTipRole else None

    def _tip(self, row: int, column: Column) -> str:
        if column.id == "name":
            return "\n".join((self.rows.text(row, "name"), str(self.rows.path(row)), *self.rows.problems(row)))
        return column.full_text(self.rows.value(row, column.id))

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _followed(self, snapshot: Snapshot | None) -> list[tuple[str, Run]]:
        """Return the runs that are shown on top: those under way, and those of whose end the index knows nothing."""
        scope = self._reading.request.scope
        ended = snapshot.ended if snapshot is not None else frozenset()
        live = [
            (path, run)
            for path, run in self._runs.items()
            if scope.has(run) and not (run.status.is_over and path in ended)
        ]
        live.sort(key=lambda each: (each[1].state == "queued", each[1].status.submitted or 0.0))
        return live

    def _on_snapshot(self, snapshot: Snapshot) -> None:
        rows = Rows(self._root, self._followed(snapshot), snapshot)
        if list(snapshot.shown) == self.columns:
            self._show(rows)
            return
        self.beginResetModel()
        self.rows, self.columns = rows, list(snapshot.shown)
        self.endResetModel()
        self.columns_changed.emit()
        self.filtered.emit()

    def _show(self, rows: Rows) -> None:
        """Show other rows, so that the selection stays with its runs."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        kept = [self.rows.identity(index.row()) for index in before]
        self.rows = rows
        after = [
            QModelIndex() if row is None else self.index(row, index.column())
            for row, index in zip(rows.find(kept), before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()
        self.filtered.emit()


class RowOrder(Sequence[Path]):
    """The folders of the executions in a table from top to bottom, as it is when it is asked."""

    def __init__(self, model: RunsModel) -> None:
        self._model = model

    def __len__(self) -> int:
        return int(np.count_nonzero(self._model.rows.executions()))

    def __getitem__(self, place: Any) -> Any:
        rows = self._model.rows
        return rows.path(int(np.flatnonzero(rows.executions())[place]))

    def __contains__(self, path: object) -> bool:
        return isinstance(path, Path) and self._model.row_of(path) is not None

    def index(self, path: Path, *_: Any) -> int:
        """Return the place of one of ours. Raises ValueError where it is not shown."""
        row = self._model.row_of(path)
        if row is None:
            raise ValueError(f"{path} is not shown")
        return int(np.count_nonzero(self._model.rows.executions()[:row]))


def _side(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter

"""The rows of the table of runs: it sorts and filters itself, and keeps active runs on top."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal

from app.records.runs import Run
from app.records.watch import Changes
from app.ui.icons import icon, state_icon
from app.ui.runs.columns import Column, common_metrics, fixed_columns, key_metric, metric_columns, shown_at_first

Index = QModelIndex | QPersistentModelIndex

#: The run of a row; the values of its trend; whether the row is the last of the active ones.
RUN, TREND, ENDS_ACTIVE = (Qt.ItemDataRole.UserRole + number for number in range(3))
TREND_COLUMN = "trend"


class RunsModel(QAbstractTableModel):
    """All runs of a workspace that pass the filter, in order.

    ``columns_changed`` is emitted after metrics have brought other columns; ``filtered`` after rows came or went.
    """

    columns_changed = Signal()
    filtered = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._runs: dict[Path, Run] = {}
        self._rows: list[Run] = []
        self._places: dict[Path, int] = {}
        self._active = 0
        self._experiment = ""
        self._words: tuple[str, ...] = ()
        self._sort_id, self._sort_order = "started", Qt.SortOrder.DescendingOrder
        self._metrics: list[str] = []
        self._key_metric = ""
        self._chosen: set[str] | None = None
        self._available = self._make_columns()
        self.columns: list[Column] = self._shown_columns()

    @property
    def total(self) -> int:
        """How many runs there are, filtered or not, of the experiment that is shown."""
        return sum(not self._experiment or run.experiment == self._experiment for run in self._runs.values())

    @property
    def available_columns(self) -> list[Column]:
        """Every column that could be shown."""
        return list(self._available)

    @property
    def chosen_columns(self) -> list[str] | None:
        """The ids of the columns that the user chose, None while the choice is automatic."""
        return None if self._chosen is None else sorted(self._chosen)

    @property
    def sorting(self) -> tuple[str, bool]:
        """The id of the column that rows are sorted by, and whether the order is descending."""
        return self._sort_id, self._sort_order == Qt.SortOrder.DescendingOrder

    def run_at(self, row: int) -> Run:
        """Return the run of a row."""
        return self._rows[row]

    def row_of(self, path: Path) -> int | None:
        """Return the row of a run, None when it is not shown."""
        return self._places.get(path)

    def order(self) -> list[Path]:
        """Return the folders of the runs in the order of the rows."""
        return [run.folder.path for run in self._rows]

    def has_active(self) -> bool:
        """Whether some run goes on, so that its time does."""
        return any(run.status.started is not None for run in self._rows[: self._active])

    def take(self, changes: Changes) -> None:
        """Take what a look found."""
        for path in changes.removed:
            self._runs.pop(path, None)
        for run in changes.runs:
            self._runs[run.folder.path] = run
        if self._follow_metrics():
            return
        rows = self._arranged()
        same = len(rows) == len(self._rows) and all(
            new.folder.path == old.folder.path for new, old in zip(rows, self._rows, strict=True)
        )
        if not same:
            self._show(rows)
            return
        self._rows = rows
        for run in changes.runs:
            row = self._places.get(run.folder.path)
            if row is not None:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(self.columns) - 1))

    def fill(self, runs: Iterable[Run]) -> None:
        """Take many runs at once."""
        self.take(Changes(tuple(runs)))

    def show_experiment(self, experiment: str) -> None:
        """Show the runs of one experiment, or of all for ""."""
        self._experiment = experiment
        if not self._follow_metrics():
            self._show(self._arranged())

    def show_matching(self, text: str) -> None:
        """Show the runs whose name, experiment or state has every word of a text."""
        self._words = tuple(text.casefold().split())
        self._show(self._arranged())

    def choose_columns(self, ids: set[str] | None) -> None:
        """Show these columns, or those of the automatic choice for None."""
        self._chosen = ids
        self.beginResetModel()
        self.columns = self._shown_columns()
        self.endResetModel()
        self.columns_changed.emit()

    def sort_by(self, id_: str, *, descending: bool) -> None:
        """Sort by a column, whether it is shown or not."""
        self._sort_id = id_
        self._sort_order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self._show(self._arranged())

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column that is shown."""
        if 0 <= column < len(self.columns):
            self.sort_by(self.columns[column].id, descending=order == Qt.SortOrder.DescendingOrder)

    def tick(self) -> None:
        """Let the times of active runs go on."""
        column = next((place for place, each in enumerate(self.columns) if each.id == "time"), None)
        if column is not None and self._active:
            self.dataChanged.emit(self.index(0, column), self.index(self._active - 1, column))

    def rowCount(self, parent: Index | None = None) -> int:
        """Return how many runs are shown."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        """Return how many columns are shown."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        run, column = self._rows[index.row()], self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(run, time.time())
        if role == Qt.ItemDataRole.DecorationRole:
            if column.id == "state":
                return state_icon(run.state)
            return icon("triangle-alert", "text3") if column.id == "name" and run.problems else None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip(run) or None
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title} {column.text(run, time.time())}"
        if role == RUN:
            return run
        if role == TREND:
            summary = run.metrics.get(self._key_metric)
            return summary.trend if summary is not None else ()
        if role == ENDS_ACTIVE:
            return index.row() == self._active - 1
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the title of a column."""
        if orientation != Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.is_number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def _arranged(self) -> list[Run]:
        """Return the rows: active runs by their start, whatever the filter, then the others as they are sorted."""
        column = next((each for each in self._available if each.id == self._sort_id), self._available[0])
        shown = [run for run in self._runs.values() if not self._experiment or run.experiment == self._experiment]
        active = [run for run in shown if not run.status.is_over]
        others = [run for run in shown if run.status.is_over and self._matches(run)]
        active.sort(key=lambda run: (run.state == "queued", run.status.submitted or 0.0))
        known: list[tuple[Any, Run]] = []
        unknown: list[Run] = []
        for run in others:
            key = column.key(run)
            known.append((key[1], run)) if key[0] == 0 else unknown.append(run)
        known.sort(key=lambda pair: pair[0], reverse=self._sort_order == Qt.SortOrder.DescendingOrder)
        self._active = len(active)
        return [*active, *(run for _, run in known), *unknown]

    def _matches(self, run: Run) -> bool:
        text = f"{run.execution_id} {run.experiment} {run.state}".casefold()
        return all(word in text for word in self._words)

    def _show(self, rows: list[Run]) -> None:
        """Show rows in another order, so that the selection stays with its runs."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        paths = [self._rows[index.row()].folder.path for index in before]
        self._rows = rows
        self._places = {run.folder.path: row for row, run in enumerate(rows)}
        after = [
            self.index(self._places[path], index.column()) if path in self._places else QModelIndex()
            for path, index in zip(paths, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()
        self.filtered.emit()

    def _follow_metrics(self) -> bool:
        """Have a column for every metric that is common now; return whether that changed anything."""
        shown = [run for run in self._runs.values() if not self._experiment or run.experiment == self._experiment]
        metrics = common_metrics(shown)
        self._key_metric = key_metric(shown)
        if metrics == self._metrics:
            return False
        self._metrics = metrics
        self._available = self._make_columns()
        columns = self._shown_columns()
        rows = self._arranged()
        if [column.id for column in columns] == [column.id for column in self.columns]:
            self._show(rows)
            return True
        self.beginResetModel()
        self.columns = columns
        self._rows = rows
        self._places = {run.folder.path: row for row, run in enumerate(rows)}
        self.endResetModel()
        self.columns_changed.emit()
        self.filtered.emit()
        return True

    def _make_columns(self) -> list[Column]:
        trend = Column(TREND_COLUMN, "Trend", lambda run, now: "", lambda run: (1, 0.0), width=76)
        metrics = metric_columns(self._metrics)
        # The trend stands behind the best of the metric that it is of.
        at = next((place + 1 for place, each in enumerate(metrics) if each.id.startswith("best:")), len(metrics))
        return [*fixed_columns(), *metrics[:at], trend, *metrics[at:]]

    def _shown_columns(self) -> list[Column]:
        automatic = shown_at_first(self._metrics)
        return [
            column
            for column in self._available
            if (":" not in column.id or column.id in automatic if self._chosen is None else column.id in self._chosen)
        ]

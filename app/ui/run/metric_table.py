"""The metrics of a run in numbers: last, best and where, the other end, mean, test, and the course."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
)

from app.records.metrics import lower_is_better
from app.ui import formats
from app.ui.charts.sparkline import paint_sparkline
from app.ui.controls import button, frame, label
from app.ui.theme import code_font, height, theme, tokens
from app.ui.tokens import HEADER, ROW

Index = QModelIndex | QPersistentModelIndex
NAME, LAST, BEST, EPOCH, WORST, MEAN, TEST, TREND = range(8)
_SWATCH = 10
#: A table is as high as its rows up to here; then it scrolls. The widths of columns are those of so many rows.
_MOST_ROWS = 12


class MetricRow(Protocol):
    """What is shown of a metric; ``best`` is the value and where it was, a step or an epoch."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def last(self) -> float | None: ...  # noqa: D102

    @property
    def best(self) -> tuple[float, int] | None: ...  # noqa: D102

    @property
    def worst(self) -> float | None: ...  # noqa: D102

    @property
    def mean(self) -> float | None: ...  # noqa: D102

    @property
    def trend(self) -> Sequence[float]: ...  # noqa: D102


class Measured(Protocol):
    """A run with metrics."""

    def shown_metrics(self) -> Sequence[MetricRow]:
        """Return them in the order of a table."""

    def test_value(self, metric: str) -> float | None:
        """Return the test's value of a metric."""


class MetricTable(QFrame):
    """A panel with a row for every metric; hidden where there is none.

    Args:
        model: the run.
        counts: what its points count, epochs or steps.
    """

    def __init__(self, model: Measured, counts: str = "epoch") -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self._run = model
        self.rows = _Rows(self, counts)
        bar, column = frame("panel-header")
        row = QHBoxLayout()
        row.setContentsMargins(12, 3, 6, 3)
        row.setSpacing(10)
        row.addWidget(label(self.tr("Metrics"), "heading"))
        self._note = label("", "muted")
        row.addWidget(self._note)
        row.addStretch(1)
        row.addWidget(button(self.tr("Copy"), self.copy, icon_name="copy", kind="quiet",
                             tip=self.tr("Copy as tab-separated text")))  # fmt: skip
        column.addLayout(row)
        self.table = _Table(self.rows, self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.table)

    def refresh(self) -> None:
        """Show what the model knows."""
        shown = list(self._run.shown_metrics())
        self.setVisible(bool(shown))
        tests = {metric.name: value for metric in shown if (value := self._run.test_value(metric.name)) is not None}
        self.rows.show_metrics(shown, tests)
        directions = {lower_is_better(metric.name) for metric in shown}
        self._note.setText(
            "" if len(directions) > 1 else self.tr("best = lowest") if True in directions else self.tr("best = highest")
        )
        self.table.setColumnHidden(TEST, not tests)
        self.table.fit()

    def copy(self) -> None:
        """Put the numbers into the clipboard, as they are, separated by tabs."""
        QGuiApplication.clipboard().setText(self.rows.as_text())


class _Rows(QAbstractTableModel):
    """A row a metric."""

    def __init__(self, parent: QObject, counts: str) -> None:
        super().__init__(parent)
        self.metrics: list[MetricRow] = []
        self._tests: dict[str, float] = {}
        self._counts = counts

    def show_metrics(self, metrics: list[MetricRow], tests: dict[str, float]) -> None:
        """Show other metrics, or what is new of those that are shown, which keeps the selection."""
        if metrics == self.metrics and tests.keys() == self._tests.keys():
            self._tests = tests
            if metrics:
                self.dataChanged.emit(self.index(0, 0), self.index(len(metrics) - 1, TREND))
            return
        self.beginResetModel()
        self.metrics, self._tests = metrics, tests
        self.endResetModel()

    def number(self, row: int, column: int) -> float | None:
        """Return the number of a cell, None where there is none."""
        metric = self.metrics[row]
        match column:
            case 1:
                return metric.last
            case 2:
                return metric.best[0] if metric.best else None
            case 3:
                return metric.best[1] if metric.best else None
            case 4:
                return metric.worst
            case 5:
                return metric.mean
            case 6:
                return self._tests.get(metric.name)
        return None

    def as_text(self) -> str:
        """Return all as tab-separated text, numbers in full."""
        columns = [column for column in range(NAME, TREND) if column != TEST or self._tests]
        lines = ["\t".join(self._title(column) for column in columns)]
        for row, metric in enumerate(self.metrics):
            numbers = (self.number(row, column) for column in columns[1:])
            lines.append("\t".join([metric.name, *("" if value is None else repr(value) for value in numbers)]))
        return "\n".join(lines)

    def _title(self, column: int) -> str:
        if column == WORST:
            ends = {lower_is_better(metric.name) for metric in self.metrics}
            return self.tr("Min/Max") if len(ends) > 1 else self.tr("Max") if True in ends else self.tr("Min")
        where = "Epoch" if self._counts == "epoch" else "Step"
        titles = ("Metric", "Last", "Best", where, "", "Mean", "Test", "Trend")
        return self.tr(titles[column])

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self.metrics)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else 8

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._title(section)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(section)
        if role == Qt.ItemDataRole.ToolTipRole and section == EPOCH:
            return self.tr("The {0} of the best value").format(self._counts)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column = index.column()
        metric = self.metrics[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            if column == NAME:
                return metric.name
            if column == TREND:
                return ""
            value = self.number(index.row(), column)
            return formats.number(value, 3) if column != EPOCH or value is None else formats.count(round(value))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        if role == Qt.ItemDataRole.FontRole:
            return code_font(12, 600 if column in (LAST, BEST) else 400)
        if role == Qt.ItemDataRole.ToolTipRole and column == NAME:
            return metric.name
        if role == Qt.ItemDataRole.AccessibleTextRole and metric.best is not None and column == NAME:
            best, at = metric.best
            return self.tr("{0}, best {1} at {2} {3}").format(metric.name, formats.number(best, 3), self._counts, at)
        return None


class _Table(QTableView):
    def __init__(self, rows: _Rows, copy: Any) -> None:
        super().__init__()
        self._copy = copy
        self.setModel(rows)
        self._delegate = _CellDelegate(rows)
        self.setItemDelegate(self._delegate)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Metrics"))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(height(ROW))
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(56)
        header.setResizeContentsPrecision(_MOST_ROWS)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(TREND, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(TREND, 96)
        header.setFixedHeight(height(HEADER))
        theme().changed.connect(self.viewport().update)

    def fit(self) -> None:
        """Be as high as all rows, or as many as leave room for the curves."""
        rows = self.model().rowCount()
        policies = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(
            policies.ScrollBarAlwaysOff if rows <= _MOST_ROWS else policies.ScrollBarAsNeeded
        )
        shown = min(rows, _MOST_ROWS) * self.verticalHeader().defaultSectionSize()
        self.setFixedHeight(self.horizontalHeader().height() + shown + 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        else:
            super().keyPressEvent(event)


class _CellDelegate(QStyledItemDelegate):
    """A swatch before the name, a sparkline in the last column: train in the first colour, val in the second."""

    def __init__(self, rows: _Rows) -> None:
        super().__init__(rows)
        self._rows = rows

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        metric = self._rows.metrics[index.row()]
        colour = QColor(tokens().series[1 if metric.name.startswith("val_") else 0])
        rect = option.rect
        if index.column() == NAME:
            room = QStyleOptionViewItem(option)
            room.rect = rect.adjusted(10 + _SWATCH, 0, 0, 0)
            super().paint(painter, room, index)
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour)
            top = rect.top() + (rect.height() - _SWATCH) / 2
            painter.drawRoundedRect(QRectF(rect.left() + 8, top, _SWATCH, _SWATCH), 2, 2)
            painter.restore()
            return
        super().paint(painter, option, index)
        if index.column() == TREND:
            paint_sparkline(painter, QRectF(rect).adjusted(8, 4, -8, -4), metric.trend, colour)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        hint = super().sizeHint(option, index)
        return QSize(hint.width() + (22 if index.column() == NAME else 14), hint.height())


def _side(column: int) -> int:
    side = Qt.AlignmentFlag.AlignLeft if column in (NAME, TREND) else Qt.AlignmentFlag.AlignRight
    return int(side | Qt.AlignmentFlag.AlignVCenter)

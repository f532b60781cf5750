"""All problems of the config in a table."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QStackedLayout, QTableView, QWidget

from app.config.problems import Problem
from app.ui.controls import EmptyState
from app.ui.icons import icon
from app.ui.theme import code_font

Index = QModelIndex | QPersistentModelIndex
_HEADS = ("Path", "Problem", "Valid")
#: The height of a row, and the width from which on there is room for three columns (px).
_ROW, _ROOM = 44, 340
#: The width of the column of paths (px).
_PATH = 150
#: Of more problems the rows are not measured.
_MOST_MEASURED = 200


class _Model(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.problems: Sequence[Problem] = ()
        #: Whether all of a problem is in the first column, a line each.
        self.is_narrow = False

    def show(self, problems: Sequence[Problem]) -> None:
        self.beginResetModel()
        self.problems = problems
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - an empty index is a constant
        return 0 if parent.isValid() else len(self.problems)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(_HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADS[1] if self.is_narrow else _HEADS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        problem = self.problems[index.row()]
        # A path may be broken after its dots, where there is a space without width.
        path = problem.path.replace(".", ".\u200b") or "the file"
        texts = (path, problem.message, problem.valid)
        text = "\n".join(filter(None, texts)) if self.is_narrow else texts[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(problem)
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return icon("circle-alert", "state:failed")
        if role == Qt.ItemDataRole.FontRole and index.column() == 0 and not self.is_narrow:
            return code_font()
        return None


class ProblemList(QWidget):
    """The problems, in the order of the document; a double click or Return leads to the field."""

    chosen = Signal(Problem)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = _Model()
        self.table = QTableView()
        self.table.setModel(self._model)
        self.table.setAccessibleName(self.tr("Problems"))
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(_ROW)
        head = self.table.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setHighlightSections(False)
        for column, mode in enumerate((QHeaderView.ResizeMode.Interactive, QHeaderView.ResizeMode.Stretch,
                                       QHeaderView.ResizeMode.Interactive)):  # fmt: skip
            head.setSectionResizeMode(column, mode)
        head.resizeSection(0, _PATH)
        head.resizeSection(2, 96)
        head.sectionResized.connect(self._on_resized)
        self.table.activated.connect(lambda index: self.chosen.emit(self._model.problems[index.row()]))
        self._stack = QStackedLayout(self)
        self._stack.addWidget(EmptyState(self.tr("Nothing is wrong: it can be run.")))
        self._stack.addWidget(self.table)

    @property
    def problems(self) -> Sequence[Problem]:
        """What is shown."""
        return self._model.problems

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show other problems; the selection stays on the row where it was."""
        row = self.table.currentIndex().row()
        self._model.show(problems)
        self._stack.setCurrentIndex(1 if problems else 0)
        self._fit_rows()
        if problems and row >= 0:
            self.table.selectRow(min(row, len(problems) - 1))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put what is said of a problem below each other where there is no room for columns."""
        super().resizeEvent(event)
        if self._model.is_narrow != (self.width() < _ROOM):
            row = self.table.currentIndex().row()
            self._model.is_narrow = not self._model.is_narrow
            self._model.show(self.problems)
            head = self.table.horizontalHeader()
            stretched = 0 if self._model.is_narrow else 1
            head.setSectionResizeMode(1 - stretched, QHeaderView.ResizeMode.Interactive)
            head.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
            for column in (1, 2):
                self.table.setColumnHidden(column, self._model.is_narrow)
            if not self._model.is_narrow:
                head.resizeSection(0, _PATH)
            if row >= 0:
                self.table.selectRow(row)
        self._fit_rows()

    def _on_resized(self, section: int, _old: int, _new: int) -> None:
        if section == 0:
            self._fit_rows()

    def _fit_rows(self) -> None:
        rows = self.table.verticalHeader()
        if self._model.is_narrow and len(self.problems) <= _MOST_MEASURED:
            self.table.resizeRowsToContents()
        else:
            for row in range(min(len(self.problems), _MOST_MEASURED)):
                rows.resizeSection(row, _ROW)

    def select(self, row: int) -> None:
        """Select a problem."""
        self.table.selectRow(row)

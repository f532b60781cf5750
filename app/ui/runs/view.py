"""How the table of runs looks and is worked: rows of one height, states with shape and word, small curves."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QTableView,
)

from app.ui.icons import icon
from app.ui.runs.cells import MARGIN, CellPainter
from app.ui.runs.columns import TREND
from app.ui.runs.columns_popup import ColumnsPopup
from app.ui.runs.model import RUN, RunsModel
from app.ui.runs.rows import Row
from app.ui.theme import height, theme
from app.ui.tokens import HEADER, ROW

#: How many runs are opened at once.
MOST_OPENED = 10
#: From this width on columns have the width that suits them (px).
_ROOM = 900
#: How many rows are measured for the width of a column.
_MOST_MEASURED = 1000
_STEPS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)


class RunsView(QTableView):
    """The table. ``opened`` tells that a run was double-clicked, or Enter was pressed on it."""

    opened = Signal(object)
    selection_changed = Signal()

    def __init__(self, model: RunsModel) -> None:
        super().__init__()
        self._model = model
        self._kept: list[Row] = []
        self._widths: dict[str, int] = {}
        self._has_room = True
        self._order: list[str] = []
        self.setModel(model)
        self._cells = CellPainter(self, model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Runs")
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setMinimumSectionSize(20)
        rows.setDefaultSectionSize(height(ROW))
        header = self.horizontalHeader()
        header.setFixedHeight(height(HEADER))
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.sectionClicked.connect(self._on_header_clicked)
        header.sectionHandleDoubleClicked.connect(self._fit)
        header.sectionResized.connect(self._on_resized)
        header.sectionMoved.connect(self._on_moved)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_header_menu)
        model.modelAboutToBeReset.connect(self._keep_selection)
        model.modelReset.connect(self._on_reset)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.data(RUN)))
        self.selectionModel().selectionChanged.connect(lambda *_: self.selection_changed.emit())
        theme().changed.connect(self.viewport().update)
        self._size_columns()

    @property
    def selected_rows(self) -> list[int]:
        """The numbers of the selected rows from top to bottom."""
        ranges = sorted((each.top(), each.bottom()) for each in self.selectionModel().selection().toList())
        return list(dict.fromkeys(chain.from_iterable(range(top, bottom + 1) for top, bottom in ranges)))

    @property
    def selected(self) -> list[Row]:
        """The selected runs from top to bottom."""
        return [self._model.run_at(row) for row in self.selected_rows]

    def select(self, path: Path) -> bool:
        """Select a run of ours alone and bring it into sight; return whether it is shown."""
        row = self._model.row_of(path)
        if row is None:
            return False
        # Not selectRow, which adds to the selection while Ctrl is held, as it is when Ctrl+Return starts a run.
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(self._model.index(row, 0), flags.ClearAndSelect | flags.Rows)
        self.scrollTo(self._model.index(row, 0))
        return True

    def column_widths(self) -> dict[str, int]:
        """Return the widths that the user gave to columns."""
        return dict(self._widths)

    def column_order(self) -> list[str]:
        """Return the ids of the columns from left to right, if the user has moved any."""
        return list(self._order)

    def arrange(self, widths: dict[str, int], order: list[str]) -> None:
        """Give columns the widths and the order that they had, also those that are shown later."""
        self._widths, self._order = dict(widths), list(order)
        self._size_columns()
        self._order_columns()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the cells that are to be drawn."""
        painter = QPainter(self.viewport())
        self._cells.paint(painter, event.rect())
        painter.end()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open with Enter; letters are for the page's keys, not for a search in the table."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            if not self.selected_rows and self.currentIndex().isValid():
                self.selectRow(self.currentIndex().row())  # the frame says that it is meant
            for row in self.selected_rows[:MOST_OPENED]:
                self.opened.emit(self._model.run_at(row))
        elif event.key() in _STEPS and not self.selectionModel().hasSelection() and self._model.rowCount():
            # What only got the focus has a current row that nobody sees: the first step shows where it is.
            self.selectRow(max(self.currentIndex().row(), 0))
        elif event.text().isalnum() and not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take less for what is no metric where there is little room."""
        if self._has_room != (event.size().width() >= _ROOM):
            self._has_room = not self._has_room
            self._size_columns()
        super().resizeEvent(event)  # which tells the scroll bars how wide all columns are

    def _size_columns(self) -> None:
        header = self.horizontalHeader()
        header.blockSignals(True)
        for section, column in enumerate(self._model.columns):
            width = column.width if self._has_room or not column.narrow else column.narrow
            header.resizeSection(section, self._widths.get(column.id, width))
        header.blockSignals(False)
        self._show_sorting()

    def _order_columns(self) -> None:
        header = self.horizontalHeader()
        header.blockSignals(True)
        ids = [column.id for column in self._model.columns]
        for place, id_ in enumerate(each for each in self._order if each in ids):
            header.moveSection(header.visualIndex(ids.index(id_)), place)
        header.blockSignals(False)

    def _on_moved(self, *_: int) -> None:
        header = self.horizontalHeader()
        self._order = [self._model.columns[header.logicalIndex(place)].id for place in range(header.count())]

    def _show_sorting(self) -> None:
        id_, descending = self._model.sorting
        ids = [column.id for column in self._model.columns]
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.horizontalHeader().setSortIndicator(ids.index(id_) if id_ in ids else -1, order)

    def _on_header_clicked(self, section: int) -> None:
        column = self._model.columns[section]
        if column.id == TREND:
            self._show_sorting()
            return
        id_, descending = self._model.sorting
        # The newest run, but the lowest loss, is what is looked for first.
        self._model.sort_by(column.id, descending=not descending if id_ == column.id else column.id == "started")
        self._show_sorting()

    def _on_resized(self, section: int, _old: int, new: int) -> None:
        self._widths[self._model.columns[section].id] = new

    def _fit(self, section: int) -> None:
        column = self._model.columns[section]
        metrics = self.fontMetrics()
        texts = [self._model.index(row, section).data() for row in range(min(self._model.rowCount(), _MOST_MEASURED))]
        widest = max((metrics.horizontalAdvance(text) for text in [column.title, *texts]), default=0)
        self.setColumnWidth(section, widest + 2 * MARGIN + (24 if column.id in ("state", "source") else 14))

    def _keep_selection(self) -> None:
        self._kept = [self._model.run_at(row) for row in self.selected_rows[:_MOST_MEASURED]]

    def _on_reset(self) -> None:
        self._size_columns()
        self._order_columns()
        flags = self.selectionModel().SelectionFlag.Select | self.selectionModel().SelectionFlag.Rows
        for row in self._model.rows_of(self._kept):
            if row is not None:
                self.selectionModel().select(self._model.index(row, 0), flags)

    def _show_header_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        section = self.horizontalHeader().logicalIndexAt(place)
        if 0 <= section < len(self._model.columns):
            column = self._model.columns[section]
            if column.id != TREND:
                up = menu.addAction(icon("arrow-up"), "Sort ascending")
                up.triggered.connect(lambda: self._sort(column.id, descending=False))
                down = menu.addAction(icon("arrow-down"), "Sort descending")
                down.triggered.connect(lambda: self._sort(column.id, descending=True))
            if column.id != "name":
                menu.addAction(icon("eye-off"), "Hide", lambda: self._hide(column.id))
            menu.addSeparator()
        menu.addAction(icon("columns-3"), "Choose columns…", lambda: self.choose_columns(place))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.horizontalHeader().mapToGlobal(place))

    def choose_columns(self, place: QPoint | None = None) -> None:
        """Show the list of all columns, at a place of the header or at its right end."""
        popup = ColumnsPopup(self, self._model)
        header = self.horizontalHeader()
        at = QPoint(header.width() - popup.width(), header.height()) if place is None else place
        popup.move(header.mapToGlobal(at))
        popup.show()

    def _sort(self, id_: str, *, descending: bool) -> None:
        self._model.sort_by(id_, descending=descending)
        self._show_sorting()

    def _hide(self, id_: str) -> None:
        self._model.choose_columns({column.id for column in self._model.columns} - {id_})

"""How the table of runs looks and is worked: rows of one height, states with shape and word, small curves."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import (
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from app.records.runs import Run
from app.ui.icons import icon
from app.ui.runs.model import ENDS_ACTIVE, RUN, TREND, TREND_COLUMN, RunsModel
from app.ui.theme import height, theme, tokens, ui_font
from app.ui.tokens import HEADER, ROW

_MARGIN = 8
_STEPS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Home, Qt.Key.Key_End)


class RunsView(QTableView):
    """The table. ``opened`` tells that a run was double-clicked, or Enter was pressed on it."""

    opened = Signal(object)
    selection_changed = Signal()

    def __init__(self, model: RunsModel) -> None:
        super().__init__()
        self._model = model
        self._kept: list[Path] = []
        self._widths: dict[str, int] = {}
        self.setModel(model)
        self.setItemDelegate(_CellDelegate(self))
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
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._show_header_menu)
        model.modelAboutToBeReset.connect(self._keep_selection)
        model.modelReset.connect(self._on_reset)
        self.doubleClicked.connect(lambda index: self.opened.emit(index.data(RUN)))
        self.selectionModel().selectionChanged.connect(lambda *_: self.selection_changed.emit())
        theme().changed.connect(self.viewport().update)
        self._size_columns()

    @property
    def selected(self) -> list[Run]:
        """The selected runs from top to bottom."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self._model.run_at(row) for row in rows]

    def select(self, path: Path) -> bool:
        """Select a run alone and bring it into sight; return whether it is shown."""
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
        """Return the ids of the columns from left to right."""
        header = self.horizontalHeader()
        return [self._model.columns[header.logicalIndex(place)].id for place in range(header.count())]

    def arrange(self, widths: dict[str, int], order: list[str]) -> None:
        """Give columns the widths and the order that they had."""
        self._widths = dict(widths)
        self._size_columns()
        header = self.horizontalHeader()
        ids = [column.id for column in self._model.columns]
        for place, id_ in enumerate(each for each in order if each in ids):
            header.moveSection(header.visualIndex(ids.index(id_)), place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open with Enter; letters are for the page's keys, not for a search in the table."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            for run in self.selected[:10]:
                self.opened.emit(run)
        elif event.key() in _STEPS and not self.selectionModel().hasSelection() and self._model.rowCount():
            # What only got the focus has a current row that nobody sees: the first step shows where it is.
            self.selectRow(max(self.currentIndex().row(), 0))
        elif event.text().isalnum() and not event.modifiers() & ~Qt.KeyboardModifier.ShiftModifier:
            event.ignore()
        else:
            super().keyPressEvent(event)

    def _size_columns(self) -> None:
        header = self.horizontalHeader()
        header.blockSignals(True)
        for section, column in enumerate(self._model.columns):
            header.resizeSection(section, self._widths.get(column.id, column.width))
        header.blockSignals(False)
        self._show_sorting()

    def _show_sorting(self) -> None:
        id_, descending = self._model.sorting
        ids = [column.id for column in self._model.columns]
        order = Qt.SortOrder.DescendingOrder if descending else Qt.SortOrder.AscendingOrder
        self.horizontalHeader().setSortIndicator(ids.index(id_) if id_ in ids else -1, order)

    def _on_header_clicked(self, section: int) -> None:
        column = self._model.columns[section]
        if column.id == TREND_COLUMN:
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
        texts = [column.text(self._model.run_at(row), 0.0) for row in range(min(self._model.rowCount(), 1000))]
        widest = max((metrics.horizontalAdvance(text) for text in [column.title, *texts]), default=0)
        self.setColumnWidth(section, widest + 2 * _MARGIN + (24 if column.id == "state" else 14))

    def _keep_selection(self) -> None:
        self._kept = [run.folder.path for run in self.selected]

    def _on_reset(self) -> None:
        self._size_columns()
        for path in self._kept:
            row = self._model.row_of(path)
            if row is not None:
                self.selectionModel().select(
                    self._model.index(row, 0),
                    self.selectionModel().SelectionFlag.Select | self.selectionModel().SelectionFlag.Rows,
                )

    def _show_header_menu(self, place: QPoint) -> None:
        menu = QMenu(self)
        section = self.horizontalHeader().logicalIndexAt(place)
        if 0 <= section < len(self._model.columns):
            column = self._model.columns[section]
            if column.id != TREND_COLUMN:
                up = menu.addAction(icon("arrow-up"), "Sort ascending")
                up.triggered.connect(lambda: self._sort(column.id, descending=False))
                down = menu.addAction(icon("arrow-down"), "Sort descending")
                down.triggered.connect(lambda: self._sort(column.id, descending=True))
            if column.id != "name":
                menu.addAction(icon("eye-off"), "Hide", lambda: self._hide(column.id))
            menu.addSeparator()
        self.fill_columns_menu(menu)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.horizontalHeader().mapToGlobal(place))

    def fill_columns_menu(self, menu: QMenu) -> None:
        """Add an entry for every column, ticked where it is shown."""
        shown = {column.id for column in self._model.columns}
        for column in self._model.available_columns:
            action = menu.addAction(column.title)
            action.setCheckable(True)
            action.setChecked(column.id in shown)
            action.setEnabled(column.id != "name")
            action.triggered.connect(lambda _checked=False, id_=column.id: self._model.choose_columns(shown ^ {id_}))
        menu.addSeparator()
        menu.addAction("Choose by themselves", lambda: self._model.choose_columns(None))

    def _sort(self, id_: str, *, descending: bool) -> None:
        self._model.sort_by(id_, descending=descending)
        self._show_sorting()

    def _hide(self, id_: str) -> None:
        self._model.choose_columns({column.id for column in self._model.columns} - {id_})


class _CellDelegate(QStyledItemDelegate):
    """Draws a cell in the tokens of the theme."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = tokens()
        view = self.parent()
        assert isinstance(view, RunsView)
        model = index.model()
        assert isinstance(model, RunsModel)
        box = QRect(option.rect)
        column = model.columns[index.column()]
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if selected:
            painter.fillRect(box, QColor(colours.soft))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(box, QColor(colours.hover))
        if selected and view.horizontalHeader().visualIndex(index.column()) == 0:
            painter.fillRect(QRect(box.x(), box.y(), 3, box.height()), QColor(colours.accent_text))
        painter.setPen(QColor(colours.edge if index.data(ENDS_ACTIVE) else colours.line))
        painter.drawLine(box.bottomLeft(), box.bottomRight())
        inner = box.adjusted(_MARGIN, 0, -_MARGIN, 0)
        if column.id == TREND_COLUMN:
            self._paint_trend(painter, inner, index, selected)
        else:
            self._paint_text(painter, inner, index, column.id, is_number=column.is_number)
        if option.state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QColor(colours.accent_text))
            painter.drawRect(box.adjusted(0, 0, -1, -1))
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(80, height(ROW))

    def _paint_text(
        self,
        painter: QPainter,
        box: QRect,
        index: QModelIndex | QPersistentModelIndex,
        column: str,
        *,
        is_number: bool,
    ) -> None:
        colours = tokens()
        run: Run = index.data(RUN)
        sign = index.data(Qt.ItemDataRole.DecorationRole)
        if sign is not None:
            sign.paint(painter, QRect(box.x(), box.center().y() - 6, 14, 14))
            box = box.adjusted(20, 0, 0, 0)
        ink = colours.text2 if column in ("experiment", "started", "time") else colours.text
        painter.setPen(QColor(colours.state(run.state).ink if column == "state" else ink))
        painter.setFont(ui_font(weight=500 if column.startswith("best:") else 400))
        mode = Qt.TextElideMode.ElideMiddle if column == "name" else Qt.TextElideMode.ElideRight
        text = painter.fontMetrics().elidedText(index.data(), mode, box.width())
        side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, text)

    def _paint_trend(
        self, painter: QPainter, box: QRect, index: QModelIndex | QPersistentModelIndex, selected: bool
    ) -> None:
        from app.ui.charts.sparkline import paint_sparkline

        values = index.data(TREND)
        if values:
            colour = tokens().text2 if selected else tokens().series[0]
            paint_sparkline(painter, QRectF(box).adjusted(0, 6, 0, -6), values, QColor(colour))

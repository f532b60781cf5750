"""The log of a run: levels, search, and the end of it as it grows."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QFontMetrics,
    QGuiApplication,
    QHideEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QToolButton,
    QVBoxLayout,
)

from app.ui import formats
from app.ui.controls import icon_button, label
from app.ui.icons import icon, pixmap
from app.ui.run.log_index import DEBUG, ERROR, INFO, WARNING
from app.ui.run.log_model import COMPONENT, LEVEL, MESSAGE, TIME, Index, LevelRole, LogModel
from app.ui.theme import code_font, theme, tokens

#: A log that grows is looked at this often (ms).
_LOOK_EVERY = 400
#: Columns are as wide as so many letters; a message is no wider than this.
_COLUMNS = {TIME: 14, LEVEL: 12, COMPONENT: 14}
_MOST_LETTERS = 1000
_SIGNS = {WARNING: ("triangle-alert", "paused"), ERROR: ("circle-x", "failed")}


class LogView(QFrame):
    """The log of one run; it is read only while it can be seen."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.setProperty("kind", "content")
        self._is_growing = True
        self._is_scrolling = False
        self._wants_error = False
        self._hit = -1
        self.model = LogModel(path, self)
        self.model.read.connect(self._on_read)
        self.model.grown.connect(self._on_grown)
        self.model.found.connect(self._on_found)
        self.table = _LogTable(self.model)
        self.table.verticalScrollBar().valueChanged.connect(self._on_scrolled)
        # A bar that appears below and a splitter that is moved take lines from the end too.
        self.table.verticalScrollBar().rangeChanged.connect(self._stay_at_the_end)
        self._levels = QButtonGroup(self)
        self._segments = {level: self._segment(level) for level in (DEBUG, INFO, WARNING, ERROR)}
        # What libraries chatter at every checkpoint is there for who asks.
        self.model.level = INFO
        self._segments[INFO].setChecked(True)
        self._levels.idClicked.connect(self._choose_level)
        self._typing = QTimer(self, interval=150, singleShot=True)
        self._typing.timeout.connect(self._search)
        self.query = QLineEdit()
        self.query.setPlaceholderText(self.tr("Find in the log"))
        self.query.setAccessibleName(self.tr("Find in the log"))
        self.query.addAction(icon("search", "text3"), QLineEdit.ActionPosition.LeadingPosition)
        self.query.setClearButtonEnabled(True)
        self.query.setMinimumWidth(120)
        self.query.setMaximumWidth(260)
        self.query.textChanged.connect(lambda _: self._typing.start())
        self.query.returnPressed.connect(self.next_hit)
        self._place = label("", "muted")
        self._previous = icon_button("chevron-up", self.tr("Previous hit (Shift+Return)"), self.previous_hit)
        self._next = icon_button("chevron-down", self.tr("Next hit (Return)"), self.next_hit)
        self.follow = QCheckBox(self.tr("Follow"))
        self.follow.setToolTip(self.tr("Stay at the end as the log grows"))
        self.follow.setChecked(True)
        self.follow.toggled.connect(lambda _: self._stay_at_the_end())
        self._timer = QTimer(self, interval=_LOOK_EVERY)
        self._timer.timeout.connect(self.model.look)
        theme().changed.connect(self.table.viewport().update)
        self._lay_out()
        self._on_found()
        self._show_counts()

    def _segment(self, level: int) -> QToolButton:
        found = QToolButton()
        found.setProperty("kind", "segment")
        found.setCheckable(True)
        found.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._levels.addButton(found, level)
        return found

    def _lay_out(self) -> None:
        bar = QFrame()
        bar.setProperty("kind", "toolbar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 5, 12, 5)
        row.setSpacing(8)
        row.addWidget(label(self.tr("Log"), "heading"))
        levels = QHBoxLayout()
        levels.setSpacing(0)
        for segment in self._segments.values():
            levels.addWidget(segment)
        row.addLayout(levels)
        row.addWidget(self.query, 1)
        for widget in (self._place, self._previous, self._next):
            row.addWidget(widget)
        row.addStretch(0)
        row.addWidget(self.follow)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(bar)
        column.addWidget(self.table, 1)

    # What is shown

    def set_growing(self, is_growing: bool) -> None:
        """Say whether more will come."""
        self._is_growing = is_growing
        self.follow.setVisible(is_growing)
        if not is_growing:
            self._timer.stop()
            self.model.look()
        elif self.isVisible():
            self._timer.start()

    def show_last_error(self) -> None:
        """Show the last entry of the level ERROR, else the end, as soon as all has been read."""
        self.follow.setChecked(False)
        self._wants_error = True
        self.model.look()

    def _on_read(self) -> None:
        if not self._wants_error:
            return
        self._wants_error = False
        row = self.model.last_row(ERROR)
        if row is None:
            self.table.scrollToBottom()
        else:
            self._go_to(row)
        self.table.setFocus()

    def begin_search(self) -> None:
        """Give the keyboard to the search."""
        self.query.setFocus()
        self.query.selectAll()

    def _choose_level(self, level: int) -> None:
        self._is_scrolling = True
        self.model.show_from(level)
        self._is_scrolling = False
        self._stay_at_the_end()

    def _on_grown(self) -> None:
        self._show_counts()
        self.table.fit_columns()
        self._stay_at_the_end()

    def _show_counts(self) -> None:
        names = {DEBUG: "Debug", INFO: "Info", WARNING: "Warning", ERROR: "Error"}
        for level, segment in self._segments.items():
            count = self.model.entries(level) if level >= WARNING else 0
            segment.setText(f"{names[level]} {formats.count(count)}" if count else names[level])
            segment.setToolTip(self.tr("Entries of the level {0} and above").format(names[level].upper()))

    def _stay_at_the_end(self) -> None:
        if self.follow.isChecked() and self._is_growing:
            self._is_scrolling = True
            self.table.scrollToBottom()
            self._is_scrolling = False

    def _on_scrolled(self, value: int) -> None:
        if not self._is_scrolling and self._is_growing:
            self.follow.setChecked(value >= self.table.verticalScrollBar().maximum())

    # Search

    def _search(self) -> None:
        self._hit = -1
        self.model.search(self.query.text())

    def _on_found(self) -> None:
        hits = self.model.hits()
        wants = bool(self.model.query)
        for widget in (self._place, self._previous, self._next):
            widget.setVisible(wants)
        if wants and self._hit < 0 and len(hits):
            self._show_hit(0)
        place = self._hit + 1 if 0 <= self._hit < len(hits) else 0
        text = self.tr("{0} of {1}").format(formats.count(place), formats.count(len(hits)))
        self._place.setText(text if len(hits) else self.tr("nothing"))
        self.table.set_query(self.model.query)

    def next_hit(self) -> None:
        """Show the next line that holds what is looked for; after the last comes the first."""
        self._step(1)

    def previous_hit(self) -> None:
        """Show the line before that holds what is looked for."""
        self._step(-1)

    def _step(self, by: int) -> None:
        if self._typing.isActive():
            self._typing.stop()
            self._search()
        hits = self.model.hits()
        if len(hits):
            self._show_hit((self._hit + by) % len(hits))
            self._on_found()

    def _show_hit(self, hit: int) -> None:
        self._hit = hit
        self.follow.setChecked(False)
        self._go_to(int(self.model.hits()[hit]))

    def _go_to(self, row: int) -> None:
        self._is_scrolling = True
        # Not the message: whatever becomes current is scrolled into view, which takes time and level out of it.
        index = self.model.index(row, TIME)
        self.table.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)
        self.table.setCurrentIndex(index)
        self._is_scrolling = False

    # Qt

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape ends the search, Shift+Return goes back."""
        if event.key() == Qt.Key.Key_Escape and self.query.hasFocus():
            self.query.clear()
            self.table.setFocus()
        elif (
            event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            self.previous_hit()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        """Read what came meanwhile, and go on reading while it grows."""
        super().showEvent(event)
        self.model.look()
        if self._is_growing:
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Read nothing while nobody looks."""
        super().hideEvent(event)
        self._timer.stop()


class _LogTable(QTableView):
    """The lines; Ctrl+C copies those that are selected as they stand in the file."""

    def __init__(self, model: LogModel) -> None:
        super().__init__()
        self._lines = model
        self.setModel(model)
        self._delegate = _LineDelegate(self)
        self.setItemDelegate(self._delegate)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName(self.tr("Log"))
        self.horizontalHeader().hide()
        self.horizontalHeader().setMinimumSectionSize(0)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(rows.ResizeMode.Fixed)
        rows.setMinimumSectionSize(0)
        rows.setDefaultSectionSize(QFontMetrics(code_font()).height() + 3)
        self.fit_columns()

    def set_query(self, query: str) -> None:
        self._delegate.query = query
        self.viewport().update()

    def fit_columns(self) -> None:
        letter = QFontMetrics(code_font()).horizontalAdvance("0")
        for column, letters in _COLUMNS.items():
            self.setColumnWidth(column, letters * letter + (12 if column == TIME else 0))
        left = sum(self.columnWidth(column) for column in _COLUMNS)
        needed = min(self._lines.longest, _MOST_LETTERS) * letter + 16
        self.setColumnWidth(MESSAGE, max(self.viewport().width() - left, needed - left))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_columns()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            spans = sorted((span.top(), span.bottom() + 1) for span in self.selectionModel().selection().toList())
            rows = itertools.chain.from_iterable(range(*span) for span in spans)
            QGuiApplication.clipboard().setText(self._lines.text(rows))
        else:
            super().keyPressEvent(event)


class _LineDelegate(QStyledItemDelegate):
    """Draws a cell: warnings and errors tinted and with their sign, hits marked."""

    query = ""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        colours = tokens()
        level = index.data(LevelRole)
        rect: QRect = option.rect
        is_selected = bool(option.state & QStyle.StateFlag.State_Selected)
        sign = _SIGNS.get(level)
        if is_selected:
            painter.fillRect(rect, QColor(colours.soft))
        elif sign is not None:
            painter.fillRect(rect, QColor(colours.state(sign[1]).tint))
        text = str(index.data() or "")
        if not text:
            return
        column = index.column()
        left = rect.left() + (12 if column == TIME else 0)
        ink = (
            colours.text if column == MESSAGE and level != DEBUG else colours.text3 if level == DEBUG else colours.text2
        )
        if column == LEVEL and sign is not None:
            ink = colours.state(sign[1]).ink
            ratio = painter.device().devicePixelRatioF()
            painter.drawPixmap(left, rect.top() + (rect.height() - 14) // 2, pixmap(sign[0], ink, 14, ratio))
            left += 20
        painter.setFont(code_font(12, 600 if column == LEVEL and sign is not None else 400))
        metrics = painter.fontMetrics()
        box = QRect(left, rect.top(), rect.right() - left - 4, rect.height())
        if self.query and column == MESSAGE:
            for match in re.finditer(re.escape(self.query), text, re.IGNORECASE):
                begin = left + metrics.horizontalAdvance(text[: match.start()])
                wide = metrics.horizontalAdvance(match[0])
                painter.fillRect(QRect(begin - 1, rect.top() + 1, wide + 2, rect.height() - 2), QColor(colours.diff))
        painter.setPen(QColor(ink))
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(0, 0)

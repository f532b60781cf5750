"""The first samples of some data: rows of a table under their types, images, or the beginnings of texts."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QFontMetrics, QIcon, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QListWidget, QListWidgetItem, QMenu, QTableView, QWidget

from app.config.guessing import possible_tasks
from app.config.survey import ColumnFacts, ColumnKind, Survey
from app.ui.icons import icon
from app.ui.theme import code_font, theme, tokens, ui_font

Index = QModelIndex | QPersistentModelIndex

#: What a column can be taken for by hand, in the order of the menu.
KINDS: tuple[ColumnKind, ...] = ("number", "category", "ordinal", "boolean", "date", "text")
_HEAD, _LOW_HEAD, _NARROWEST, _WIDEST, _PAD = 46, 28, 84, 260, 8
_THUMBNAIL = 96


class SampleModel(QAbstractTableModel):
    """Rows of texts; ``muted`` columns are left out, each with the reason, ``below`` are the types under the names."""

    def __init__(self, header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> None:
        super().__init__()
        self.header, self._rows = header, rows
        self.muted: Mapping[str, str] = {}
        self.below: Mapping[int, str] = {}
        self.target = ""

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - an empty index is a constant
        """Return the number of rows."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(self.header)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the name of a column, with what it is taken for, or why it is left out."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name, below = self.header[section], self.below.get(section, "")
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{name}, {below}" if below else name
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{name}: {self.muted.get(name, below)}" if below else name
        return name if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return a value, or how it looks."""
        value = self._rows[index.row()][index.column()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            shown = "missing" if value is None else value
            return shown.replace("\n", " ") if role == Qt.ItemDataRole.DisplayRole else shown
        name = self.header[index.column()]
        if role == Qt.ItemDataRole.ForegroundRole and (value is None or name in self.muted):
            return QColor(tokens().text3)
        if role == Qt.ItemDataRole.BackgroundRole and name == self.target:
            return QColor(tokens().soft)
        return code_font() if role == Qt.ItemDataRole.FontRole else None


class TypeHeader(QHeaderView):
    """The head of the columns: the name, and below it what the column is taken for; a click asks for something else."""

    asked = Signal(int)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._below: Mapping[int, str] = {}
        self._target, self._muted = -1, frozenset[int]()
        self.setSectionsClickable(True)
        self.setHighlightSections(False)
        self.sectionClicked.connect(self.asked)
        theme().changed.connect(self.viewport().update)

    def show_types(self, below: Mapping[int, str], target: int, muted: frozenset[int]) -> None:
        """Show other types."""
        is_higher = bool(below) != bool(self._below)
        self._below, self._target, self._muted = below, target, muted
        if is_higher:
            self.updateGeometry()
            self.geometriesChanged.emit()
        self.viewport().update()

    def sizeHint(self) -> QSize:
        """Return room for two lines where there are types."""
        return QSize(super().sizeHint().width(), _HEAD if self._below else _LOW_HEAD)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Show a hand where a click asks."""
        super().mouseMoveEvent(event)
        if self.cursor().shape() != Qt.CursorShape.SplitHCursor:
            self.viewport().setCursor(Qt.CursorShape.PointingHandCursor)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:
        """Draw the name, the type, and a sign that it can be changed."""
        colours = tokens()
        is_target, is_muted = logicalIndex == self._target, logicalIndex in self._muted
        painter.save()
        painter.fillRect(rect, QColor(colours.soft if is_target else colours.alt))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, QColor(colours.line))
        painter.fillRect(rect.right(), rect.top(), 1, rect.height(), QColor(colours.line))
        model = self.model()
        name = str(model.headerData(logicalIndex, Qt.Orientation.Horizontal)) if model is not None else ""
        box = rect.adjusted(_PAD, 5, -_PAD, -5)
        painter.setFont(ui_font(13, 600 if is_target else 500))
        painter.setPen(QColor(colours.text3 if is_muted else colours.text))
        top = QRect(box.left(), box.top(), box.width(), box.height() // (2 if self._below else 1))
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(top, flags, painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, top.width()))
        painter.setFont(ui_font(12))
        painter.setPen(QColor(colours.accent_text if is_target else colours.text3 if is_muted else colours.text2))
        bottom = QRect(box.left(), top.bottom() + 1, box.width() - 16, box.height() // 2)
        below = self._below.get(logicalIndex, "")
        painter.drawText(
            bottom, flags, painter.fontMetrics().elidedText(below, Qt.TextElideMode.ElideRight, bottom.width())
        )
        if below:
            icon("chevron-down", "text3").paint(painter, box.right() - 13, bottom.top() + 2, 14, 14)
        painter.restore()


class SampleTable(QTableView):
    """The first rows; the head of each column tells its type, and whether it is learned, used or left out.

    ``kind_chosen``, ``target_chosen`` and ``use_chosen`` tell what the user wants instead.
    """

    kind_chosen = Signal(str, str)
    target_chosen = Signal(str)
    use_chosen = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._survey: Survey | None = None
        self._left_out: Mapping[str, str] = {}
        self._target = ""
        self.setProperty("kind", "cells")
        self.setAccessibleName(self.tr("First rows"))
        self.setAccessibleDescription(self.tr("The menu key changes what the column is taken for"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ContiguousSelection)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.head = TypeHeader(self)
        self.setHorizontalHeader(self.head)
        self.head.asked.connect(lambda section: self._ask(section, self._below_head(section)))
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(26)

    def show_survey(self, survey: Survey, *, last_grows: bool = False) -> None:
        """Show other samples."""
        self._survey = survey
        self.setModel(SampleModel(survey.header, survey.samples))
        self.head.setStretchLastSection(last_grows)
        code, plain = QFontMetrics(code_font()), QFontMetrics(ui_font(13, 600))
        columns = {column.name: column for column in survey.columns}
        for section, name in enumerate(survey.header):
            column = columns.get(name)
            below = f"{column.kind} · {column.missing:,} missing" if column and column.missing else ""
            texts = [plain.horizontalAdvance(name) + 2 * _PAD, plain.horizontalAdvance(below) + 2 * _PAD + 10]
            texts += [code.horizontalAdvance((row[section] or "")[:60]) + 28 for row in survey.samples[:20]]
            self.setColumnWidth(section, min(max(_NARROWEST, *texts), _WIDEST))

    def show_choice(self, columns: Sequence[ColumnFacts], target: str, left_out: Mapping[str, str]) -> None:
        """Show what each column is taken for; ``left_out`` are names with the reason."""
        model = self.model()
        if not isinstance(model, SampleModel):
            return
        self._left_out, self._target = left_out, target
        named = {column.name: column for column in columns}
        below: dict[int, str] = {}
        for section, name in enumerate(model.header):
            if (column := named.get(name)) is not None:
                below[section] = self._words_for(column)
        model.muted, model.target, model.below = left_out, target, below
        muted = frozenset(section for section, name in enumerate(model.header) if name in left_out)
        at = list(model.header).index(target) if target in model.header else -1
        self.head.show_types(below, at, muted)
        self.viewport().update()

    def menu_of(self, section: int) -> QMenu | None:
        """Return the menu of a column: its types, and what it is for."""
        model = self.model()
        if self._survey is None or not isinstance(model, SampleModel):
            return None
        column = self._survey.column(model.header[section])
        if column is None or column.kind == "other":
            return None
        return self._menu(column)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Ask what the column is, at the mouse or, by the menu key, at the current cell."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        section = self.currentIndex().column() if by_key else self.columnAt(event.pos().x())
        if section >= 0:
            self._ask(section, self._below_head(section) if by_key else event.globalPos())

    def _words_for(self, column: ColumnFacts) -> str:
        if column.name == self._target:
            words = self.tr("target")
        elif column.name in self._left_out:
            return self.tr("left out")
        else:
            words = column.kind
        return f"{words} · {column.missing:,} missing" if column.missing else words

    def _below_head(self, section: int) -> QPoint:
        return self.head.viewport().mapToGlobal(QPoint(self.head.sectionViewportPosition(section), self.head.height()))

    def _ask(self, section: int, place: QPoint) -> None:
        menu = self.menu_of(section)
        if menu is not None:
            menu.aboutToHide.connect(menu.deleteLater)
            menu.popup(place)

    def _menu(self, column: ColumnFacts) -> QMenu:
        menu = QMenu(self)
        name = column.name
        if name in self._left_out:
            why = menu.addAction(self.tr("Left out: {0}").format(self._left_out[name]))
            why.setEnabled(False)
            menu.addSeparator()
        for kind in KINDS:
            action = menu.addAction(kind.capitalize(), partial(self.kind_chosen.emit, name, kind))
            action.setCheckable(True)
            action.setChecked(column.kind == kind)
        menu.addSeparator()
        if name != self._target:
            learn = menu.addAction(self.tr("Learn this column"), lambda: self.target_chosen.emit(name))
            learn.setEnabled(bool(possible_tasks(column)))
            used = name not in self._left_out
            menu.addAction(
                self.tr("Leave it out") if used else self.tr("Use it"), lambda: self.use_chosen.emit(name, not used)
            )
        return menu

    def set_kinds(self, survey: Survey) -> None:
        """Take the columns from a survey whose kinds were corrected."""
        self._survey = survey


class Gallery(QListWidget):
    """Some images with their class below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setViewMode(QListWidget.ViewMode.IconMode)
        self.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.setMovement(QListWidget.Movement.Static)
        self.setIconSize(QSize(_THUMBNAIL, _THUMBNAIL))
        self.setGridSize(QSize(_THUMBNAIL + 28, _THUMBNAIL + 36))
        self.setUniformItemSizes(True)
        self.setViewportMargins(8, 12, 8, 0)
        self.setAccessibleName(self.tr("Some images"))

    def show_images(self, samples: Sequence[Sequence[Any]]) -> None:
        """Show images: class, PNG in base64 and file of each."""
        self.clear()
        for name, encoded, file in samples:
            pixmap = QPixmap()
            pixmap.loadFromData(base64.b64decode(encoded))
            if not pixmap.isNull():  # pixels that are few are to be seen as such
                few = max(pixmap.width(), pixmap.height()) < _THUMBNAIL // 2
                how = Qt.TransformationMode.FastTransformation if few else Qt.TransformationMode.SmoothTransformation
                pixmap = pixmap.scaled(_THUMBNAIL, _THUMBNAIL, Qt.AspectRatioMode.KeepAspectRatio, how)
            item = QListWidgetItem(QIcon(pixmap), name)
            item.setToolTip(file or name)
            self.addItem(item)

"""The tree of the sidebar: headings, rows that show runs or open a config, what each holds at its right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QStandardItem
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView

from app.ui import formats
from app.ui.icons import icon
from app.ui.theme import height, tokens, ui_font
from app.ui.tokens import CAPTION, TREE_ROW

#: Roles of the items: what kind of row it is, what it stands for, the text at its right, whether something is wrong,
#: the added folder that it is of.
KIND, WHAT, COUNT, PROBLEMS, FOLDER = (Qt.ItemDataRole.UserRole + number for number in range(5))
#: The room of the sign that opens and closes a row, left of its icon (px).
_SIGN = 10
_MARGIN = 12


class SidebarTree(QTreeView):
    """Rows that are opened by a click or Enter; headings cannot be chosen."""

    chosen = Signal(QModelIndex)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "sidebar")
        self.setHeaderHidden(True)
        self.setRootIsDecorated(False)
        self.setIndentation(16)
        self.setUniformRowHeights(True)
        self.setEditTriggers(QTreeView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_RowDelegate(self))
        self.setAccessibleName("Experiments, configs and trackings")
        self.clicked.connect(self._on_clicked)
        self.activated.connect(self._on_activated)

    def chosen_row(self) -> Any:
        """Return what the current row is found again by."""
        return _identity(self.currentIndex())

    def opened_rows(self) -> set[Any]:
        """Return what the rows are found again by whose rows below them are shown."""
        return {_identity(index) for index in self._indexes() if self.isExpanded(index)}

    def restore_rows(self, chosen: Any, opened: set[Any]) -> None:
        """Choose and open the rows again that were so before the model was filled anew."""
        for index in self._indexes():
            # What a source holds is opened on demand: most people have one.
            if _identity(index) in opened:
                self.setExpanded(index, True)
            if index.data(WHAT) is not None and _identity(index) == chosen:
                self.setCurrentIndex(index)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Open or close a row by its sign, without choosing it."""
        place = event.position().toPoint()
        index = self.indexAt(place)
        if index.isValid() and self._sign_box(index).contains(place) and index.model().hasChildren(index):
            self.setExpanded(index, not self.isExpanded(index))
            return
        super().mousePressEvent(event)

    def drawBranches(self, painter: QPainter, rect: QRect, index: QModelIndex | QPersistentModelIndex) -> None:
        """Draw nothing: the rows have their own sign."""

    def _sign_box(self, index: QModelIndex) -> QRect:
        box = self.visualRect(index)
        return QRect(box.x(), box.y(), _MARGIN, box.height())

    def _indexes(self, parent: QModelIndex | None = None) -> Iterator[QModelIndex]:
        model = self.model()
        parent = QModelIndex() if parent is None else parent
        for number in range(model.rowCount(parent) if model is not None else 0):
            index = model.index(number, 0, parent)
            yield index
            yield from self._indexes(index)

    def _on_clicked(self, index: QModelIndex) -> None:
        if index.data(KIND) == "config":  # it is opened by a double click, as in a file manager
            return
        if index.data(WHAT) is not None:
            self.setExpanded(index, True)
            self.chosen.emit(index)
        else:
            self.setExpanded(index, not self.isExpanded(index))

    def _on_activated(self, index: QModelIndex) -> None:
        if index.data(WHAT) is not None:
            self.chosen.emit(index)


def _identity(index: QModelIndex) -> Any:
    return index.data(KIND), index.data(WHAT), index.data()


class _RowDelegate(QStyledItemDelegate):
    """Draws a heading, a sentence, or icon, text and count."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(80, height(TREE_ROW))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        colours = tokens()
        box = QRect(option.rect)
        kind = index.data(KIND)
        painter.save()
        view = option.widget
        whole = QRect(0, box.y(), view.width() if view else box.width(), box.height())
        if kind in ("heading", "sentence"):
            painter.setFont(ui_font(CAPTION, 600) if kind == "heading" else ui_font(12))
            painter.setPen(QColor(colours.text3))
            inner = box.adjusted(12, 0, -8, 0)
            text = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideRight, inner.width())
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
            painter.restore()
            return
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(whole, QColor(colours.soft))
            painter.fillRect(QRect(0, whole.y(), 2, whole.height()), QColor(colours.accent_text))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(whole, QColor(colours.hover))
        inner = box.adjusted(_MARGIN, 0, -_MARGIN, 0)
        if index.model().hasChildren(index):
            is_open = isinstance(view, QTreeView) and view.isExpanded(index)
            name = "chevron-down" if is_open else "chevron-right"
            icon(name, "text3").paint(painter, QRect(box.x() + 1, inner.center().y() - 4, _SIGN, _SIGN))
        sign = index.data(Qt.ItemDataRole.DecorationRole)
        sign.paint(painter, QRect(inner.x(), inner.center().y() - 6, 14, 14))
        amount = index.data(COUNT) or ""
        if index.data(PROBLEMS):
            icon("triangle-alert", "text3").paint(painter, QRect(inner.right() - 13, inner.center().y() - 6, 14, 14))
            inner = inner.adjusted(0, 0, -18, 0)
        painter.setFont(ui_font(12))
        painter.setPen(QColor(colours.text3))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, amount)
        room = inner.adjusted(22, 0, -painter.fontMetrics().horizontalAdvance(amount) - 8, 0)
        painter.setFont(ui_font())
        painter.setPen(QColor(colours.text))
        text = painter.fontMetrics().elidedText(index.data(), Qt.TextElideMode.ElideMiddle, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        if state & QStyle.StateFlag.State_HasFocus and view is not None and view.hasFocus():
            painter.setPen(QColor(colours.accent_text))
            painter.drawRect(whole.adjusted(0, 0, -1, -1))
        painter.restore()


def heading(text: str) -> QStandardItem:
    """Return the row of a heading."""
    item = QStandardItem(text)
    item.setData("heading", KIND)
    item.setFlags(Qt.ItemFlag.NoItemFlags)  # keys pass over it
    return item


def sentence(text: str) -> QStandardItem:
    """Return a row that says something."""
    item = heading(text)
    item.setData("sentence", KIND)
    item.setToolTip(text)
    return item


def row(
    icon_name: str, text: str, kind: str, what: Any, amount: str = "", tip: str = "", problems: Sequence[str] = ()
) -> QStandardItem:
    """Return a row.

    Args:
        icon_name: its icon.
        text: what it is called.
        kind: what sort of row it is.
        what: what is shown when it is chosen, None where it only opens.
        amount: the text at its right.
        tip: what its tooltip says, its text where that is "".
        problems: what is wrong with it, a sentence each.
    """
    item = QStandardItem(icon(icon_name), text)
    item.setData(kind, KIND)
    item.setData(what, WHAT)
    item.setData(amount, COUNT)
    item.setData(bool(problems), PROBLEMS)
    item.setToolTip("\n".join((tip or text, *problems)))
    said = ", ".join(
        part for part in (text, amount, formats.plural(len(problems), "problem") if problems else "") if part
    )
    item.setAccessibleText(said)
    return item

"""The lists of the form: layers, metrics, transformers, callbacks, trackers; their rows are moved, doubled, removed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QMouseEvent, QPalette, QShortcut
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.config.problems import Problem
from app.ui.controls import Sign, button, icon_button, label, line
from app.ui.editor.chooser import choose
from app.ui.editor.components import ComponentRow
from app.ui.editor.document import ConfigDocument, Path
from app.ui.editor.fields import CHOICE
from app.ui.editor.rows import Row, place_beside
from app.ui.editor.values import show
from app.ui.icons import icon

#: Rows that are made at once; the rest of a long list follows, some at a time, while the form is shown already.
_AT_ONCE, _AT_A_TIME = 12, 1


class _Handle(Sign):
    """What a row is dragged by."""

    dragged = Signal(QPoint)
    dropped = Signal()

    def __init__(self) -> None:
        super().__init__(icon("grip-vertical", "text3"))
        self.setCursor(Qt.CursorShape.SizeVerCursor)
        self.setToolTip(self.tr("Drag to reorder (Alt+Up, Alt+Down)"))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell where it is dragged."""
        self.dragged.emit(event.globalPosition().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell that it was let go."""
        self.dropped.emit()


class ListedRow(ComponentRow):
    """A component in a list."""

    _indent = 50

    copy_requested = Signal()
    removal_requested = Signal()

    def __init__(self, document: ConfigDocument, path: Path, kind: str, parent: QWidget) -> None:
        self.handle = _Handle()
        self._number = label("", "secondary")
        self._number.setFixedWidth(18)
        self._number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        super().__init__(document, path, kind, parent)

    def refresh(self) -> None:
        """Show what the document has now, and which item it is."""
        self._number.setText(str(int(self.path[-1]) + 1))
        super().refresh()

    def _fill_line(self, line: QHBoxLayout) -> None:
        for widget in (self.handle, self._number):
            line.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        line.setSpacing(6)
        super()._fill_line(line)
        line.addSpacing(2)
        line.addWidget(icon_button("copy", self.tr("Duplicate"), self.copy_requested.emit))
        line.addWidget(icon_button("trash-2", self.tr("Remove"), self.removal_requested.emit))

    def _lay_out(self, content: QWidget) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        content.setContentsMargins(4, 3, 8, 2)
        column.addWidget(content)
        self.messages.setContentsMargins(self._indent, 0, 0, 0)
        column.addWidget(self.messages)
        column.addWidget(line())


class ListRow(Row):
    """A list of components: its rows, and a button that adds one."""

    def __init__(self, document: ConfigDocument, path: Path, kind: str, title: str, parent: QWidget) -> None:
        super().__init__(document, path, parent)
        headed = kind == "layer"
        self.kind = kind
        self.rows: list[ListedRow] = []
        self.box = QFrame(self)
        self.box.setProperty("kind", "panel")
        column = QVBoxLayout(self.box)
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        if headed:
            column.addWidget(_header())
            column.addWidget(line())
        self._column = QVBoxLayout()
        self._column.setSpacing(0)
        column.addLayout(self._column)
        self._by_output = label("", "secondary", selectable=True)
        self._by_output.setWordWrap(True)
        self._by_output.setContentsMargins(12, 6, 12, 6)
        self._by_output.hide()
        column.addWidget(self._by_output)
        column.addWidget(self._footer())
        self._rest = QTimer(self, singleShot=True, interval=0)
        self._rest.timeout.connect(lambda: self._show_rows(len(self.rows) + _AT_A_TIME))
        self._known: dict[int, list[Problem]] = {}
        self._gap = 0
        self._mark = QWidget(self.box)
        self._mark.setAutoFillBackground(True)
        self._mark.setBackgroundRole(QPalette.ColorRole.Highlight)
        self._mark.hide()
        if headed:
            own = QVBoxLayout(self)
            own.setContentsMargins(0, 0, 0, 0)
            own.addWidget(self.box)
            own.addWidget(self.messages)
        else:
            place_beside(self, title, self.box, self.messages)
        self.setAccessibleName(title)
        # A shortcut comes before the list that Alt+Down would open in a box.
        for keys, step in (("Alt+Up", -1), ("Alt+Down", 1)):
            shortcut = QShortcut(QKeySequence(keys), self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda step=step: self._move_focused(step))

    @property
    def count(self) -> int:
        """How many items the document has."""
        found = self.document.get(self.path)
        return len(found) if isinstance(found, list) else 0

    def refresh(self) -> None:
        """Show the items of now."""
        while len(self.rows) > self.count:
            row = self.rows.pop()
            row.hide()
            row.deleteLater()
        for row in self.rows:
            row.refresh()
        self._show_by_output(self.document.get(self.path))
        self._show_rows(max(_AT_ONCE, len(self.rows) + 1))

    def row_for(self, path: Path) -> Row:
        """Return the row of an item; a path that names none is the list's own."""
        index = path[len(self.path)] if len(path) > len(self.path) else None
        if not isinstance(index, int) or index >= self.count:
            return self
        self._show_rows(index + 1)
        return self.rows[index]

    def field_for(self, path: Path) -> QWidget:
        """Return the button that adds an item."""
        return self.add_button

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Say what is wrong with the list itself, and with each item at the item."""
        own: list[Problem] = []
        self._known = {}
        for problem in problems:
            keys = problem.path.split(".")[len(self.path) :]
            is_item = bool(keys) and keys[0].isdecimal() and int(keys[0]) < self.count
            (self._known.setdefault(int(keys[0]), []) if is_item else own).append(problem)
        self.problems = tuple(problems)
        self.messages.show_problems(own, self.path)
        for index, row in enumerate(self.rows):
            row.show_problems(self._known.get(index, ()))

    def add(self, id: str) -> None:
        """Add a component of that id at the end and go to its first field."""
        self.document.insert(self.path, self.count, id if self.kind == "metric" else {"type": id})
        row = self.row_for((*self.path, self.count - 1))
        fields = list(row.fields.values())
        fields[min(1, len(fields) - 1)].setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_by_output(self, value: object) -> None:
        """Say what stands for each output where there is no list for all; an added item would take its place."""
        is_by_output = isinstance(value, dict)
        self._by_output.setVisible(is_by_output)
        self.add_button.setVisible(not is_by_output)
        if isinstance(value, dict):
            each = [f"{output}: {show(entries, 'str[]')}" for output, entries in value.items()]
            self._by_output.setText("\n".join([*each, self.tr("They differ by output; the JSON edits them.")]))

    def _show_rows(self, upto: int) -> None:
        upto = min(upto, self.count)
        while len(self.rows) < upto:
            self._append()
        if len(self.rows) < self.count:
            self._rest.start()

    def _append(self) -> None:
        index = len(self.rows)
        row = ListedRow(self.document, (*self.path, index), self.kind, self.box)
        row.fix_requested.connect(self.fix_requested)
        row.copy_requested.connect(lambda: self.document.insert(self.path, index + 1, self.document.get(row.path)))
        row.removal_requested.connect(lambda: self._remove(index))
        row.handle.dragged.connect(self._drag)
        row.handle.dropped.connect(lambda: self._drop(index))
        row.refresh()
        if known := self._known.get(index):
            row.show_problems(known)
        self.rows.append(row)
        self._column.addWidget(row)

    def _remove(self, index: int) -> None:
        self.document.remove(self.path, index)
        near = self.rows[min(index, len(self.rows) - 1)].type_field if self.rows else self.add_button
        near.setFocus(Qt.FocusReason.OtherFocusReason)

    def _move(self, index: int, to: int) -> None:
        if not 0 <= to < len(self.rows):
            return
        was_open = [row.is_open for row in self.rows]
        fields = self.rows[index].fields
        name = next((name for name, field in fields.items() if field.hasFocus()), "type")
        was_open.insert(to, was_open.pop(index))
        self.document.move(self.path, index, to)
        for row, is_open in zip(self.rows, was_open, strict=True):
            row.show_all(is_open)
        moved = self.rows[to]
        moved.fields.get(name, moved.type_field).setFocus(Qt.FocusReason.OtherFocusReason)

    def _move_focused(self, step: int) -> None:
        focus = self.focusWidget()
        for index, row in enumerate(self.rows):
            if focus is not None and row.isAncestorOf(focus):
                self._move(index, index + step)
                return

    def _drag(self, point: QPoint) -> None:
        """Mark the place between two rows where a row would be dropped."""
        y = self.box.mapFromGlobal(point).y()
        self._gap = sum(row.y() + row.height() // 2 < y for row in self.rows)
        above = self.rows[self._gap - 1].geometry().bottom() if self._gap else self.rows[0].y()
        self._mark.setGeometry(0, above, self.box.width(), 2)
        self._mark.raise_()
        self._mark.show()

    def _drop(self, index: int) -> None:
        if self._mark.isVisible():
            self._mark.hide()
            to = self._gap - (self._gap > index)
            if to != index:
                self._move(index, to)

    def _footer(self) -> QWidget:
        found = QWidget()
        row = QHBoxLayout(found)
        row.setContentsMargins(12, 2, 8, 2)
        self.add_button = button(self.tr("Add {0}").format(self.kind), self._choose, icon_name="plus", kind="link")
        row.addWidget(self.add_button)
        row.addStretch(1)
        return found

    def _choose(self) -> None:
        choose(self.add_button, self.kind, self.add)


def _header() -> QWidget:
    found = QWidget()
    found.setAutoFillBackground(True)
    found.setBackgroundRole(QPalette.ColorRole.AlternateBase)
    row = QHBoxLayout(found)
    row.setContentsMargins(4, 0, 8, 0)
    row.setSpacing(6)
    number, layer, options = label("#", "secondary"), label("Layer", "secondary"), label("Options", "secondary")
    number.setFixedWidth(44)
    number.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    layer.setFixedWidth(CHOICE)
    for each in (number, layer, options):
        each.setFixedHeight(26)
        row.addWidget(each)
    row.addStretch(1)
    return found

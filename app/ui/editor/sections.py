"""The sections of the form, which fold, and the list at its left that leads to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.config.problems import Problem
from app.ui.controls import ClickableFrame, ElidedLabel, label, line
from app.ui.editor.document import ConfigDocument, Path, to_path
from app.ui.editor.rows import Messages, Row
from app.ui.icons import icon
from app.ui.theme import theme, ui_font

NAV_WIDTH, NARROW_NAV_WIDTH = 168, 64
#: Rows out of sight are made once what is in sight has been painted (ms).
_AFTER_PAINT = 50


class _Head(ClickableFrame):
    """The head of a section; Left and Right fold and unfold it too."""

    folded = Signal(bool)

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__("")
        self.setParent(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 0, 20, 0)
        row.setSpacing(8)
        self.setFixedHeight(36)
        self.sign = QLabel()
        self.sign.setFixedWidth(16)
        self.summary, self.note = ElidedLabel("", "secondary"), label("", "secondary")
        row.addWidget(self.sign)
        row.addWidget(label(title, "section"))
        row.addSpacing(4)
        row.addWidget(self.summary, 1)
        row.addWidget(self.note)
        self.setAccessibleName(title)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Fold with the left arrow, unfold with the right one."""
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            self.folded.emit(event.key() == Qt.Key.Key_Left)
        else:
            super().keyPressEvent(event)


class Section(QWidget):
    """A section: its head, and its rows unless it is folded; they are made when they are first wanted."""

    fix_requested = Signal(Problem)

    def __init__(
        self, key: str, title: str, document: ConfigDocument, make: Callable[[QWidget], list[Row]], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.key, self.title = key, title
        self.path: Path = (key,)
        self._make: Callable[[QWidget], list[Row]] | None = make
        self._made: list[Row] = []
        self._later = QTimer(self, singleShot=True, interval=_AFTER_PAINT)
        self._later.timeout.connect(self.fill)
        self.problems: Sequence[Problem] = ()
        self.head = _Head(title, self)
        self.head.clicked.connect(self.toggle)
        self.head.folded.connect(self.fold)
        self.body = QWidget(self)
        self._rows = QVBoxLayout(self.body)
        self._rows.setContentsMargins(20, 2, 20, 12)
        self._rows.setSpacing(8)
        self.messages = Messages(document, self.body)
        self.messages.fix_requested.connect(self.fix_requested)
        self._rows.addWidget(self.messages)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.head, self.body, line()):
            column.addWidget(widget)
        theme().changed.connect(self._dress)
        self._summary = self._note = ""
        self.is_open = False

    @property
    def rows(self) -> list[Row]:
        """The rows, which are made now if they have not been."""
        self.fill()
        return self._made

    def refresh(self, path: Path) -> None:
        """Show what the document has now below a path."""
        for row in self._made:
            if any(own[: len(path)] == path[: len(own)] for own in row.paths):
                row.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        """Make the rows of an open section once what is in sight has been painted."""
        super().showEvent(event)
        if self.is_open and self._make is not None:
            self._later.start()

    def toggle(self) -> None:
        """Fold it, or unfold it."""
        self.fold(self.is_open)

    def fold(self, folded: bool) -> None:
        """Hide the rows, their summary in the head, or show them; they are made once the form itself is shown."""
        self.is_open = not folded
        if self.is_open and self.isVisible():
            self.fill()
        if self.body.isHidden() is not folded:
            self.body.setVisible(self.is_open)
        self._say()
        self._dress()

    def summarise(self, summary: str, note: str = "") -> None:
        """Say what is within: while it is folded, and while it is not."""
        self._summary, self._note = summary, note
        self._say()

    def row_for(self, path: Path) -> Row | None:
        """Return the row that shows a path, None if none does."""
        best = max(self.rows, key=lambda row: row.share(path), default=None)
        return best.row_for(path) if best is not None and best.share(path) else None

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show each problem at its row, the rest below the head."""
        self.problems = problems
        if self._make is not None:
            return
        shares: dict[int, list[Problem]] = {}
        own: list[Problem] = []
        for problem in problems:
            path = to_path(problem.path)
            best = max(range(len(self.rows)), key=lambda index: self.rows[index].share(path), default=None)
            is_own = best is None or not self.rows[best].share(path)
            (own if is_own else shares.setdefault(best or 0, [])).append(problem)
        for index, row in enumerate(self.rows):
            row.show_problems(shares.get(index, ()))
        self.messages.show_problems(own, self.path)

    def fill(self) -> None:
        """Make the rows if they have not been made."""
        if self._make is None:
            return
        make, self._make = self._make, None
        self._made = make(self.body)
        for row in self._made:
            row.fix_requested.connect(self.fix_requested)
            self._rows.addWidget(row)
            row.refresh()
        self.show_problems(self.problems)

    def _say(self) -> None:
        self.head.summary.setText("" if self.is_open else self._summary)
        self.head.note.setText(self._note if self.is_open else "")

    def _dress(self) -> None:
        name = "chevron-down" if self.is_open else "chevron-right"
        self.head.sign.setPixmap(icon(name).pixmap(QSize(16, 16), self.devicePixelRatioF()))


class NavEntry(QToolButton):
    """A section in the list: its icon, its name, and a tick or the number of its problems."""

    def __init__(self, icon_name: str, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._title = title
        self.setProperty("kind", "nav")
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFixedHeight(31)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(8)
        self._icon, self._icon_name, self._sign, self._count = QLabel(), icon_name, QLabel(), QLabel()
        self._count.setFont(ui_font(12, 600))
        self._count.setProperty("role", "error")
        row.addWidget(self._icon)
        self._name = label(title)
        row.addWidget(self._name)
        row.addStretch(1)
        row.addWidget(self._sign)
        row.addWidget(self._count)
        self._problems, self._is_narrow = 0, False
        theme().changed.connect(self._dress)
        self.show_count(0)

    def narrow(self, narrow: bool) -> None:
        """Show no name, and the sign of problems in place of their number."""
        self._is_narrow = narrow
        self._name.setVisible(not narrow)
        self.show_count(self._problems)

    def show_count(self, problems: int) -> None:
        """Show how many problems the section has."""
        self._problems = problems
        self._count.setText(str(problems) if problems else "")
        self._count.setVisible(bool(problems) and not self._is_narrow)
        self.setAccessibleName(f"{self._title}: {problems or 'no'} problem{'' if problems == 1 else 's'}")
        self._dress()

    def _dress(self) -> None:
        ratio = self.devicePixelRatioF()
        sign = icon("circle-alert", "state:failed") if self._problems else icon("check", "state:finished")
        self._sign.setPixmap(sign.pixmap(QSize(15, 15), ratio))
        self._icon.setPixmap(icon(self._icon_name).pixmap(QSize(16, 16), ratio))

"""The rows of the form: a label, fields that edit the document, and below them what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.config.documents import join
from app.config.problems import Problem
from app.ui.controls import button, label, mark_problem
from app.ui.editor.document import ConfigDocument, Path
from app.ui.editor.fields import Field, TextField
from app.ui.editor.flow import Flow
from app.ui.editor.repair import is_name, repaired, suggestion
from app.ui.editor.values import ABSENT, show

LABEL_WIDTH = 112
#: From how many letters on a sentence is broken, and how wide it is then (px).
_LONG, _WIDE = 44, 300


class Messages(QWidget):
    """What is wrong here, a sentence each, with a link where one click puts it right."""

    fix_requested = Signal(Problem)

    def __init__(self, document: ConfigDocument, parent: QWidget) -> None:
        super().__init__(parent)
        self._document = document
        self._lines: list[QWidget] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 2, 0, 2)
        self._column.setSpacing(2)
        self.hide()

    def show_problems(self, problems: Sequence[Problem], path: Path) -> None:
        """Show other problems; each names its place where that is below ``path``."""
        for line in self._lines:
            line.hide()
            line.deleteLater()
        self._lines = [self._line(problem, path) for problem in problems]
        for line in self._lines:
            self._column.addWidget(line)
        self.setVisible(bool(problems))

    def _line(self, problem: Problem, path: Path) -> QWidget:
        line = Flow(self, line_gap=0, least=0)
        sentence = label(sentence_of(problem, path), "error", selectable=True)
        sentence.setWordWrap(len(sentence.text()) > _LONG)
        if sentence.wordWrap():
            sentence.setMinimumWidth(min(_WIDE, sentence.fontMetrics().horizontalAdvance(sentence.text())))
        line.add(sentence)
        if repaired(self._document.get, problem) is not None:
            name = problem.path.rpartition(".")[2]
            text = self.tr("Rename it to {1}") if is_name(problem) else self.tr("Set {0} to {1}")
            fix = text.format(name, show(suggestion(problem), "any"))
            line.add(button(fix, lambda: self.fix_requested.emit(problem), kind="link"))
        return line


def sentence_of(problem: Problem, path: Path) -> str:
    """Return a problem as a sentence that stands below the field of a path."""
    place = problem.path.removeprefix(join(path)).removeprefix(".")
    names_itself = not place or place == "type" or problem.message.startswith(("no ", "there "))
    sentence = problem.message if names_itself else f"{place} {problem.message}"
    wanted = f" (valid: {problem.valid})" if problem.valid and suggestion(problem) is ABSENT else ""
    return (sentence[0].upper() if names_itself else sentence[0]) + sentence[1:] + wanted


class Row(QWidget):
    """A row: label, content, messages; what it is about is below its ``path``.

    Every part is made within its parent: Qt dresses all that is in a widget anew each time that one is moved.
    """

    fix_requested = Signal(Problem)

    def __init__(self, document: ConfigDocument, path: Path, parent: QWidget) -> None:
        super().__init__(parent)
        self.document, self.path = document, path
        self.problems: Sequence[Problem] = ()
        self.messages = Messages(document, self)
        self.messages.fix_requested.connect(self.fix_requested)
        self._fields: dict[str, tuple[Field, str]] = {}

    def refresh(self) -> None:
        """Show what the document has now."""
        for name, (field, _) in self._fields.items():
            field.show_value(self.document.get(self._path_of(name)))

    def row_for(self, path: Path) -> Row:
        """Return the row that shows a path: itself, or one within."""
        return self

    def field_for(self, path: Path) -> QWidget:
        """Return the field that a path is edited in, else the first."""
        names = [name for name in self._fields if self._path_of(name) == path[: len(self._path_of(name))]]
        found = max(names, key=len, default=next(iter(self._fields)))
        return self._fields[found][0]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The places that it edits: its own, and what lies below."""
        return (self.path,)

    def share(self, path: Path) -> int:
        """Return how much of a path leads to what this row edits, 0 for a path that does not."""
        return max((len(own) for own in self.paths if own == path[: len(own)]), default=0)

    @property
    def fields(self) -> dict[str, Field]:
        """The fields by what they edit below the row's path."""
        return {name: field for name, (field, _) in self._fields.items()}

    def path_of(self, widget: QWidget | None) -> Path:
        """Return the path that a field edits."""
        names = (name for name, (field, _) in self._fields.items() if field is widget)
        return self._path_of(next(names, ""))

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Mark the fields that are wrong, and say how."""
        if tuple(problems) == tuple(self.problems):
            return
        self.problems = tuple(problems)
        for name, (field, tip) in self._fields.items():
            own = join(self._path_of(name))
            wrong = [
                p for p in problems if p.path == own or p.path.startswith(f"{own}.") or own.startswith(f"{p.path}.")
            ]
            message = "\n".join(p.message for p in wrong)
            if message or field.property("problem") == "true":
                mark_problem(field, message)
            field.setToolTip(f"{message}\n{tip}" if message else tip)
        self.messages.show_problems(problems, self.path)

    def _path_of(self, name: str) -> Path:
        return (*self.path, name) if name else self.path

    def _bind(self, name: str, field: Field, title: str, description: str) -> Field:
        """Make a field edit what is called ``name`` below the row's path, "" for the path itself."""
        tip = f"{join(self._path_of(name))}\n{description}".strip()
        field.setAccessibleName(title)
        field.setAccessibleDescription(description)
        field.setToolTip(tip)
        self._fields[name] = field, tip
        typing = isinstance(field, TextField)
        field.edited.connect(lambda value: self._edit(name, value, typing))
        field.left.connect(self.document.pause)
        return field

    def _edit(self, name: str, value: Any, typing: bool) -> None:
        self.document.set(self._path_of(name), value, typing=typing)


class FieldRow(Row):
    """One field, or some that belong together, beside a label."""

    def __init__(self, document: ConfigDocument, path: Path, title: str, parent: QWidget) -> None:
        super().__init__(document, path, parent)
        self._flow = Flow(self)
        place_beside(self, title, self._flow, self.messages)

    def add(self, name: str, field: Field, title: str, description: str, *, show_title: bool = True) -> None:
        """Add a field; ``name`` is its key below the row's path, "" where the row is that field."""
        self._bind(name, field, title, description)
        self._flow.add(titled(title, field, self._flow) if show_title else field)


def place_beside(row: QWidget, title: str, content: QWidget, messages: QWidget) -> None:
    """Lay a row out: the label in its column, the content, the messages below the content."""
    grid = QGridLayout(row)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(0)
    grid.setColumnMinimumWidth(0, LABEL_WIDTH)
    grid.setColumnStretch(1, 1)
    name = label(title)
    name.setFixedHeight(28)
    name.setWordWrap(False)
    grid.addWidget(name, 0, 0, Qt.AlignmentFlag.AlignTop)
    grid.addWidget(content, 0, 1)
    grid.addWidget(messages, 1, 1)


def titled(title: str, field: QWidget, parent: QWidget) -> QWidget:
    """Return a field with its name before it."""
    found = QWidget(parent)
    line = QHBoxLayout(found)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(6)
    name = QLabel(title)
    name.setBuddy(field)
    name.setToolTip(field.toolTip())
    line.addWidget(name)
    line.addWidget(field)
    return found

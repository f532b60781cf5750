"""A component of the config in the form: its type, the parameters that matter, and all others one click away."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QStringListModel, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from app.config.catalog import OFFERED_KINDS, Catalog, Component, Parameter, load_catalog
from app.config.problems import Problem
from app.config.types import KINDS, describe
from app.ui.controls import icon_button
from app.ui.editor.document import ConfigDocument, Path, to_path
from app.ui.editor.fields import (
    CHOICE,
    LONG_CHOICE,
    MIDDLE_CHOICE,
    OPTION,
    WITH_CHOICE,
    CheckField,
    ChoiceField,
    Field,
    PathField,
    TextField,
)
from app.ui.editor.flow import Flow
from app.ui.editor.rows import Row, place_beside, titled
from app.ui.editor.values import ABSENT
from app.ui.icons import icon


def id_model(kind: str) -> QStringListModel:
    """Return the ids of a kind; all boxes that offer them share the model."""
    return _id_model(load_catalog(), kind)


@functools.lru_cache(maxsize=64)
def _id_model(catalog: Catalog, kind: str) -> QStringListModel:
    return QStringListModel(list(catalog.ids(kind)))


def field_for(parameter: Parameter) -> Field:
    """Return a field for a parameter of the catalog."""
    if parameter.name == "path" and "path" in parameter.type.split("|"):
        return PathField(parameter.type, parameter.default)
    if parameter.type == "bool":
        return CheckField(parameter.default)
    if parameter.choices:
        return ChoiceField(_choice_model(parameter.choices), parameter.type, parameter.default, OPTION)
    return TextField(parameter.type, parameter.default, secret=parameter.secret)


@functools.lru_cache(maxsize=64)
def _choice_model(choices: tuple[str, ...]) -> QStringListModel:
    return QStringListModel(list(choices))


#: Parameters that are in sight whether they are set or not.
_IN_SIGHT = ("activation", "path")
#: Of kinds whose ids are long (sparse_categorical_crossentropy, model_checkpoint), and settings few.
_WIDTHS = {"loss": LONG_CHOICE, "metric": LONG_CHOICE} | dict.fromkeys(
    ("callback", "preprocessor", "transformer"), MIDDLE_CHOICE
)


class ComponentRow(Row):
    """One component: ``"adam"``, or an object with its type and parameters."""

    #: Where the box of all other parameters begins (px), and whether those in sight have a line of their own.
    _indent = 0
    _is_below = False

    def __init__(self, document: ConfigDocument, path: Path, kind: str, parent: QWidget, title: str = "") -> None:
        super().__init__(document, path, parent)
        self.kind, self._title = kind, title
        self.type_field = ChoiceField(id_model(kind), "str", width=_WIDTHS.get(kind, CHOICE))
        self._component: Component | None = None
        self._inline: tuple[str, ...] = ()
        self._shown: list[QWidget] = []
        self._nested: dict[str, NestedRow] = {}
        self._others: QWidget | None = None
        content = QWidget(self)
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._flow = Flow(content)
        self.chevron = self._make_chevron()
        self.chevron.hide()
        self._flow.setHidden(self._is_below)
        self._bind("type", self.type_field, title or kind, f"Which {kind} it is.")
        line = QHBoxLayout()
        self._column.addLayout(line)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        self._fill_line(line)
        self._lay_out(content)

    @property
    def is_open(self) -> bool:
        """Whether all its parameters are shown."""
        return self._others is not None

    def refresh(self) -> None:
        """Show what the document has now: other fields where the type or the set parameters changed."""
        type_, options = self._value()
        self.type_field.show_value(type_)
        if self.kind == "loss":
            self.type_field.suggest(self.tr("by output") if type_ is ABSENT and options else "")
        component = load_catalog().get(self.kind, type_) if isinstance(type_, str) else None
        nested = _nested(component, options)
        inline = tuple(name for name in _inline(component, options) if name not in nested)
        if component is not self._component or nested.keys() != self._nested.keys() or self._is_outdated(inline):
            self._component, self._inline = component, inline
            self._fill(nested)
        for name, (field, _) in self._fields.items():
            if name != "type":
                field.show_value(options.get(name, ABSENT))
        for row in self._nested.values():
            row.refresh()

    def show_all(self, shown: bool) -> None:
        """Open or close the box of all other parameters; its fields are made when it is opened."""
        if shown == self.is_open:
            return
        if shown:
            self._open()
        elif self._others is not None:
            self._forget(self._others)
            self._others = None
        self.chevron.setChecked(shown)
        self.chevron.setIcon(icon("chevron-up" if shown else "chevron-down"))
        self.refresh()

    def row_for(self, path: Path) -> Row:
        """Return the row of a component that is the value of a parameter, else itself."""
        within = next((row for row in self._nested.values() if row.share(path)), None)
        return within.row_for(path) if within is not None else self

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Mark the fields that are wrong; what is wrong within a parameter's own component is said there."""
        shares: dict[str, list[Problem]] = {name: [] for name in self._nested}
        own: list[Problem] = []
        for problem in problems:
            path = to_path(problem.path)
            name = next((name for name, row in self._nested.items() if row.share(path)), None)
            (own if name is None else shares[name]).append(problem)
        super().show_problems(own)
        for name, row in self._nested.items():
            row.show_problems(shares[name])

    def field_for(self, path: Path) -> QWidget:
        """Return the field of a parameter, opening the others if it is among them."""
        name = self._name_of(path)
        if name not in self._fields and self._component and self._component.parameter(name):
            self.show_all(True)
        return self._fields[name if name in self._fields else "type"][0]

    def _value(self) -> tuple[Any, dict[str, Any]]:
        """Return the type, as the document has it, and the parameters that are set."""
        value = self.document.get(self.path)
        options = value if isinstance(value, dict) else {}
        return value if isinstance(value, str) else options.get("type", ABSENT), options

    def _name_of(self, path: Path) -> str:
        return str(path[len(self.path)]) if len(path) > len(self.path) else "type"

    def _fill_line(self, line: QHBoxLayout) -> None:
        line.addWidget(self.type_field)
        line.addWidget(self._flow, 1)
        line.addWidget(self.chevron)

    def _lay_out(self, content: QWidget) -> None:
        place_beside(self, self._title, content, self.messages)

    def _make_chevron(self) -> QToolButton:
        found = icon_button("chevron-down", self.tr("All parameters"))
        found.setCheckable(True)
        found.clicked.connect(self.show_all)
        return found

    def _is_outdated(self, inline: tuple[str, ...]) -> bool:
        """Whether other fields are wanted: one that is missing, or one too many where nobody is typing."""
        if any(name not in self._fields for name in inline):
            return True
        gone = [self._fields[name][0] for name in self._inline if name not in inline]
        return bool(gone) and not self.is_open and not any(field.hasFocus() for field in gone)

    def _fill(self, nested: Mapping[str, str]) -> None:
        """Make the fields of the component anew; ``nested`` are parameters that are components, with their kinds."""
        was_open = self.is_open
        for row in self._nested.values():
            self._forget(row)
        for widget in self._shown:
            self._flow.remove(widget)
            self._forget(widget)
        if self._others is not None:
            self._forget(self._others)
        self._shown, self._others, self._nested = [], None, {}
        self._fields = {"type": self._fields["type"]}
        for name in self._inline:
            widget = titled(name, self._parameter_field(name), self._flow)
            self._flow.add(widget)
            self._shown.append(widget)
        self._flow.setVisible(bool(self._inline) or not self._is_below)
        self.chevron.setVisible(self._component is not None and len(self._component.parameters) > len(self._inline))
        for name, kind in nested.items():
            self._nested[name] = self._nest(name, kind)
        if was_open and self._component is not None:
            self._open()

    def _nest(self, name: str, kind: str) -> NestedRow:
        """Return the row of a component that is the value of a parameter."""
        row = NestedRow(self.document, self._path_of(name), kind, self, name)
        row.fix_requested.connect(self.fix_requested)
        row.removal_requested.connect(lambda: self.document.set(row.path, ABSENT))
        self._column.addWidget(row)
        return row

    def _open(self) -> None:
        self._others = self._make_others()
        self._column.addWidget(self._others)

    def _parameter_field(self, name: str) -> Field:
        parameter = self._component.parameter(name) if self._component else None
        if parameter is None:
            return self._bind(name, TextField("any"), name, self.tr("No such parameter is known."))
        field = field_for(parameter)
        if (kind := _kind_in(parameter.type)) and isinstance(field, TextField):
            self._offer(field, name, kind)
        return self._bind(name, field, name, f"{parameter.doc}\n{describe(parameter.type)}")

    def _offer(self, field: TextField, name: str, kind: str) -> None:
        """Let a component be chosen where a number, or nothing, stands."""

        def chosen(id: str) -> None:
            field.edited.emit({"type": id})
            self.document.pause()

        action = field.addAction(icon("list-plus", "text3"), TextField.ActionPosition.TrailingPosition)
        action.setToolTip(self.tr("Choose a {0}").format(kind))
        action.triggered.connect(lambda: self._choose_one(field, kind, chosen))
        field.setMinimumWidth(WITH_CHOICE)

    def _choose_one(self, field: TextField, kind: str, chosen: Callable[[str], object]) -> None:
        from app.ui.editor.chooser import choose  # which needs the ids of this module

        choose(field, kind, chosen)

    def _make_others(self) -> QWidget:
        assert self._component is not None
        found = QWidget(self._column.parentWidget())
        grid = QGridLayout(found)
        grid.setContentsMargins(self._indent, 2, 0, 4)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        shown = (*self._inline, *self._nested)
        names = [each.name for each in self._component.parameters if each.name not in shown]
        half = (len(names) + 1) // 2
        for index, name in enumerate(names):
            field = self._parameter_field(name)
            if isinstance(field, ChoiceField):
                field.setMaximumWidth(CHOICE)
            title = QLabel(name)
            title.setToolTip(field.toolTip())
            title.setBuddy(field)
            row, column = index % half, index // half * 2
            grid.addWidget(title, row, column)
            grid.addWidget(field, row, column + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        return found

    def _forget(self, widget: QWidget) -> None:
        self._fields = {n: each for n, each in self._fields.items() if not widget.isAncestorOf(each[0])}
        widget.hide()
        widget.deleteLater()

    def _edit(self, name: str, value: Any, typing: bool) -> None:
        now = self.document.get(self.path)
        if name == "type":
            self._choose(now, value)
        elif isinstance(now, dict):
            self.document.set((*self.path, name), value, typing=typing)
        elif value is not ABSENT:
            self.document.set(self.path, {"type": now, name: value}, typing=typing)

    def _choose(self, now: Any, type_: Any) -> None:
        """Be another component, with those of the parameters that it has too."""
        if not isinstance(now, dict):
            self.document.set(self.path, type_, typing=True)
            return
        component = load_catalog().get(self.kind, type_) if isinstance(type_, str) else None
        kept = {key: item for key, item in now.items() if component is None or component.parameter(key)}
        kept.pop("type", None)
        self.document.set(self.path, {"type": "" if type_ is ABSENT else type_, **kept}, typing=True)


class NestedRow(ComponentRow):
    """A component that is the value of another one's parameter: a schedule of the learning rate, a layer in a layer."""

    _is_below = True

    removal_requested = Signal()

    def _fill_line(self, line: QHBoxLayout) -> None:
        title = QLabel(self._title)
        title.setBuddy(self.type_field)
        line.addWidget(title)
        line.addWidget(self.type_field)
        line.addStretch(1)
        line.addWidget(self.chevron)
        line.addWidget(icon_button("x", self.tr("Take it away"), self.removal_requested.emit))
        self._column.addWidget(self._flow)

    def _lay_out(self, content: QWidget) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(content)
        column.addWidget(self.messages)


def _kind_in(type_: str) -> str:
    """Return the kind of component that a parameter may be, of those whose ids are not offered by its field."""
    return next((term for term in type_.split("|") if term in KINDS and term not in OFFERED_KINDS), "")


def _nested(component: Component | None, options: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that are set to a component with settings of its own, and its kind."""
    found: dict[str, str] = {}
    for parameter in component.parameters if component else ():
        kinds = [term for term in parameter.type.split("|") if term in KINDS]
        if kinds and isinstance(options.get(parameter.name), dict):
            found[parameter.name] = kinds[0]
    return found


def _inline(component: Component | None, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the parameters that are always in sight: the required ones, then those that are set."""
    parameters = component.parameters if component else ()
    always = [each.name for each in parameters if each.required or each.name in _IN_SIGHT]
    return tuple(dict.fromkeys([*always, *(name for name in options if name != "type")]))

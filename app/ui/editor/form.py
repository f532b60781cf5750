"""The form of a config, made from the models: one declaration of a field gives its label, help, default and type."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QStringListModel, Qt, Signal
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from app.config.checking import NAMED, PLACES
from app.config.models import Tags, TrainingConfig
from app.config.problems import Problem
from app.config.schema import is_model, schema_at
from app.config.validation import BaseModel, FieldInfo
from app.ui.editor.component_list import ListRow
from app.ui.editor.components import ComponentRow
from app.ui.editor.document import ConfigDocument, Path
from app.ui.editor.fields import CHOICE, WIDEST, CheckField, ChoiceField, Field, PathField, TextField
from app.ui.editor.named_row import NamedRow
from app.ui.editor.rows import FieldRow, Row
from app.ui.editor.sections import NARROW_NAV_WIDTH, NAV_WIDTH, NavEntry, Section
from app.ui.editor.summaries import note, summary

_ICONS = {
    "experiment": "tag",
    "dataset": "database",
    "model": "layers",
    "training": "gauge",
    "tracking": "waypoints",
    "session": "cpu",
}
_ORDER = tuple(_ICONS)
#: What is seldom used comes last in its section.
_LAST = ("description",)
#: Sections with a component whose id and settings have keys of their own: the kind, and the key of the settings.
_NAMED = {section: (kind, settings) for section, kind, settings in NAMED}
_OPEN = ("model", "training")
#: The form beside the list (px).
_LEAST_WIDTH = 520
#: What differs by output ("@") is shown here where it is one for all, and edited as JSON where it is not.
_KINDS = {tuple(key for key in place if key != "@"): kind for place, kind in PLACES}


class Form(QWidget):
    """The list of sections and the form; ``fix_requested`` asks to put a problem right."""

    fix_requested = Signal(Problem)

    def __init__(self, document: ConfigDocument, parent: QWidget) -> None:
        super().__init__(parent)
        self._document = document
        self.sections: dict[str, Section] = {}
        self.entries: dict[str, NavEntry] = {}
        nav = self._nav = QFrame(self)
        nav.setProperty("kind", "content")
        nav_column = QVBoxLayout(nav)
        nav_column.setContentsMargins(0, 10, 0, 10)
        nav_column.setSpacing(1)
        self.area = QScrollArea(self)
        content = self._content = QWidget(self.area.viewport())
        content.setProperty("kind", "content")
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for key in _ORDER:
            info = TrainingConfig.model_fields[key]
            section = self.sections[key] = _section(document, key, info, content)
            section.fix_requested.connect(self.fix_requested)
            section.fold(key not in _OPEN)
            column.addWidget(section)
            entry = self.entries[key] = NavEntry(_ICONS[key], str(info.title), nav)
            entry.setToolTip(f"{key}\n{info.description}")
            entry.clicked.connect(lambda _checked=False, key=key: self.show_section(key))
            nav_column.addWidget(entry)
        column.addStretch(1)
        nav_column.addStretch(1)
        self.area.setWidgetResizable(True)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content.resize(560, 800)  # else Qt measures and dresses all of it here, to do so again where it is shown
        self.area.setWidget(content)
        self.area.verticalScrollBar().valueChanged.connect(self._follow_scroll)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(nav)
        edge = QFrame()
        edge.setProperty("kind", "vline")
        row.addWidget(edge)
        row.addWidget(self.area, 1)
        self.sections["model"].fill()  # what is seen first; the rest is made once this has been painted
        self.entries["model"].setChecked(True)
        self.narrow(False)
        self.setMinimumWidth(NARROW_NAV_WIDTH + _LEAST_WIDTH)
        document.changed.connect(self.refresh)
        self.refresh(())

    def narrow(self, narrow: bool) -> None:
        """Show the sections at the left by their icons alone, or by name."""
        width = NARROW_NAV_WIDTH if narrow else NAV_WIDTH
        self._nav.setFixedWidth(width)
        for entry in self.entries.values():
            entry.narrow(narrow)

    def refresh(self, path: Path) -> None:
        """Show the document where it is another now."""
        for section in self.sections.values():
            if path and path[0] != section.key:
                continue
            section.refresh(path)
            section.summarise(summary(section.key, self._document.value), note(section.key, self._document.value))

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show all problems at their fields, and their number at each section."""
        for key, section in self.sections.items():
            own = [problem for problem in problems if problem.path.partition(".")[0] == key]
            section.show_problems(own)
            self.entries[key].show_count(len(own))

    def show_section(self, key: str) -> None:
        """Unfold a section and scroll to it."""
        section = self.sections[key]
        section.fold(False)
        self._settle()
        self.area.verticalScrollBar().setValue(section.y())
        self.entries[key].setChecked(True)

    def row_for(self, path: Path) -> Row | None:
        """Return the row that shows a path, None if the form has none for it."""
        section = self.sections.get(str(path[0])) if path else None
        return section.row_for(path) if section else None

    def go_to(self, path: Path) -> bool:
        """Give the keyboard to the field of a path; False if the form has no section for it."""
        section = self.sections.get(str(path[0])) if path else None
        if section is None:
            return False
        section.fold(False)
        row = section.row_for(path)
        field = row.field_for(path) if row else section.head
        self._settle()
        self.area.ensureWidgetVisible(row or section.head, 0, 60)
        field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.entries[section.key].setChecked(True)
        return True

    def path_of(self, widget: QWidget | None) -> Path:
        """Return the path that a field within edits, () for anything else."""
        at = widget
        while at is not None and at is not self:
            if isinstance(at, Row):
                return at.path_of(widget)
            at = at.parentWidget()
        return ()

    def _settle(self) -> None:
        """Lay the rows out now, so that their places are known."""
        for widget in (*self.sections.values(), self._content):
            layout = widget.layout()
            if layout is not None:
                layout.activate()
        QApplication.sendPostedEvents(self._content, QEvent.Type.LayoutRequest)

    def _follow_scroll(self, value: int) -> None:
        above = [key for key, section in self.sections.items() if section.y() <= value + 24]
        self.entries[above[-1] if above else _ORDER[0]].setChecked(True)


def _section(document: ConfigDocument, key: str, info: FieldInfo, parent: QWidget) -> Section:
    model = schema_at(TrainingConfig, (key,))
    return Section(key, str(info.title), document, lambda body: _rows(document, (key,), model, body), parent)


def _rows(document: ConfigDocument, path: Path, model: type[BaseModel], parent: QWidget) -> list[Row]:
    fields = sorted(model.model_fields.items(), key=lambda item: _rank(path, item[0]))
    return [row for name, info in fields for row in _rows_for(document, (*path, name), info, parent)]


def _rank(path: Path, name: str) -> int:
    """Return where a field stands in its section: an id first, what is seldom used last."""
    is_id = len(path) == 1 and path[0] in _NAMED and name == "name"
    return -1 if is_id else 1 if len(path) == 1 and name in _LAST else 0


def _rows_for(document: ConfigDocument, path: Path, info: FieldInfo, parent: QWidget) -> list[Row]:
    title = str(info.title)
    if path[0] in _NAMED and len(path) == 2:
        named, settings = _NAMED[str(path[0])]
        if path[1] == "name":
            return [_named(document, path[:1], named, settings, parent, required=info.is_required())]
        if path[1] == settings:
            return []
    schema = schema_at(TrainingConfig, path)
    if kind := _KINDS.get((*path, "*")):
        return [ListRow(document, path, kind, title, parent)]
    if kind := _KINDS.get(path):
        return [ComponentRow(document, path, kind, parent, title)]
    if is_model(schema):
        inner = schema.model_fields
        if any((*path, name) in _KINDS or (*path, name, "*") in _KINDS for name in inner):
            return _rows(document, path, schema, parent)
        group = FieldRow(document, path, title, parent)
        for name, each in inner.items():
            own = str(each.title)
            group.add(name, _field(each, own), own, str(each.description), show_title=_type(each) != "bool")
        return [group]
    row = FieldRow(document, path, title, parent)
    row.add("", _field(info, "", path), title, str(info.description), show_title=False)
    return [row]


def _named(
    document: ConfigDocument, section: Path, kind: str, settings: str, parent: QWidget, *, required: bool
) -> NamedRow:
    row = NamedRow(document, section, kind, settings, parent, kind.capitalize())
    if not required:
        row.suggest("the network below")
    return row


def _field(info: FieldInfo, title: str, path: Path = ()) -> Field:
    default = None if info.is_required() else info.default
    type_ = _type(info)
    if type_ == "bool":
        return CheckField(default, title)
    if path == ("session", "python"):
        return PathField(type_)
    if choices := _choices(info.annotation):
        width = CHOICE if "dict" not in type_.split("|") else WIDEST  # an object is longer than a name
        return ChoiceField(QStringListModel(choices), type_, default, width)
    fills = type_ not in ("int[]|null", "int|null")
    return TextField(type_, None if default == {} else default, fills=fills)


def _choices(annotation: Any) -> list[str]:
    if typing.get_origin(annotation) is typing.Literal:
        return list(typing.get_args(annotation))
    return [choice for argument in _union(annotation) for choice in _choices(argument)]


def _type(info: FieldInfo) -> str:
    """Return the type of a field as the catalog writes types."""
    if info.annotation == typing.get_args(Tags)[0] and any(each in typing.get_args(Tags) for each in info.metadata):
        return "dict|str[]"
    return "|".join(_terms(info.annotation))


def _terms(annotation: Any) -> list[str]:
    origin = typing.get_origin(annotation)
    if members := _union(annotation):
        return [term for member in members for term in _terms(member)]
    if origin is typing.Annotated:
        return _terms(typing.get_args(annotation)[0])
    if origin is typing.Literal:
        return ["str"]
    if origin is list:
        return [f"{term}[]" for term in _terms(typing.get_args(annotation)[0])]
    if origin is dict:
        return ["dict"]
    return ["null"] if annotation is type(None) else [annotation.__name__]


def _union(annotation: Any) -> tuple[Any, ...]:
    is_union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if is_union else ()

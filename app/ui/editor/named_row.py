"""A dataset or a model in the form: its id and its settings, which have keys of their own in the config."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.config.catalog import load_catalog
from app.ui.editor.components import ComponentRow
from app.ui.editor.document import ConfigDocument, Path
from app.ui.editor.values import ABSENT

#: Ids of datasets and models are long (px).
_WIDTH = 224


class NamedRow(ComponentRow):
    """``"name": "csv", "parameters": {"path": ...}``: the id, and a field for each setting."""

    _is_below = True

    def __init__(
        self, document: ConfigDocument, section: Path, kind: str, settings: str, parent: QWidget, title: str
    ) -> None:
        self._name: Path = (*section, "name")
        super().__init__(document, (*section, settings), kind, parent, title)
        self.type_field.setMaximumWidth(_WIDTH)
        self.type_field.setMinimumWidth(_WIDTH)

    @property
    def paths(self) -> tuple[Path, ...]:
        """The id and the settings."""
        return self._name, self.path

    def suggest(self, text: str) -> None:
        """Say what holds while there is no id."""
        self.type_field.suggest(text)

    def _fill_line(self, line: QHBoxLayout) -> None:
        line.addWidget(self.type_field)
        line.addStretch(1)
        line.addWidget(self.chevron)
        self._column.addWidget(self._flow)

    def _value(self) -> tuple[Any, dict[str, Any]]:
        options = self.document.get(self.path)
        return self.document.get(self._name), options if isinstance(options, dict) else {}

    def _name_of(self, path: Path) -> str:
        return str(path[len(self.path)]) if path[: len(self.path)] == self.path != path else "type"

    def _path_of(self, name: str) -> Path:
        return self._name if name == "type" else (*self.path, name) if name else self.path

    def _edit(self, name: str, value: Any, typing: bool) -> None:
        if name == "type":
            self._be(value)
            return
        self.document.set((*self.path, name), value, typing=typing)

    def _be(self, id: Any) -> None:
        """Be another dataset or model, with those of the settings that it has too."""
        section = self._name[:-1]
        now = self.document.get(section)
        component = load_catalog().get(self.kind, id) if isinstance(id, str) else None
        _, options = self._value()
        kept = {key: item for key, item in options.items() if component is None or component.parameter(key)}
        if kept == options or not isinstance(now, dict):
            self.document.set(self._name, id, typing=True)
            return
        changed = {key: item for key, item in now.items() if key not in ("name", self.path[-1])}
        changed = {"name": id, **changed} if id is not ABSENT else changed
        self.document.set(section, {**changed, str(self.path[-1]): kept} if kept else changed, typing=True)

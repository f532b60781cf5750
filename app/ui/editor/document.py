"""The config that is edited: one value, its text, and one history of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from app.config.documents import parse_document
from app.config.problems import ConfigError, Problem
from app.ui.editor import json_text
from app.ui.editor.values import ABSENT, same

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class State:
    """A moment of the document. No edit changes a value in place: moments share what they have in common.

    While the ``text`` is no config, ``value`` is what it was when it last was one, and ``problem`` says what is wrong.
    """

    value: dict[str, Any]
    text: str
    problem: Problem | None = None


class _Edit(QUndoCommand):
    """A step from one state to another."""

    def __init__(self, document: ConfigDocument, path: Path, before: State, after: State, typing: int) -> None:
        super().__init__()
        self.document, self.path, self.before, self.after, self.typing = document, path, before, after, typing

    def id(self) -> int:
        return self.typing

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Edit) or other.path != self.path:
            return False
        self.after = other.after
        self.setObsolete(self.after.text == self.before.text)
        return True

    def redo(self) -> None:
        self.document.show_state(self.after, self.path)

    def undo(self) -> None:
        self.document.show_state(self.before, self.path)


class ConfigDocument(QObject):
    """A config as a plain document, edited by path; every edit can be undone.

    ``changed`` brings the path below which something is another now, () for anywhere.
    """

    changed = Signal(tuple)

    def __init__(self, text: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.stack = QUndoStack(self)
        self.state = _read(text, {})
        self._typing = 1

    @property
    def value(self) -> dict[str, Any]:
        """The document; nobody may change it but by the methods here."""
        return self.state.value

    def get(self, path: Path) -> Any:
        """Return the value at a path, ``ABSENT`` if there is none."""
        return _at(self.value, path)

    def set(self, path: Path, value: Any, *, typing: bool = False) -> None:
        """Put a value at a path, making the objects that lead there; ``ABSENT`` takes the key away.

        Edits made while ``typing`` at one path are one step of the history until :meth:`pause`.
        """
        if same(self.get(path), value):
            return
        if value is ABSENT:
            rest = {key: item for key, item in self.get(path[:-1]).items() if key != path[-1]}
            self._push(path, _put(self.value, path[:-1], rest), typing)
            return
        there = path
        while there and self.get(there) is ABSENT and not isinstance(self.get(there[:-1]), dict):
            there = there[:-1]
            value = {path[len(there)]: value}
        self._push(path, _put(self.value, there, value), typing)

    def insert(self, path: Path, index: int, value: Any) -> None:
        """Put an item into the list at a path, which is made if there is none."""
        items = self._items(path)
        self.set(path, [*items[:index], value, *items[index:]])

    def remove(self, path: Path, index: int) -> None:
        """Take an item out of the list at a path."""
        items = self._items(path)
        self.set(path, [*items[:index], *items[index + 1 :]])

    def move(self, path: Path, index: int, to: int) -> None:
        """Move an item of the list at a path to another index."""
        items = self._items(path)
        rest = [*items[:index], *items[index + 1 :]]
        self.set(path, [*rest[:to], items[index], *rest[to:]])

    def write(self, text: str) -> None:
        """Take a text as the whole document; one that is no config is kept as text alone."""
        if text != self.state.text:
            self.stack.push(_Edit(self, (), self.state, _read(text, self.value), self._typing))

    def pause(self) -> None:
        """End the step of the history that typing is in."""
        self._typing += 1

    def show_state(self, state: State, path: Path) -> None:
        """Be in another state, which differs below a path; the history calls this."""
        is_elsewhere = state.problem is not None or self.state.problem is not None
        self.state = state
        self.changed.emit(() if is_elsewhere else path)

    def _items(self, path: Path) -> Sequence[Any]:
        found = self.get(path)
        return found if isinstance(found, list) else []

    def _push(self, path: Path, value: dict[str, Any], typing: bool) -> None:
        after = State(value, self._text(path, value))
        self.stack.push(_Edit(self, path, self.state, after, self._typing if typing else -1))

    def _text(self, path: Path, value: dict[str, Any]) -> str:
        """Return the text of another value: that of now, changed at the path, or written anew where it is no JSON."""
        if self.state.problem is not None:
            return json_text.render(value) + "\n"
        known = json_text.spans(self.state.text)
        while path not in known or _at(value, path) is ABSENT:
            path = path[:-1]
        return json_text.replace(self.state.text, path, _at(value, path))


def _read(text: str, value: dict[str, Any]) -> State:
    try:
        return State(parse_document(text.encode("utf-8", "surrogatepass")), text)
    except ConfigError as error:
        return State(value, text, error.problems[0])


def _put(at: Any, path: Path, value: Any) -> Any:
    """Return a copy of a value that has another one at a path."""
    if not path:
        return value
    key, *rest = path
    if isinstance(at, list) and isinstance(key, int):
        return [*at[:key], _put(at[key], tuple(rest), value), *at[key + 1 :]]
    return {**at, key: _put(at.get(key), tuple(rest), value)}


def _at(at: Any, path: Path) -> Any:
    for key in path:
        is_there = (isinstance(at, dict) and key in at) or (
            isinstance(at, list) and isinstance(key, int) and 0 <= key < len(at)
        )
        if not is_there:
            return ABSENT
        at = at[key]
    return at


def to_path(text: str) -> Path:
    """Return the path that is written ``model.network.1``."""
    return tuple(int(key) if key.isdecimal() else key for key in text.split(".")) if text else ()

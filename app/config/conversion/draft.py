"""A document on its way to another form, each of whose values remembers where it stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.config.documents import Document, join

Path = tuple[str | int, ...]
#: A path as text, ``model.network.0``, or as its keys, which may then have dots in them.
Where = str | Path


@dataclass(frozen=True)
class Change:
    """One thing that a conversion did.

    ``before`` is a path in the document as it was, "" for what is new; ``after`` one in the result, "" for what is
    gone.
    """

    before: str
    after: str
    why: str


@dataclass(slots=True)
class _Node:
    """A value with what it holds, its path in the document as it was (None: it is new), and what is to say of it."""

    value: Any
    origin: Path | None = None
    why: str = ""
    doubt: str = ""


class Draft:
    """A document that is changed step by step. What is not there is left alone.

    Nothing gets lost: what is neither moved nor taken away stays where it is.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._root = _grow(document, ())
        self._gone: list[Change] = []
        self._lost: list[Change] = []

    @property
    def document(self) -> Document:
        """The document as it is now."""
        made: Document = _plain(self._root)
        return made

    @property
    def changes(self) -> list[Change]:
        """What was moved, replaced, added or became part of something else, in the order of the document."""
        told = [(path, node) for path, node in _walk(self._root) if node.why and not _only_holds(node)]
        return [*(Change(join(node.origin or ()), join(path), node.why) for path, node in told), *self._gone]

    @property
    def lost(self) -> list[Change]:
        """What could not be carried over; with a path in ``after`` it still stands there."""
        doubted = [(join(node.origin or ()), join(path), node.doubt) for path, node in _walk(self._root) if node.doubt]
        return [*self._lost, *(Change(*each) for each in doubted)]

    def get(self, where: Where) -> Any:
        """Return the value at a path, None where there is none."""
        node = self._find(_keys(where))
        return None if node is None else _plain(node)

    def has(self, where: Where) -> bool:
        """Return whether there is something at a path, if only null."""
        return self._find(_keys(where)) is not None

    def within(self, where: Where) -> list[Path]:
        """Return the paths of what the object or list at a path holds."""
        path = _keys(where)
        node = self._find(path)
        return [(*path, key) for key, _ in _items(node)] if node is not None else []

    def move(self, old: Where, new: Where, why: str) -> None:
        """Put what stands at one path at another; objects on the way are made, and those that it leaves empty go.

        Two objects become one. What would cover another value is listed as lost.
        """
        node = self._take(_keys(old))
        if node is not None:
            self._put(_keys(new), node, why)

    def append(self, old: Where, new: Where, why: str) -> None:
        """Put what stands at one path at the end of the list at another; without a reason it is not listed."""
        path = _keys(new)
        self.add(path, [], "")
        node, items = self._take(_keys(old)), self._find(path)
        if node is None:
            return
        if items is not None and isinstance(items.value, list):
            node.why = why or node.why
            items.value.append(node)
        else:
            self._lose(node, f"{join(path)} is no list")

    def spread(self, where: Where, why: str) -> None:
        """Put what an object holds beside it, in the object that holds it."""
        path = _keys(where)
        node = self._find(path)
        if node is not None and isinstance(node.value, dict):
            self.absorb(path, join(path[:-1]), why)
            for key, item in node.value.items():
                self._put((*path[:-1], key), item, "")

    def replace(self, where: Where, value: Any, why: str) -> None:
        """Have another value where there is one."""
        node = self._find(_keys(where))
        if node is not None:
            node.value, node.why = _grow(value, None).value, why

    def add(self, where: Where, value: Any, why: str) -> None:
        """Put a value where there is none, or null."""
        node = self._find(_keys(where))
        if node is None or node.value is None:
            self._put(_keys(where), _grow(value, None), why)

    def absorb(self, where: Where, into: str, why: str) -> None:
        """Take away what something else says already."""
        node = self._take(_keys(where))
        if node is not None and node.origin is not None:
            self._gone.append(Change(join(node.origin), into, why))

    def lose(self, where: Where, why: str) -> None:
        """Take away what has no place any more, and list it."""
        node = self._take(_keys(where))
        if node is not None:
            self._lose(node, why)

    def doubt(self, where: Where, why: str) -> None:
        """List something as not carried over that stays where it is, so that nobody trains without it unknowingly."""
        node = self._find(_keys(where))
        if node is not None:
            node.doubt = why

    def _lose(self, node: _Node, why: str) -> None:
        if node.value not in (None, [], {}):  # which say nothing
            self._lost.append(Change(join(node.origin or ()), "", why))

    def _find(self, path: Path) -> _Node | None:
        node = self._root
        for key in path:
            index = _index(node, key)
            if index is None:
                return None
            node = node.value[index]
        return node

    def _take(self, path: Path) -> _Node | None:
        node, home = self._find(path), self._find(path[:-1])
        if node is None or home is None:
            return None
        del home.value[_index(home, path[-1])]
        if len(path) > 1 and not home.value:
            self._take(path[:-1])
        return node

    def _put(self, path: Path, node: _Node, why: str) -> None:
        home = self._root
        for depth, key in enumerate(path[:-1]):
            index = _index(home, key)
            if index is None and not isinstance(home.value, dict):
                self._lose(node, f"{join(path[:depth])} is no object")
                return
            if index is None or home.value[index].value is None:
                index = str(key)
                home.value[index] = _Node({})
            home = home.value[index]
        if not isinstance(home.value, dict):
            self._lose(node, f"{join(path[:-1])} is no object")
            return
        key = str(path[-1])
        there = home.value.get(key)
        if there is None or there.value is None:
            node.why = why
            home.value[key] = node
        elif isinstance(there.value, dict) and isinstance(node.value, dict):
            for inner, item in node.value.items():
                self._put((*path, inner), item, why)
        elif _plain(there) != _plain(node):
            self._lose(node, f"{join(path)} is there already")
        elif node.origin is not None:
            self._gone.append(Change(join(node.origin), join(path), "it was said twice"))


def _keys(where: Where) -> Path:
    return tuple(where.split(".")) if isinstance(where, str) else where


def _index(node: _Node, key: str | int) -> Any:
    if isinstance(node.value, dict):
        return key if key in node.value else None
    if isinstance(node.value, list) and str(key).isdecimal() and int(key) < len(node.value):
        return int(key)
    return None


def _items(node: _Node) -> Iterable[tuple[str | int, _Node]]:
    if isinstance(node.value, dict):
        return node.value.items()
    return enumerate(node.value) if isinstance(node.value, list) else ()


def _only_holds(node: _Node) -> bool:
    """Return whether something is new, but nothing in it is: an object that was made on the way."""
    return node.origin is None and any(item.origin is not None for _, item in _items(node))


def _grow(value: Any, path: Path | None) -> _Node:
    def below(key: str | int) -> Path | None:
        return None if path is None else (*path, key)

    if isinstance(value, Mapping):
        return _Node({key: _grow(item, below(key)) for key, item in value.items()}, path)
    if isinstance(value, list):
        return _Node([_grow(item, below(index)) for index, item in enumerate(value)], path)
    return _Node(value, path)


def _plain(node: _Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(item) for item in node.value]
    return node.value


def _walk(node: _Node, path: Path = ()) -> Iterator[tuple[Path, _Node]]:
    yield path, node
    for key, item in _items(node):
        yield from _walk(item, (*path, key))

"""What can come next while a query is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.records.query.fields import STATS, Field, Names
from app.records.query.parser import EndError, parse
from app.records.query.syntax import SCOPES, Key, QueryError, is_word, quote, tokens

_MOST = 50
_NUMBER_OPERATORS = ("<", "<=", ">", ">=", "=", "!=", "in", "not in")
_TEXT_OPERATORS = ("=", "!=", "in", "not in", "~", "like")
_ANY_OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "not in", "~", "like")
_EXAMPLES = {
    "time": ("2026-11-18", "2026-11-18T15:02"),
    "duration": ("15m", "3h", "2d", "1w"),
    "flag": ("true", "false"),
}
_QUOTES = str.maketrans("", "", "\"'`")


@dataclass(frozen=True, slots=True)
class Completion:
    """A text that can stand there."""

    text: str
    kind: Literal["name", "operator", "value", "keyword"]


@dataclass(frozen=True, slots=True)
class Completions:
    """What can replace the part of a query from ``start`` to ``end``, the best first."""

    start: int
    end: int
    items: tuple[Completion, ...]


def complete(text: str, cursor: int, names: Names, values: Callable[[Field], Sequence[str]]) -> Completions:
    """Return what can come next at a place of a query.

    Args:
        text: the whole query.
        cursor: where the next character goes, from 0.
        names: the names of the workspace.
        values: gives the values that runs have of a field, the most frequent first.
    """
    start = _start_of_last(text[:cursor])
    typed = text[start:cursor].translate(_QUOTES).casefold()
    found = []
    for place, item in enumerate(_items(text[:start], typed, names, values)):
        plain = item.text.translate(_QUOTES).casefold()
        if typed in plain:
            found.append((not plain.startswith(typed), place, item))
    found.sort(key=lambda each: each[:2])
    return Completions(start, cursor, tuple(item for *_, item in found[:_MOST]))


def _start_of_last(text: str) -> int:
    """Return where the piece begins that is being typed at the end of a text; quotes may still be open."""
    start = len(text)
    try:
        found = tokens(text)
    except QueryError as error:
        start = error.start
        found = tokens(text[:start])
    for token in reversed(found):
        if token.end < start or token.kind == "bracket":
            break
        if token.kind == "operator" and start < len(text):
            break
        start = token.start
        if token.kind == "operator":
            break
    return start


def _items(before: str, typed: str, names: Names, values: Callable[[Field], Sequence[str]]) -> Iterator[Completion]:
    try:
        parse(before)
    except EndError as error:
        field = _field(error.key, names)
        match error.wanted:
            case "key":
                yield from _names(typed, names)
                yield from (Completion(word, "keyword") for word in ("not", "has("))
            case "name":
                yield from _names(typed, names)
            case "operator":
                yield from (Completion(each, "operator") for each in _operators(field))
            case "value" if field is not None:
                examples = _EXAMPLES.get(field.type) or values(field)
                yield from (Completion(each if is_word(each) else quote(each), "value") for each in examples)
            case "list":
                yield Completion("(", "keyword")
            case "in":
                yield Completion("in", "operator")
            case "link":
                yield from (Completion(word, "keyword") for word in (")", "and", "or"))
    except QueryError:
        return
    else:
        yield from (Completion(word, "keyword") for word in ("and", "or"))


def _names(typed: str, names: Names) -> Iterator[Completion]:
    scope, dot, _ = typed.partition(".")
    if dot:
        for field in names.fields:
            spelled = names.spelling(field)
            if field.kind == "metric" and typed.startswith(f"{spelled.translate(_QUOTES).casefold()}."):
                yield from (Completion(f"{spelled}.{stat}", "name") for stat in STATS)
    for field in names.fields:
        yield Completion(names.spelling(field, scoped=dot == "." and scope in SCOPES), "name")


def _operators(field: Field | None) -> Sequence[str]:
    if field is None or field.type == "any":
        return _ANY_OPERATORS
    if field.type == "flag":
        return ("=", "!=")
    return _TEXT_OPERATORS if field.type == "text" else _NUMBER_OPERATORS


def _field(key: Key | None, names: Names) -> Field | None:
    try:
        return None if key is None else names.find(key)
    except QueryError:
        return None

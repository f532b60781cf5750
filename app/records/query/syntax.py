"""What a query is made of: its tokens, its tree, and what is said where it is wrong.

The text of a tree is a query that gives the same tree again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Scope = Literal["", "metrics", "params", "tags", "run"]
Operator = Literal["=", "!=", "<", "<=", ">", ">=", "~", "like", "in", "not in"]

SCOPES: tuple[Scope, ...] = ("metrics", "params", "tags", "run")
OPERATORS: tuple[Operator, ...] = ("=", "!=", "<", "<=", ">", ">=", "in", "not in", "~", "like")
KEYWORDS = frozenset({"and", "or", "not", "in", "like", "has"})
#: What stands for itself without quotes.
_WORD = r"[^\s()\[\],\"'`=!<>~]+"
_TOKEN = re.compile(
    rf"""\s*(?:(?P<word>{_WORD})|(?P<operator>[!<>=]=|[=<>~])|(?P<bracket>[()\[\],])|(?P<quoted>["'`]))"""
)
_IS_WORD = re.compile(_WORD)
_SPACE = re.compile(r"\s*")


class QueryError(ValueError):
    """A query that cannot be understood.

    Attributes:
        message: a sentence that says what would be right.
        start, end: the part of the text that it is about, counted from 0.
    """

    def __init__(self, message: str, start: int, end: int | None = None) -> None:
        super().__init__(f"column {start + 1}: {message}")
        self.message = message
        self.start = start
        self.end = start + 1 if end is None else end


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a query; ``text`` is what it stands for, without the quotes."""

    kind: Literal["word", "quoted", "operator", "bracket"]
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The keyword that it is, in small letters, or ""."""
        lower = self.text.lower()
        return lower if self.kind == "word" and lower in KEYWORDS else ""


def tokens(text: str) -> list[Token]:
    """Return the pieces of a query.

    Raises:
        QueryError: a quote is not closed, or a character cannot stand where it does.
    """
    found = []
    place = 0
    while (match := _TOKEN.match(text, place)) is not None:
        kind = match.lastgroup
        start, place = match.span(kind or 0)
        if kind == "quoted":
            content, place = _unquote(text, start)
            found.append(Token("quoted", content, start, place))
        elif kind == "word":
            found.append(Token("word", match["word"], start, place))
        elif kind == "operator":
            found.append(Token("operator", match["operator"].replace("==", "="), start, place))
        else:
            found.append(Token("bracket", match["bracket"], start, place))
    rest = _SPACE.match(text, place)
    place = rest.end() if rest else place
    if place < len(text):  # of all characters, only "!" is left
        raise QueryError("a lone ! is no operator; write != or not", place)
    return found


def quote(text: str) -> str:
    """Return a text in double quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def is_word(text: str) -> bool:
    """Whether a text is one word of the language, so that it needs no quotes."""
    return _IS_WORD.fullmatch(text) is not None and text.lower() not in KEYWORDS


def _unquote(text: str, start: int) -> tuple[str, int]:
    """Return what stands in the quotes that open at ``start``, and where they end.

    A backslash takes away the meaning of a quote and of a backslash; elsewhere, as in a regular expression, it stands
    for itself.
    """
    mark = text[start]
    content: list[str] = []
    place = start + 1
    while place < len(text):
        char = text[place]
        if char == mark:
            return "".join(content), place + 1
        if char == "\\" and text[place + 1 : place + 2] in (mark, "\\"):
            place += 1
            char = text[place]
        content.append(char)
        place += 1
    raise QueryError(f"the quote that opens here is not closed; end it with {mark}", start, len(text))


@dataclass(frozen=True, slots=True)
class Key:
    """The name of something, as it was written.

    Attributes:
        scope: what stands before the first dot where that is metrics, params, tags or run.
        name: the name; without quotes its end may still be a statistic, as in ``loss.min``.
        quoted: it stands in quotes and is meant exactly.
        stat: the statistic behind a quoted name.
    """

    name: str
    scope: Scope = ""
    quoted: bool = False
    stat: str = ""
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)

    def __str__(self) -> str:
        scope = self.scope and f"{self.scope}."
        stat = self.stat and f".{self.stat}"
        return f"{scope}{quote(self.name) if self.quoted else self.name}{stat}"


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it was written; without quotes it may be a number, a duration or a time."""

    text: str
    quoted: bool = False
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return quote(self.text) if self.quoted else self.text


@dataclass(frozen=True, slots=True)
class Comparison:
    """``key operator value``; only ``in`` and ``not in`` have any number of values but one."""

    key: Key
    operator: Operator
    values: tuple[Value, ...]

    def __str__(self) -> str:
        if self.operator in ("in", "not in"):
            return f"{self.key} {self.operator} ({', '.join(map(str, self.values))})"
        return f"{self.key} {self.operator} {self.values[0]}"


@dataclass(frozen=True, slots=True)
class Has:
    """``has(key)``."""

    key: Key

    def __str__(self) -> str:
        return f"has({self.key})"


@dataclass(frozen=True, slots=True)
class Not:
    """``not item``."""

    item: Query

    def __str__(self) -> str:
        return f"not {_bracketed(self.item)}"


@dataclass(frozen=True, slots=True)
class And:
    """Two or more items joined by ``and``."""

    items: tuple[Query, ...]

    def __str__(self) -> str:
        return " and ".join(map(_bracketed, self.items))


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more items joined by ``or``."""

    items: tuple[Query, ...]

    def __str__(self) -> str:
        return " or ".join(str(item) if isinstance(item, And) else _bracketed(item) for item in self.items)


Query: TypeAlias = And | Or | Not | Comparison | Has


def _bracketed(item: Query) -> str:
    return f"({item})" if isinstance(item, And | Or) else str(item)

"""What the names and values of a query mean in a workspace.

A name without a scope is, in this order: an attribute of the run, a metric, a param, a tag, a metric with a statistic
behind it, and the last part of exactly one param's path. What stands in quotes is meant whole.
"""

from __future__ import annotations

import difflib
import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from app.records.metrics import lower_is_better
from app.records.query import syntax
from app.records.query.pattern import Pattern, PatternError
from app.records.query.syntax import Key, Operator, Query, QueryError, Scope, Value
from app.records.query.values import number_of, reading, seconds_of, time_of

Kind = Literal["metric", "param", "tag", "run"]
#: What a field holds: ``any`` is what each run makes it, ``flag`` is false where nothing is known.
Type = Literal["number", "text", "time", "duration", "flag", "any"]

#: The attributes of a run.
RUN_FIELDS: dict[str, Type] = {
    "state": "text",
    "name": "text",
    "experiment": "text",
    "source": "text",
    "started": "time",
    "ended": "time",
    "duration": "duration",
    "age": "duration",
    "id": "text",
    "star": "flag",
    "group": "text",
    "notes": "text",
    "size": "number",
    "path": "text",
    "parent": "text",
    "origin": "text",
    "archived": "flag",
    "deleted": "flag",
    "problems": "text",
}
#: The statistics of a metric; ``best`` is the lowest or the highest, as its name tells.
STATS = ("last", "first", "min", "max", "mean", "count", "best", "min_step", "max_step", "best_step")
_SCOPE_OF: dict[Kind, Scope] = {"metric": "metrics", "param": "params", "tag": "tags", "run": "run"}
_ORDERINGS = frozenset({"<", "<=", ">", ">="})
_CLOSE = 0.6
_MOST_COMPARED = 5_000


@dataclass(frozen=True, slots=True)
class Field:
    """Something that every run may have a value of.

    Attributes:
        kind: what it is.
        name: its full name.
        stat: of a metric, which of its numbers, one of ``STATS``.
    """

    kind: Kind
    name: str
    stat: str = ""

    @property
    def type(self) -> Type:
        """What it holds."""
        if self.kind == "run":
            return RUN_FIELDS[self.name]
        return "number" if self.kind == "metric" else "any"

    @property
    def actual_stat(self) -> str:
        """The statistic, with ``best`` replaced by what it is for this metric."""
        side = "min" if lower_is_better(self.name) else "max"
        return self.stat.replace("best", side)


@dataclass(frozen=True)
class Names:
    """The names that the runs of a workspace have."""

    metrics: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    @cached_property
    def aliases(self) -> dict[str, list[str]]:
        """The params by the last part of their path."""
        found: dict[str, list[str]] = defaultdict(list)
        for name in sorted(self.params):
            _, dot, last = name.rpartition(".")
            if dot and last:
                found[last].append(name)
        return dict(found)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """Everything that can be asked for, without the statistics of the metrics."""
        return (
            *(Field("run", name) for name in RUN_FIELDS),
            *(Field("metric", name, "last") for name in sorted(self.metrics)),
            *(Field("param", name) for name in sorted(self.params)),
            *(Field("tag", name) for name in sorted(self.tags)),
        )

    def find(self, key: Key) -> Field:
        """Return what a key means.

        Raises:
            QueryError: nothing has this name, or several have.
        """
        field = self._scoped(key) if key.scope else self._bare(key)
        if field is None:
            raise QueryError(self._unknown(key), key.start, key.end)
        return field

    def spelling(self, field: Field, *, scoped: bool = False) -> str:
        """Return the shortest text that means a field, or the shortest with its scope."""
        stat = "" if field.stat == "last" else field.stat
        plain = syntax.is_word(field.name) and "/" not in field.name
        name = f"{field.name}.{stat}" if stat else field.name
        scope = _SCOPE_OF[field.kind]
        for key in (
            None if scoped or not plain or name.partition(".")[0] in syntax.SCOPES else Key(name),
            None if scoped else Key(field.name, "", True, stat),
            Key(name, scope) if plain else None,
        ):
            if key is not None and self._means(key, field):
                return str(key)
        return str(Key(field.name, scope, True, stat))

    def _means(self, key: Key, field: Field) -> bool:
        try:
            return self.find(key) == field
        except QueryError:
            return False

    def _scoped(self, key: Key) -> Field | None:
        match key.scope:
            case "run":
                return Field("run", key.name) if key.name in RUN_FIELDS and not key.stat else None
            case "metrics":
                return self._exact_metric(key) or self._metric_with_stat(key)
            case "params" if not key.stat:
                return Field("param", key.name) if key.name in self.params else self._alias(key)
            case "tags" if not key.stat:
                return Field("tag", key.name) if key.name in self.tags else None
        return None

    def _bare(self, key: Key) -> Field | None:
        if key.stat:
            return self._exact_metric(key)
        if key.name in RUN_FIELDS:
            return Field("run", key.name)
        if key.name in self.metrics:
            return Field("metric", key.name, "last")
        if key.name in self.params:
            return Field("param", key.name)
        if key.name in self.tags:
            return Field("tag", key.name)
        return self._metric_with_stat(key) or self._alias(key)

    def _exact_metric(self, key: Key) -> Field | None:
        if key.name not in self.metrics:
            return None
        if key.stat and key.stat not in STATS:
            message = f"a metric has no {key.stat!r}, but {', '.join(STATS)}"
            raise QueryError(message, key.start, key.end)
        return Field("metric", key.name, key.stat or "last")

    def _metric_with_stat(self, key: Key) -> Field | None:
        name, _, stat = key.name.rpartition(".")
        if key.quoted or name not in self.metrics:
            return None
        return self._exact_metric(Key(name, stat=stat, start=key.start, end=key.end))

    def _alias(self, key: Key) -> Field | None:
        paths = self.aliases.get(key.name, [])
        if len(paths) > 1:
            several = ", ".join(f"params.{path}" for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
            raise QueryError(f"{key.name!r} could be {several}; write the whole name", key.start, key.end)
        return Field("param", paths[0]) if paths else None

    def _unknown(self, key: Key) -> str:
        sort: dict[str, tuple[str, Iterable[str]]] = {
            "": ("metric, param or tag", self._bare_names()),
            "run": ("attribute", RUN_FIELDS),
            "metrics": ("metric", self.metrics),
            "params": ("param", (*self.params, *self.aliases)),
            "tags": ("tag", self.tags),
        }
        what, names = sort[key.scope]
        near = closest(key.name, names)
        hint = f"; did you mean {key.scope and key.scope + '.'}{near}?" if near else ""
        return (
            f"no run has a {what} called {key.name!r}{hint}"
            if key.scope != "run"
            else (f"a run has no attribute {key.name!r}{hint or ', but ' + ', '.join(RUN_FIELDS)}")
        )

    def _bare_names(self) -> Iterable[str]:
        return (*RUN_FIELDS, *self.metrics, *self.params, *self.aliases, *self.tags)


@dataclass(frozen=True, slots=True)
class Operand:
    """What values are compared with: as a number with numbers, as text with text.

    Attributes:
        number: the number; seconds for a duration, seconds since the epoch for a time.
        text: the text; None for what is a number only.
        until: of a time, the end of the span that it names.
        pattern: of ``~`` and ``like``, what the text is searched for.
        start: where it stands in the query.
    """

    number: float | None = None
    text: str | None = None
    until: float | None = None
    pattern: Pattern | None = None
    start: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison whose name and values are understood; without an operator it asks whether there is a value.

    ``in`` is true where any operand is equal, ``not in`` where none is.
    """

    field: Field | None
    operator: Operator | None = None
    operands: tuple[Operand, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Conditions joined by ``and``, ``or`` or, a single one, by ``not``."""

    join: Literal["and", "or", "not"]
    parts: tuple[Resolved, ...]


Resolved: TypeAlias = Condition | Selection


def resolve(query: Query, names: Names) -> Resolved:
    """Return what a query means in a workspace.

    Raises:
        QueryError: a name is unknown, or a value does not fit to it.
    """
    match query:
        case syntax.And(items):
            return Selection("and", tuple(resolve(item, names) for item in items))
        case syntax.Or(items):
            return Selection("or", tuple(resolve(item, names) for item in items))
        case syntax.Not(item):
            return Selection("not", (resolve(item, names),))
        case syntax.Has(key):
            try:
                return Condition(names.find(key))
            except QueryError:
                if key.scope in ("", "run") or key.stat:
                    raise
                return Condition(None)  # a scope says what is meant, and no run has it
        case syntax.Comparison(key, operator, values):
            field = names.find(key)
            read = _reader(field, operator)
            return Condition(field, operator, tuple(read(key, value) for value in values))


def closest(name: str, names: Iterable[str]) -> str | None:
    """Return the name that is most like another, None where none is."""
    wanted = name.casefold()
    near = {each.casefold(): each for each in names if abs(len(each) - len(name)) <= 3 + len(name) // 2}
    some = list(near)[:_MOST_COMPARED]
    found = difflib.get_close_matches(wanted, some, 1, _CLOSE)
    return near[found[0]] if found else None


def _reader(field: Field, operator: Operator) -> Callable[[Key, Value], Operand]:
    """Return what makes an operand of a value for a field."""
    if operator in ("~", "like"):
        if field.type in ("text", "any"):
            return _like if operator == "like" else _pattern
        return _no_text(operator)
    match field.type:
        case "number":
            return _number
        case "time":
            return _time
        case "duration":
            return _duration
        case "flag":
            return _no_order if operator in _ORDERINGS else _flag
        case "text":
            return lambda key, value: Operand(text=value.text)
    return _ordered if operator in _ORDERINGS else _equal


def _number(key: Key, value: Value) -> Operand:
    number = _seconds_or_number(value)
    if number is None:
        raise QueryError(f"{key} is a number, and {value.text!r} is none", value.start, value.end)
    return Operand(number)


def _time(key: Key, value: Value) -> Operand:
    span = time_of(value.text)
    if span is not None:
        return Operand(span[0], until=span[1])
    number = number_of(value.text)
    if number is not None and math.isfinite(number):
        return Operand(number, until=math.nextafter(number, math.inf))
    if seconds_of(value.text) is not None:
        message = f"{key} is a time, and {value.text!r} a duration; write age < {value.text}"
    else:
        message = f"{key} is a time, as in {key} >= 2026-11-18 or 2026-11-18T15:02"
    raise QueryError(message, value.start, value.end)


def _duration(key: Key, value: Value) -> Operand:
    number = _seconds_or_number(value)
    if number is None:
        message = f"{key} is a duration such as 30s, 15m, 3h, 2d, 1w or 1h30m"
        raise QueryError(message, value.start, value.end)
    return Operand(number)


def _flag(key: Key, value: Value) -> Operand:
    text = value.text.lower()
    if text not in ("true", "false"):
        raise QueryError(f"{key} is true or false", value.start, value.end)
    return Operand(text=text)


def _no_order(key: Key, value: Value) -> Operand:
    raise QueryError(f"{key} is true or false; write {key} = true", key.start, value.end)


def _no_text(operator: Operator) -> Callable[[Key, Value], Operand]:
    def refuse(key: Key, value: Value) -> Operand:
        raise QueryError(f"{key} is no text, and {operator} is for text; use = < >", key.start, value.end)

    return refuse


def _equal(key: Key, value: Value) -> Operand:
    what = reading(value.text)
    if isinstance(what, float):
        return Operand(what)
    return Operand(None if value.quoted else seconds_of(value.text), what)


def _ordered(key: Key, value: Value) -> Operand:
    number = number_of(value.text) if value.quoted else _seconds_or_number(value)
    return Operand(text=value.text) if number is None else Operand(number)


def _seconds_or_number(value: Value) -> float | None:
    number = number_of(value.text)
    return seconds_of(value.text) if number is None else number


def _pattern(key: Key, value: Value) -> Operand:
    try:
        return Operand(pattern=Pattern.of_regex(value.text), start=value.start)
    except PatternError as error:
        start = value.start + value.quoted + error.position
        raise QueryError(str(error), min(start, max(value.end - 1, value.start))) from error


def _like(key: Key, value: Value) -> Operand:
    try:
        return Operand(pattern=Pattern.of_like(value.text), start=value.start)
    except PatternError as error:
        raise QueryError(str(error), value.start, value.end) from error

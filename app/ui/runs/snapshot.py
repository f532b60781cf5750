"""What the table shows of the index: read in the background, as columns of one state of it that never change."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from app.records.status import END_STATES
from app.ui.runs.columns import (
    FIXED,
    HIDDEN,
    TREND,
    UNDER_WAY,
    Column,
    all_columns,
    column_of,
    common_metrics,
    shown_at_first,
)
from app.ui.runs.scope import OWN, Scope

# All that reads the index is imported in the background.
if TYPE_CHECKING:
    from app.records.index import Index, ValueColumn
    from app.records.index.values import Ids
    from app.records.query import Names
    from app.records.sources.base import Param

#: What makes a text a query; any other is words to be found.
_OPERATOR = re.compile(r"""[=<>~!"`]|\b(like|(not\s+)?in)\s*["(\[]|\bhas\s*\(""", re.IGNORECASE)
#: What words are looked for in.
_SEARCHED = ("name", "experiment", "state", "source")
#: What is not shown unless it is asked for.
_KEPT = "run.deleted = false"
_DATED = re.compile(r"(\d\d-\d\d-\d\d)__(\d\d)-(\d\d)-(\d{4})(.*)")


@dataclass(frozen=True, slots=True)
class Request:
    """What the table is to show.

    Attributes:
        scope: the runs that it is of.
        text: words or a query that they have to meet.
        sort: the id of the column that they are ordered by, and whether descending.
        chosen: the ids of the columns that the user chose; None for those that tell most.
        live: the folders of runs that are followed, relative to the workspace.
    """

    scope: Scope = field(default_factory=Scope)
    text: str = ""
    sort: tuple[str, bool] = ("started", True)
    chosen: frozenset[str] | None = None
    live: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The runs that were asked for, in order, and what their columns hold.

    Attributes:
        request: what was asked for.
        version: the state of the index.
        ids: the runs.
        values: the values of the columns that are shown, and of ``FIXED`` and ``HIDDEN``, by the column's id.
        key_metric: the metric that tells most of the runs, "" for none; ``trends`` are its trends.
        total: how many runs the scope has.
        available: every column that there is; ``shown``: those that are shown.
        own: the ids of our own runs by their folders.
        live: what is known of runs that are followed, by folder and the column's id.
        ended: the folders of those of them of which the index has the end.
        goes_on: whether the time of any run goes on.
    """

    request: Request
    version: object
    ids: Ids
    values: Mapping[str, ValueColumn]
    key_metric: str
    trends: Sequence[tuple[float, ...]]
    total: int
    available: tuple[Column, ...]
    shown: tuple[Column, ...]
    own: Mapping[str, int]
    live: Mapping[str, Mapping[str, Param]]
    ended: frozenset[str]
    goes_on: bool


def is_query(text: str) -> bool:
    """Whether a text is one of the query language, and not words to be found."""
    return _OPERATOR.search(text) is not None


class SnapshotReader:
    """Reads one snapshot after the other; what has not changed since the last is not read again."""

    def __init__(self) -> None:
        self._version: object = None
        self._own: dict[str, int] = {}
        self._ended: frozenset[int] = frozenset()
        self._names: Names | None = None
        self._scopes: dict[str, tuple[int, int, list[str]]] = {}

    def read(self, index: Index, request: Request) -> Snapshot:
        """Return what was asked for.

        Raises:
            QueryError: the query cannot be understood.
            OSError: the index cannot be used.
        """
        version = index.version
        if version != self._version:
            self._read_once(index)
            self._version = version
        scope = " and ".join(filter(None, (request.scope.query(), "" if "deleted" in request.text else _KEPT)))
        if scope not in self._scopes:
            self._scopes[scope] = _about(index, scope)
        total, sources, common = self._scopes[scope]
        assert self._names is not None
        available = all_columns(
            common, {"metric": self._names.metrics, "param": self._names.params, "tag": self._names.tags}
        )
        wanted = shown_at_first(common, sources) if request.chosen is None else request.chosen
        shown = [each for each in available if each.id in wanted]
        ids = self._chosen(index, request, scope)
        # Followed runs that the index knows: their place is before the others in what is read.
        known = {path: self._own[path] for path in request.live if path in self._own}
        rows = _joined(list(known.values()), ids)
        read = {each.id: each for each in (*FIXED, *HIDDEN, *shown) if each.id != TREND}
        fields = {id_: column.field() for id_, column in read.items()}
        table = index.table(rows, list(fields.values()))
        values = {id_: table[each] for id_, each in fields.items()}
        shown = [_with_numbers(each, values[each.id]) if each.form == "value" else each for each in shown]
        key = common[0] if common else ""
        return Snapshot(
            request,
            version,
            ids,
            {id_: _without(column, len(known)) for id_, column in values.items()},
            key,
            index.trends(ids, key),
            total,
            tuple(available),
            tuple(shown),
            self._own,
            {path: {id_: values[id_][place] for id_ in values} for place, path in enumerate(known)},
            frozenset(path for path, run in known.items() if run in self._ended),
            bool(values["state"].having(lambda text: text in UNDER_WAY)[len(known) :].any()),
        )

    def _read_once(self, index: Index) -> None:
        """Read what all requests to one state of the index have in common."""
        from app.records.query import Field

        ids = index.query(f'run.origin = "{OWN}"')
        path, state = Field("run", "path"), Field("run", "state")
        table = index.table(ids, [path, state])
        self._own = {str(text): run for text, run in zip(table[path], ids.tolist(), strict=True)}
        self._ended = frozenset(ids[table[state].having(lambda text: text in END_STATES)].tolist())
        self._names = index.names()
        self._scopes = {}

    def _chosen(self, index: Index, request: Request, scope: str) -> Ids:
        """Return the ids of the runs that were asked for, in order."""
        id_, descending = request.sort
        column = column_of(id_) or column_of("started")
        assert column is not None
        text = request.text.strip()
        query = (text if is_query(text) else _words(text)) if text else ""
        sort = None if column.id == "name" else (column.field(), descending)
        ids = _ask(index, scope, query, sort)
        if sort is None:
            ids = ids[_by_date(index.table(ids, [column.field()])[column.field()], descending)]
        return ids


def _ask(index: Index, scope: str, query: str, sort: Any) -> Ids:
    """Return the runs of a scope that meet a query; where that is wrong is told of the query alone."""
    from app.records.query import QueryError, parse

    if query and scope:
        parse(query)  # which alone has to be whole
        start = f"{scope} and ("
        try:
            return index.query(f"{start}{query})", sort)
        except QueryError as error:
            raise QueryError(error.message, error.start - len(start), error.end - len(start)) from error
    return index.query(scope or query, sort)


def _words(text: str) -> str:
    """Return the query for runs that have each word of a text somewhere."""
    from app.records.query.syntax import quote

    parts = []
    for word in text.split():
        pattern = quote(f"(?i){re.escape(word)}")
        parts.append(f"({' or '.join(f'run.{name} ~ {pattern}' for name in _SEARCHED)})")
    return " and ".join(parts)


def _about(index: Index, scope: str) -> tuple[int, int, list[str]]:
    """Return of a scope how many runs it has, of how many kinds of sources, and the metrics worth a column."""
    from app.records.query import Field

    ids = index.query(scope)
    source = Field("run", "source")
    column = index.table(ids, [source])[source]
    kinds = len(set(column.codes.tolist()))
    counts = {each.name: count for each, count in index.counts(ids).items()}
    return len(ids), kinds, common_metrics(counts, len(ids))


def _by_date(names: ValueColumn, descending: bool) -> Any:
    """Return the order of names; those of executions begin with the time of the day, and their date counts first."""
    from app.records.index.selection import order

    dated = [_DATED.sub(r"\4-\3-\2 \1\5", text) for text in names.texts]
    return order(replace(names, texts=dated), descending=descending)


def _joined(first: list[int], then: Ids) -> Ids:
    import numpy as np

    return np.concatenate((np.array(first, np.int64), then))


def _without(column: ValueColumn, count: int) -> ValueColumn:
    """Return a column without its first values."""
    return replace(column, numbers=column.numbers[count:], codes=column.codes[count:])


def _with_numbers(column: Column, values: ValueColumn) -> Column:
    """Return a column as one of numbers where all that it holds are numbers."""
    from app.records.index.values import FLOAT, INT, MISSING

    codes = values.codes
    return replace(column, has_numbers=bool(((codes == FLOAT) | (codes == INT) | (codes == MISSING)).all()))

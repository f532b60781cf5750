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
    from app.records.index.summaries import Trends
    from app.records.index.values import Ids, Mask
    from app.records.sources.base import Param

#: What makes a text a query; any other is words to be found.
_OPERATOR = re.compile(r"""[=<>~!"`]|\b(like|(not\s+)?in)\s*["(\[]|\bhas\s*\(""", re.IGNORECASE)
#: What words are looked for in: name, experiment, state and source.
_SEARCHED = ("text", "state", "source")
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
        self._state: _State | None = None

    def read(self, index: Index, request: Request) -> Snapshot:
        """Return what was asked for.

        Raises:
            QueryError: the query cannot be understood.
            LookupError: the index changed while it was read.
            OSError: the index cannot be used.
        """
        version = index.version
        state = self._state
        if state is None or state.version != version:
            state = self._state = _State(index, version)
        scope = " and ".join(filter(None, (request.scope.query(), "" if "deleted" in request.text else _KEPT)))
        about = state.about(scope)
        wanted = about.shown if request.chosen is None else request.chosen
        shown = [each for each in about.available if each.id in wanted]
        read = {each.id: each for each in (*FIXED, *HIDDEN, *shown) if each.id != TREND}
        columns = state.columns(list(read.values()))
        ids = self._chosen(state, request, scope)
        places = state.places(ids)
        known = {path: state.own[path] for path in request.live if path in state.own}
        live_places = state.places(list(known.values())).tolist()
        values = {id_: column.take(places) for id_, column in columns.items()}
        return Snapshot(
            request,
            version,
            ids,
            values,
            about.key_metric,
            state.trends(about.key_metric).take(places),
            about.total,
            about.available,
            tuple(_with_numbers(each, columns[each.id]) if each.form == "value" else each for each in shown),
            state.own,
            {
                path: {id_: column[place] for id_, column in columns.items()}
                for path, place in zip(known, live_places, strict=True)
            },
            frozenset(path for path, run in known.items() if run in state.ended),
            bool(values["state"].having(lambda text: text in UNDER_WAY).any()),
        )

    def _chosen(self, state: _State, request: Request, scope: str) -> Ids:
        """Return the ids of the runs that were asked for, in order."""
        id_, descending = request.sort
        column = column_of(id_) or column_of("started")
        assert column is not None
        text = request.text
        ids = _ask(state.index, scope, text if is_query(text) else "", (column.field(), descending))
        if column.id == "name":
            ids = ids[_by_date(state.columns([column])[column.id].take(state.places(ids)), descending)]
        if text.strip() and not is_query(text):
            ids = ids[state.having_words(text)[state.places(ids)]]
        return ids


@dataclass(frozen=True, slots=True)
class _About:
    """What is known of a scope: how many runs it has, which columns, and the metric that tells most of them."""

    total: int
    key_metric: str
    available: tuple[Column, ...]
    shown: frozenset[str]


class _State:
    """One state of the index: what was read of it is kept, so that another query of it needs little."""

    def __init__(self, index: Index, version: object) -> None:
        self.index = index
        self.version = version
        self._ids = index.query()
        self._names = index.names()
        self._columns: dict[str, ValueColumn] = {}
        self._abouts: dict[str, _About] = {}
        self._trends: dict[str, Trends] = {}
        origin, path, state = self.columns([*HIDDEN, *FIXED])["origin"], self._columns["path"], self._columns["state"]
        ours = origin.having(OWN.__eq__)
        ids = self._ids[ours].tolist()
        #: The ids of our runs by their folders, and of those of them that are over.
        self.own: dict[str, int] = {str(text): run for text, run in zip(_of(path, ours), ids, strict=True)}
        self.ended = frozenset(self._ids[ours & state.having(lambda text: text in END_STATES)].tolist())

    def columns(self, columns: Sequence[Column]) -> dict[str, ValueColumn]:
        """Return the values of all runs of some columns, by the column's id."""
        missing = {each.id: each.field() for each in columns if each.id not in self._columns}
        if missing:
            table = self.index.table(self._ids, list(missing.values()))
            self._columns |= {id_: table[each] for id_, each in missing.items()}
        return {each.id: self._columns[each.id] for each in columns}

    def trends(self, metric: str) -> Trends:
        """Return the trends of a metric for all runs."""
        if metric not in self._trends:
            self._trends[metric] = self.index.trends(self._ids, metric)
        return self._trends[metric]

    def places(self, ids: Ids | Sequence[int]) -> Ids:
        """Return where runs are in the columns.

        Raises:
            LookupError: one is not there, since the index has changed.
        """
        import numpy as np

        wanted = np.asarray(ids, np.int64)
        places: Ids = np.searchsorted(self._ids, wanted)
        if len(wanted) and (places.max() >= len(self._ids) or (self._ids[places] != wanted).any()):
            raise LookupError("the index has changed")
        return places

    def having_words(self, text: str) -> Mask:
        """Return which runs have each word of a text somewhere."""
        import numpy as np

        mask = np.ones(len(self._ids), bool)
        columns = self.columns([each for each in FIXED if each.form in _SEARCHED]).values()
        for word in text.casefold().split():
            mask &= np.logical_or.reduce([_having(column, word) for column in columns])
        return mask

    def about(self, scope: str) -> _About:
        """Return what is known of the runs that a query means."""
        if scope not in self._abouts:
            ids = self.index.query(scope)
            sources = self.columns(FIXED)["source"].take(self.places(ids))
            counts = {each.name: count for each, count in self.index.counts(ids).items()}
            common = common_metrics(counts, len(ids))
            names = self._names
            available = all_columns(common, {"metric": names.metrics, "param": names.params, "tag": names.tags})
            shown = shown_at_first(common, len(set(sources.codes.tolist())))
            self._abouts[scope] = _About(len(ids), common[0] if common else "", tuple(available), frozenset(shown))
        return self._abouts[scope]


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


def _by_date(names: ValueColumn, descending: bool) -> Any:
    """Return the order of names; those of executions begin with the time of the day, and their date counts first."""
    from app.records.index.selection import order

    dated = [_DATED.sub(r"\4-\3-\2 \1\5", text) for text in names.texts]
    return order(replace(names, texts=dated), descending=descending)


def _having(column: ValueColumn, word: str) -> Mask:
    return column.having(lambda text: word in text.casefold())


def _of(column: ValueColumn, mask: Mask) -> ValueColumn:
    """Return the column of the runs of a mask."""
    return replace(column, numbers=column.numbers[mask], codes=column.codes[mask])


def _with_numbers(column: Column, values: ValueColumn) -> Column:
    """Return a column as one of numbers where all that it holds are numbers."""
    from app.records.index.values import FLOAT, INT, MISSING

    codes = values.codes
    return replace(column, has_numbers=bool(((codes == FLOAT) | (codes == INT) | (codes == MISSING)).all()))

"""The index of a workspace: every run of every source, to be asked for, put in order and shown."""

from __future__ import annotations

import functools
import math
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import numpy as np

from app.records.annotations import Annotations
from app.records.index.database import DamagedError, Database
from app.records.index.reading import Columns
from app.records.index.selection import Group, groups, order, select
from app.records.index.summaries import Trends
from app.records.index.values import MISSING, NULL, Floats, Ids, ValueColumn
from app.records.index.writing import Changes, restored, stored
from app.records.layout import PRIVATE, Workspace
from app.records.query import Field, Names, parse, resolve
from app.records.sources.base import Param, RunRecord

_MOST_VALUES = 200
_P = ParamSpec("_P")
_R = TypeVar("_R")


def _on_whole_file(method: Callable[Concatenate[Index, _P], _R]) -> Callable[Concatenate[Index, _P], _R]:
    """Let a method work on the file that is at its path; where that is damaged, on the empty one made in its place."""

    @functools.wraps(method)
    def work(self: Index, /, *args: _P.args, **more: _P.kwargs) -> _R:
        with self._database.lock:
            if self._database.has_moved():
                self._database.reopen()
            try:
                return method(self, *args, **more)
            except DamagedError:
                self._database.reopen()
                return method(self, *args, **more)

    return work


class Index:
    """The index of one workspace. Runs have an id in it, a whole number that is never given to another run.

    A run is known by its source and its key there; its own id (``run.id``) may be that of another too, since a folder
    can be copied: ``clashes`` tells, and so do the problems of its record. Several processes and threads may use the
    file at once, each thread with an Index of its own; one Index may be used by several threads, one at a time.

    Every method raises OSError where the file cannot be used. A damaged one is moved aside and made again, empty: the
    next look at the sources fills it.

    Args:
        workspace: the workspace.
        memory: keep everything in memory. So is what cannot be written to the workspace.
    """

    def __init__(self, workspace: Workspace, *, memory: bool = False) -> None:
        self._root = workspace.root
        self._database = Database(None if memory else workspace.root / PRIVATE / "index.db")

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @property
    def is_kept(self) -> bool:
        """Whether what is indexed is there at the next start; False in memory."""
        return self._database.is_kept

    @_on_whole_file
    def rebuild(self) -> None:
        """Make the index anew, empty."""
        self._database.clear()

    @property
    @_on_whole_file
    def version(self) -> tuple[str, int, int]:
        """What changes with every change of the index, by this or another process; cheap to ask.

        Where the first part differs the index was made anew, and all ids with it.
        """
        with self._database.transaction("DEFERRED") as db:
            (made,) = db.execute("SELECT made FROM file").fetchone()
            (elsewhere,) = db.execute("PRAGMA data_version").fetchone()
            return made, elsewhere, db.total_changes

    # What is there

    @_on_whole_file
    def sources(self) -> list[str]:
        """Return the names of the sources."""
        with self._database.transaction("DEFERRED") as db:
            return [restored(name) for (name,) in db.execute("SELECT name FROM sources ORDER BY id")]

    @_on_whole_file
    def known(self, source: str) -> dict[str, bytes]:
        """Return the stamps of a source's runs by key, as ``Source.scan`` takes them."""
        sql = "SELECT key, stamp FROM runs WHERE source = (SELECT id FROM sources WHERE name = ?)"
        with self._database.transaction("DEFERRED") as db:
            return {restored(key): stamp for key, stamp in db.execute(sql, (stored(source),))}

    @_on_whole_file
    def update(
        self,
        source: str,
        records: Collection[RunRecord] = (),
        stamps: Mapping[str, bytes] | None = None,
        gone: Collection[str] = (),
        annotations: Mapping[str, Annotations] | None = None,
    ) -> None:
        """Put runs of a source into the index, all of them or, if the program is killed, none.

        Args:
            source: what the workspace calls the source.
            records: runs that are new or have changed.
            stamps: their stamps by key; a run without one is read again at the next look.
            gone: keys that are not there any more.
            annotations: what people added, by key, of these runs or of others that are known; it replaces what was
                added before.
        """
        stamps = {} if stamps is None else stamps
        with self._database.transaction("IMMEDIATE") as db:
            changes = Changes(db, self._root)
            number = _source_number(db, source)
            for key in gone:
                run = changes.find(number, key)
                if run is not None:
                    changes.remove(run)
            changes.put(number, source, records, stamps)
            for key, added in (annotations or {}).items():
                run = changes.find(number, key)
                if run is not None:
                    changes.annotate(run, added)
            changes.write()

    @_on_whole_file
    def forget(self, source: str) -> None:
        """Take a source out with all of its runs."""
        with self._database.transaction("IMMEDIATE") as db:
            changes = Changes(db, self._root)
            number = _source_number(db, source)
            for (run,) in db.execute("SELECT id FROM runs WHERE source = ?", (number,)).fetchall():
                changes.remove(run)
            changes.write()
            db.execute("DELETE FROM sources WHERE id = ?", (number,))

    @_on_whole_file
    def unmeasured(self, limit: int) -> list[tuple[int, Path]]:
        """Return runs, the latest found first, whose size is not known, with the folder or file that is theirs alone.

        What several runs share, such as a database, is no run's own.
        """
        with self._reading() as columns:
            size, paths = columns.of("run", "size"), columns.of("run", "path")
            codes = np.maximum(paths.codes, 0)
            wanted = (size.codes == MISSING) & paths.present & (np.bincount(codes)[codes] == 1)
            return [(run, self._root / str(paths[run])) for run in np.flatnonzero(wanted)[: -limit - 1 : -1].tolist()]

    @_on_whole_file
    def set_sizes(self, sizes: Mapping[int, int | None]) -> None:
        """Note the bytes that runs take on the disk, None where that cannot be told."""
        with self._database.transaction("IMMEDIATE") as db:
            changes = Changes(db, self._root)
            for run, size in sizes.items():
                if db.execute("SELECT 1 FROM runs WHERE id = ?", (run,)).fetchone():
                    changes.measure(run, size)
            changes.write()

    # What is asked

    @_on_whole_file
    def names(self) -> Names:
        """Return the names of all metrics, params and tags."""
        with self._reading() as columns:
            return columns.names()

    @_on_whole_file
    def counts(self, ids: Ids | None = None) -> dict[Field, int]:
        """Return how many runs have each metric, param and tag; of some runs, how many of them have each metric."""
        with self._reading() as columns:
            return columns.counts() if ids is None else columns.metric_counts(ids)

    @_on_whole_file
    def values(self, field: Field | str, limit: int = _MOST_VALUES) -> list[str]:
        """Return the values that runs have of a field as text, the most frequent first."""
        with self._reading() as columns:
            column = columns.column(columns.field(field), time.time())
            known = np.flatnonzero((column.codes != MISSING) & (column.codes != NULL))
            each = groups(known, column.take(known), None)
            each.sort(key=lambda group: -group.count)
            return [_written(group.value) for group in each[:limit]]

    @_on_whole_file
    def query(
        self,
        text: str | None = None,
        sort: tuple[Field | str, bool] | None = None,
        *,
        limit: int | None = None,
        offset: int = 0,
        now: float | None = None,
    ) -> Ids:
        """Return the ids of the runs that meet a query.

        Args:
            text: the query; all runs for None and "".
            sort: what they are ordered by, and whether descending; in the order they were first found without it.
            limit: how many at most.
            offset: how many to leave out in front.
            now: what time it is, seconds since the epoch; the clock's time without it.

        Raises:
            QueryError: the query cannot be understood.
        """
        now = time.time() if now is None else now
        tree = parse(text) if text and text.strip() else None
        with self._reading() as columns:
            ids = columns.runs()
            if tree is not None:
                names = columns.names()
                mask = select(resolve(tree, names), lambda field: columns.column(field, now), columns.size)
                ids = ids[mask[ids]]
            if sort is not None:
                key, descending = sort
                ids = ids[order(columns.column(columns.field(key), now).take(ids), descending=descending)]
        return ids[offset : None if limit is None else offset + limit]

    @_on_whole_file
    def group(
        self, ids: Ids, by: Field | str, of: Field | str | None = None, *, now: float | None = None
    ) -> list[Group]:
        """Return runs by what they have of a field.

        Args:
            ids: the runs.
            by: what they are grouped by.
            of: what the groups' figures are of; they leave out runs of which it is known that they are not finished.
            now: what time it is.

        Raises:
            QueryError: there is no such name.
        """
        now = time.time() if now is None else now
        with self._reading() as columns:
            numbers: Floats | None = None
            if of is not None:
                numbers = columns.column(columns.field(of), now).take(ids).numbers
                numbers = np.where(columns.in_state("finished", "")[ids], numbers, math.nan)
            return groups(ids, columns.column(columns.field(by), now).take(ids), numbers)

    @_on_whole_file
    def table(
        self, ids: Ids, keys: Sequence[Field | str], *, now: float | None = None
    ) -> dict[Field | str, ValueColumn]:
        """Return a column for each key, with a place for each run.

        Raises:
            QueryError: there is no such name.
        """
        now = time.time() if now is None else now
        with self._reading() as columns:
            return {key: columns.column(columns.field(key), now).take(ids) for key in keys}

    @_on_whole_file
    def trends(self, ids: Ids, metric: str) -> Trends:
        """Return the shape of a metric's curve for each run, () for none; within half a percent of its height."""
        with self._reading() as columns:
            return columns.trends(ids, metric)

    @_on_whole_file
    def record(self, run: int) -> RunRecord:
        """Return what is known of a run, people's tags and name included; another run with its id is a problem of it.

        Raises:
            KeyError: there is no such run.
        """
        with self._reading() as columns:
            for _, record in columns.records([run], self._root):
                return record
        raise KeyError(run)

    @_on_whole_file
    def records(self, ids: Ids) -> list[RunRecord]:
        """Return what is known of many runs, as ``record`` does; those that are gone are left out.

        A run of 10 metrics takes some 10 KB of memory: ask for thousands at a time.
        """
        with self._reading() as columns:
            found = dict(columns.records(ids.tolist(), self._root))
        return [found[run] for run in ids.tolist() if run in found]

    @_on_whole_file
    def whereabouts(self, run: int) -> tuple[str, str]:
        """Return the name of a run's source and its key there.

        Raises:
            KeyError: there is no such run.
        """
        sql = "SELECT sources.name, key FROM runs JOIN sources ON sources.id = source WHERE runs.id = ?"
        with self._database.transaction("DEFERRED") as db:
            row = db.execute(sql, (run,)).fetchone()
        if row is None:
            raise KeyError(run)
        return restored(row[0]), restored(row[1])

    @_on_whole_file
    def find(self, text: str) -> Ids:
        """Return the runs that a person can mean: by id, name or key, or else by what one of them begins with."""
        with self._reading() as columns:
            mask = np.zeros(columns.size, bool)
            if text:
                mask = columns.matching(lambda each: each == text)
            if text and not mask.any():
                mask = columns.matching(lambda each: each.startswith(text))
            ids = columns.runs()
            return ids[mask[ids]]

    @_on_whole_file
    def clashes(self) -> dict[str, list[int]]:
        """Return the ids of runs that more than one has, with the runs."""
        with self._reading() as columns:
            return columns.clashes()

    @contextmanager
    def _reading(self) -> Iterator[Columns]:
        with self._database.transaction("DEFERRED") as db:
            yield Columns(db)


def _source_number(db: sqlite3.Connection, name: str) -> int:
    db.execute("INSERT OR IGNORE INTO sources (name) VALUES (?)", (stored(name),))
    (number,) = db.execute("SELECT id FROM sources WHERE name = ?", (stored(name),)).fetchone()
    return int(number)


def _written(value: Param) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

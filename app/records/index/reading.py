"""One state of the index, read column by column."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from app.records.index.database import DamagedError
from app.records.index.summaries import SummaryChunk, Trends, summaries_at, summary_column, trends_of
from app.records.index.values import CHUNK, CHUNK_BITS, Ids, Mask, ValueChunk, ValueColumn, values_at
from app.records.index.writing import ADDED, NUMBER_BITS, restored, stored
from app.records.query import Field, Names, parse_key
from app.records.sources.base import Param, RunRecord
from app.records.summary import MetricSummary

#: Attributes that people give, by what they are called as such.
_ADDED_FIELDS = frozenset({"star", "archived", "group", "notes"})
#: Columns have a place for every id up to the highest. Beyond so many places a run, and some, the index is made anew.
_SPREAD, _FREE = 16, 1_000_000
_UNDER_WAY = ("starting", "running", "paused")
#: Of the runs with the same id as a run, so many are told by name.
_TOLD_CLASHES = 3

#: What is stored of a run, by kind and name.
_Values: TypeAlias = dict[str, dict[str, Param]]


class Columns:
    """The columns of the index in one transaction; place ``i`` of each is the run with the id ``i``.

    Every method raises DamagedError where what it reads is damaged.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        count, last = db.execute("SELECT count(*), ifnull(max(id), 0) FROM runs").fetchone()
        if last > _SPREAD * count + _FREE:
            raise DamagedError(f"the index is spread too thin: {count} runs have ids up to {last}")
        self.size = last + 1
        self._read: dict[tuple[str, str], ValueColumn] = {}

    def runs(self) -> Ids:
        """Return the ids of all runs, ascending."""
        return np.flatnonzero(self.of("run", "source").present)

    def names(self) -> Names:
        """Return the names of all metrics, params and tags that a run has."""
        found: dict[str, set[str]] = {"metric": set(), "param": set(), "tag": set(), "run": set(), ADDED: set()}
        for kind, table in (("metric", "summary_chunks"), ("", "value_chunks")):
            sql = f"""SELECT kind, name FROM names WHERE (kind = 'metric') = ? AND EXISTS (
                      SELECT 1 FROM {table} WHERE id BETWEEN names.id << {NUMBER_BITS} AND
                      ((names.id + 1) << {NUMBER_BITS}) - 1)"""
            for of_kind, name in self._db.execute(sql, (bool(kind),)):
                found[of_kind].add(restored(name))
        tags = found["tag"] | {name.removeprefix("tags.") for name in found[ADDED] if name.startswith("tags.")}
        return Names(frozenset(found["metric"]), frozenset(found["param"]), frozenset(tags))

    def counts(self) -> dict[Field, int]:
        """Return how many runs have each metric, param and tag that their source tells."""
        found = {}
        for table in ("summary_chunks", "value_chunks"):
            sql = f"""SELECT kind, name, runs FROM names JOIN
                      (SELECT id >> {NUMBER_BITS} AS of, sum(length(rows)) AS runs FROM {table} GROUP BY 1)
                      ON of = names.id WHERE kind IN ('metric', 'param', 'tag')"""
            for kind, name, runs in self._db.execute(sql):
                found[Field(kind, restored(name), "last" if kind == "metric" else "")] = int(runs)
        return found

    def metric_counts(self, ids: Ids) -> dict[Field, int]:
        """Return how many of some runs have each metric."""
        chosen = np.zeros(((self.size >> CHUNK_BITS) + 1) << CHUNK_BITS, np.int64)
        chosen[ids] = 1
        counts: defaultdict[str, int] = defaultdict(int)
        sql = f"""SELECT name, chunks.id % (1 << {NUMBER_BITS}), rows FROM names
                  JOIN summary_chunks AS chunks ON chunks.id >> {NUMBER_BITS} = names.id WHERE kind = 'metric'"""
        with _decoding():
            for name, number, rows in self._db.execute(sql):
                part = chosen[number << CHUNK_BITS :][:CHUNK]
                counts[restored(name)] += int(part[np.frombuffer(rows, np.uint8)].sum())
        return {Field("metric", name, "last"): count for name, count in counts.items() if count}

    def field(self, key: Field | str) -> Field:
        """Return the field that a key of the query language means.

        Raises:
            QueryError: there is none.
        """
        return key if isinstance(key, Field) else self.names().find(parse_key(key))

    def column(self, field: Field, now: float) -> ValueColumn:
        """Return the values of a field."""
        match field.kind, field.name:
            case "metric", name:
                with _decoding():
                    return summary_column(self._summaries(name), field.actual_stat, self.size)
            case "tag", name:
                return self.of(ADDED, f"tags.{name}").over(self.of("tag", name))
            case "run", "name":
                return self.of(ADDED, "name").over(self.of("run", "name"))
            case "run", "age":
                started = self.of("run", "started")
                return ValueColumn.of_numbers(now - started.numbers, started.present)
            case "run", "duration":
                return self._durations(now)
            case "run", name if name in _ADDED_FIELDS:
                return self.of(ADDED, name)
        return self.of(field.kind, field.name)

    def of(self, kind: str, name: str) -> ValueColumn:
        """Return the values that are stored under a kind and name."""
        known = self._read.get((kind, name))
        if known is None:
            with _decoding():
                known = self._read[kind, name] = ValueColumn.of_chunks(self._values(kind, name), self.size)
        return known

    def in_state(self, *states: str) -> Mask:
        """Return which runs are in one of some states; "" is an unknown one."""
        column = self.of("run", "state")
        mask = column.having(lambda text: text in states)
        return mask | ~column.present if "" in states else mask

    def trends(self, ids: Ids, metric: str) -> Trends:
        """Return the trend of a metric for some runs."""
        with _decoding():
            return trends_of(self._summaries(metric), ids, self.size)

    def matching(self, meets: Callable[[str], bool]) -> Mask:
        """Return the runs of which the id, the key, or the name, its own or the one that people gave, is meant."""
        mask = self.of("run", "id").having(meets) | self.of("run", "name").having(meets)
        mask |= self.of(ADDED, "name").having(meets)
        for run, key in self._db.execute("SELECT id, key FROM runs"):
            if meets(restored(key)):
                mask[run] = True
        return mask

    def records(self, runs: Iterable[int], root: Path) -> Iterator[tuple[int, RunRecord]]:
        """Yield runs with their ids, in the order of these, without those that are not there.

        Args:
            runs: the ids.
            root: the workspace.
        """
        clashes = self.clashes()
        by_chunk: defaultdict[int, set[int]] = defaultdict(set)
        for run in runs:
            by_chunk[run >> CHUNK_BITS].add(run % CHUNK)
        with _decoding():
            for number in sorted(by_chunk):
                places = by_chunk[number]
                values = self._values_of(number, places)
                summaries = self._summaries_of(number, places)
                first = number << CHUNK_BITS
                sql = "SELECT id, key FROM runs WHERE id BETWEEN ? AND ? ORDER BY id"
                for run, key in self._db.execute(sql, (first, first + CHUNK - 1)):
                    place = run - first
                    if place in places:
                        of_run = {kind: found[place] for kind, found in values.items()}
                        record = _record(restored(key), of_run, summaries[place], root)
                        if record.id in clashes:
                            problems = self._told_clashes(run, record.path, clashes[record.id], root)
                            record = replace(record, problems=(*record.problems, *problems))
                        yield run, record

    def clashes(self) -> dict[str, list[int]]:
        """Return the ids of runs that more than one has, with the runs."""
        column = self.of("run", "id")
        found: dict[str, list[int]] = {}
        codes = np.maximum(column.codes, 0)
        several = column.present & (np.bincount(codes)[codes] > 1)
        for run in np.flatnonzero(several).tolist():
            found.setdefault(str(column[run]), []).append(run)
        return found

    def _told_clashes(self, run: int, path: Path, clashing: list[int], root: Path) -> Iterator[str]:
        others = [other for other in clashing[: _TOLD_CLASHES + 1] if other != run][:_TOLD_CLASHES]
        for other in others:
            yield f"{path}: {root / str(self.of('run', 'path')[other])} has the same id"
        more = len(clashing) - 1 - len(others)
        if more:
            yield f"{path}: {more:,} more have the same id"

    def _values_of(self, number: int, places: Container[int]) -> dict[str, defaultdict[int, dict[str, Param]]]:
        """Return what is stored of some runs of one chunk number, by kind, place and name."""
        found: dict[str, defaultdict[int, dict[str, Param]]] = {
            kind: defaultdict(dict) for kind in ("run", "param", "tag", ADDED)
        }
        sql = f"""SELECT kind, name, rows, codes, numbers, texts FROM names
                  JOIN value_chunks AS chunks ON chunks.id = (names.id << {NUMBER_BITS}) + ? ORDER BY names.id"""
        for kind, stored_name, *chunk in self._db.execute(sql, (number,)):
            name, of_kind = restored(stored_name), found[kind]
            for place, value in values_at(ValueChunk(*chunk), places):
                of_kind[place][name] = value
        return found

    def _summaries_of(self, number: int, places: Container[int]) -> defaultdict[int, dict[str, MetricSummary]]:
        found: defaultdict[int, dict[str, MetricSummary]] = defaultdict(dict)
        sql = f"""SELECT name, rows, chunks.numbers, trends FROM names
                  JOIN summary_chunks AS chunks ON chunks.id = (names.id << {NUMBER_BITS}) + ? ORDER BY names.id"""
        for stored_name, *chunk in self._db.execute(sql, (number,)):
            name = restored(stored_name)
            for place, summary in summaries_at(SummaryChunk(*chunk), places):
                found[place][name] = summary
        return found

    def _durations(self, now: float) -> ValueColumn:
        started, ended = self.of("run", "started"), self.of("run", "ended")
        goes_on = self.in_state(*_UNDER_WAY) & ~ended.present
        until = np.where(goes_on, now, ended.numbers)
        return ValueColumn.of_numbers(until - started.numbers, started.present & (goes_on | ended.present))

    def _values(self, kind: str, name: str) -> Iterator[tuple[int, ValueChunk]]:
        sql = "SELECT id, rows, codes, numbers, texts FROM value_chunks WHERE id BETWEEN ? AND ?"
        for id_, *chunk in self._chunks(sql, kind, name):
            yield id_ % (1 << NUMBER_BITS), ValueChunk(*chunk)

    def _summaries(self, name: str) -> Iterator[tuple[int, SummaryChunk]]:
        sql = "SELECT id, rows, numbers, trends FROM summary_chunks WHERE id BETWEEN ? AND ?"
        for id_, *chunk in self._chunks(sql, "metric", name):
            yield id_ % (1 << NUMBER_BITS), SummaryChunk(*chunk)

    def _chunks(self, sql: str, kind: str, name: str) -> Iterator[tuple[Any, ...]]:
        row = self._db.execute("SELECT id FROM names WHERE kind = ? AND name = ?", (kind, stored(name))).fetchone()
        if row is not None:
            first = row[0] << NUMBER_BITS
            # All at once: who stops at a damaged chunk would leave a cursor behind that outlives its connection.
            yield from self._db.execute(sql, (first, first + (1 << NUMBER_BITS) - 1)).fetchall()


def _record(key: str, values: _Values, metrics: dict[str, MetricSummary], root: Path) -> RunRecord:
    attributes: dict[str, Any] = dict(values["run"])
    added = values[ADDED]
    tags = values["tag"] | {name[5:]: text for name, text in added.items() if name.startswith("tags.")}
    path = root / attributes["path"]
    return RunRecord(
        source=attributes["source"],
        key=key,
        id=attributes["id"],
        name=str(added.get("name") or attributes["name"]),
        experiment=attributes.get("experiment", ""),
        path=path,
        state=attributes.get("state", ""),
        started=attributes.get("started"),
        ended=attributes.get("ended"),
        params=values["param"],
        tags={name: str(text) for name, text in tags.items()},
        metrics=metrics,
        artifacts=_place(attributes.get("artifacts"), path, root),
        log=_place(attributes.get("log"), path, root),
        parent=attributes.get("parent"),
        deleted=attributes.get("deleted", False),
        problems=tuple(filter(None, attributes.get("problems", "").split("\n"))),
    )


def _place(stored_path: str | None, path: Path, root: Path) -> Path | None:
    if stored_path is None:
        return None
    return path / stored_path[2:] if stored_path.startswith("./") else root / stored_path


@contextmanager
def _decoding() -> Iterator[None]:
    """Let what cannot be decoded count as damage."""
    try:
        yield
    except (ValueError, LookupError, TypeError) as error:
        raise DamagedError(f"a part of the index is damaged ({error})") from error

"""Runs are put into the chunks of the index."""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from app.records.annotations import Annotations
from app.records.index.database import DamagedError
from app.records.index.summaries import NO_SUMMARIES, SummaryChunk, merge_summaries, pack_summaries
from app.records.index.values import CHUNK, CHUNK_BITS, ValueChunk, merge_values, pack_values
from app.records.sources.base import Param, RunRecord
from app.records.summary import MetricSummary

#: The id of a chunk is that of its name and, in so many bits, its number.
NUMBER_BITS = 24
#: The kind of the names that hold what people added, which stays when a run is read anew.
ADDED = "added"

#: A problem is a sentence; what a broken file says of itself may be long (characters).
_LONGEST_PROBLEM = 1000

#: By name, by the place of the run in its chunk.
_Summaries: TypeAlias = "defaultdict[str, dict[int, MetricSummary]]"


@dataclass(slots=True)
class _Edit:
    """What changes in the runs of one chunk number.

    Attributes:
        values: by the kind and the names that some runs have, the places of these runs and the values of each. Most
            runs of an experiment have the same names, so that columns are made of whole rows.
        metrics: the summaries.
        read_anew, annotated, gone: places.
    """

    values: dict[tuple[str, tuple[str, ...]], tuple[list[int], list[Iterable[Param]]]] = field(default_factory=dict)
    metrics: _Summaries = field(default_factory=lambda: defaultdict(dict))
    read_anew: set[int] = field(default_factory=set)
    annotated: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)

    def add(self, kind: str, place: int, values: Mapping[str, Param]) -> None:
        """Add values of one kind that a run has."""
        places, rows = self.values.setdefault((kind, tuple(values)), ([], []))
        places.append(place)
        rows.append(values.values())

    def columns(self) -> dict[tuple[str, str], dict[int, Param]]:
        """Return the values by their kind and name."""
        found: defaultdict[tuple[str, str], dict[int, Param]] = defaultdict(dict)
        for (kind, names), (places, rows) in self.values.items():
            for name, column in zip(names, zip(*rows, strict=True), strict=True):
                found[kind, name].update(zip(places, column, strict=True))
        return found


def stored(text: str) -> str | bytes:
    """Return a name or key as it is stored: names of files need not be valid Unicode, and SQLite wants that."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def restored(text: str | bytes) -> str:
    """Return a name or key that was stored."""
    return text.decode("utf-8", "surrogatepass") if isinstance(text, bytes) else text


class Changes:
    """What one transaction changes: collected by run, written by name.

    Args:
        db: the connection, in a transaction that may write.
        root: the workspace; paths below it are stored relative to it, so that it can be moved.
    """

    def __init__(self, db: sqlite3.Connection, root: Path) -> None:
        self._db = db
        self._root = str(root)
        self._edits: defaultdict[int, _Edit] = defaultdict(_Edit)
        names = db.execute("SELECT kind, name, id FROM names")
        self._names: dict[tuple[str, str | bytes], int] = {(kind, name): id_ for kind, name, id_ in names}
        (self._latest,) = db.execute("SELECT ifnull(max(id), 0) FROM runs").fetchone()

    def put(self, source: int, origin: str, records: Collection[RunRecord], stamps: Mapping[str, bytes]) -> None:
        """Add runs of a source, or replace what is known of them but for what people added."""
        self._db.executemany(
            """INSERT INTO runs (source, key, stamp) VALUES (?, ?, ?)
               ON CONFLICT (source, key) DO UPDATE SET stamp = excluded.stamp""",
            [(source, stored(record.key), stamps.get(record.key, b"")) for record in records],
        )
        new = dict(self._db.execute("SELECT key, id FROM runs WHERE id > ?", (self._latest,)).fetchall())
        for record in {record.key: record for record in records}.values():
            run = new.get(stored(record.key))
            if run is None:
                sql = "SELECT id FROM runs WHERE source = ? AND key = ?"
                (run,) = self._db.execute(sql, (source, stored(record.key))).fetchone()
                self._edits[run >> CHUNK_BITS].read_anew.add(run % CHUNK)
            edit, place = self._edits[run >> CHUNK_BITS], run % CHUNK
            edit.add("run", place, dict(self._attributes_of(record, origin)))
            edit.add("param", place, record.params)
            edit.add("tag", place, record.tags)
            for name, summary in record.metrics.items():
                edit.metrics[name][place] = summary

    def annotate(self, run: int, annotations: Annotations) -> None:
        """Replace what people added to a run."""
        edit, place = self._edits[run >> CHUNK_BITS], run % CHUNK
        edit.annotated.add(place)
        added = {name: getattr(annotations, name) for name in ("name", "group", "notes", "colour", "star", "archived")}
        tags = {f"tags.{name}": text for name, text in annotations.tags.items()}
        edit.add(ADDED, place, {name: value for name, value in added.items() if value} | tags)

    def measure(self, run: int, size: int | None) -> None:
        """Note the bytes that a run takes on the disk, None where that cannot be told."""
        self._edits[run >> CHUNK_BITS].add("run", run % CHUNK, {"size": size})

    def remove(self, run: int) -> None:
        """Forget a run."""
        self._db.execute("DELETE FROM runs WHERE id = ?", (run,))
        self._edits[run >> CHUNK_BITS].gone.add(run % CHUNK)

    def find(self, source: int, key: str) -> int | None:
        """Return the id of a run, None where it is not known."""
        row = self._db.execute("SELECT id FROM runs WHERE source = ? AND key = ?", (source, stored(key))).fetchone()
        return None if row is None else int(row[0])

    def write(self) -> None:
        """Write what was collected.

        Raises:
            DamagedError: a chunk that should be changed is damaged.
        """
        try:
            for number, edit in sorted(self._edits.items()):
                self._write_values(number, edit)
                self._write_summaries(number, edit)
        except (ValueError, IndexError) as error:
            raise DamagedError(f"a part of the index is damaged ({error})") from error

    def _write_values(self, number: int, edit: _Edit) -> None:
        outdated = self._outdated("value_chunks", number, edit)
        new = {(self._name(*name) << NUMBER_BITS) + number: values for name, values in edit.columns().items()}
        for chunk in outdated.keys() | new.keys():
            sql = "SELECT rows, codes, numbers, texts FROM value_chunks WHERE id = ?"
            row = self._old(sql, number, chunk)
            old = None if row is None else ValueChunk(*row)
            packed = pack_values(new.get(chunk, {}))
            if old is not None:
                packed = merge_values(old, packed, outdated.get(chunk, ()))
            if packed != old:
                self._store("value_chunks", chunk, packed)

    def _write_summaries(self, number: int, edit: _Edit) -> None:
        outdated = self._outdated("summary_chunks", number, edit)
        new = {(self._name("metric", name) << NUMBER_BITS) + number: each for name, each in edit.metrics.items()}
        packed = pack_summaries(new)
        for chunk in outdated.keys() | packed.keys():
            sql = "SELECT rows, numbers, trends FROM summary_chunks WHERE id = ?"
            row = self._old(sql, number, chunk)
            old = None if row is None else SummaryChunk(*row)
            summaries = packed.get(chunk, NO_SUMMARIES)
            if old is not None:
                summaries = merge_summaries(old, summaries, outdated.get(chunk, ()))
            if summaries != old:
                self._store("summary_chunks", chunk, summaries)

    def _store(self, table: str, chunk: int, packed: ValueChunk | SummaryChunk) -> None:
        if packed.rows:
            marks = ", ".join("?" * (1 + len(packed)))
            self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (chunk, *packed))
        else:
            self._db.execute(f"DELETE FROM {table} WHERE id = ?", (chunk,))

    def _outdated(self, table: str, number: int, edit: _Edit) -> dict[int, set[int]]:
        """Return, by chunk, the places whose value is not one any more unless it comes anew."""
        of_read, of_added = edit.read_anew | edit.gone, edit.annotated | edit.gone
        found: dict[int, set[int]] = {}
        if of_read or of_added:
            sql = f"""SELECT names.kind, chunks.id, chunks.rows FROM names
                      JOIN {table} AS chunks ON chunks.id = (names.id << {NUMBER_BITS}) + ?"""
            for kind, chunk, rows in self._db.execute(sql, (number,)):
                places = (of_added if kind == ADDED else of_read).intersection(rows)
                if places:
                    found[chunk] = places
        return found

    def _old(self, sql: str, number: int, chunk: int) -> tuple[Any, ...] | None:
        """Return the row of a chunk, None where there is none, as there is of no chunk number of new runs alone."""
        if number > self._latest >> CHUNK_BITS:
            return None
        row: tuple[Any, ...] | None = self._db.execute(sql, (chunk,)).fetchone()
        return row

    def _name(self, kind: str, name: str) -> int:
        key = (kind, stored(name))
        if key not in self._names:
            self._names[key] = self._db.execute("INSERT INTO names (kind, name) VALUES (?, ?)", key).lastrowid or 0
        return self._names[key]

    def _attributes_of(self, record: RunRecord, origin: str) -> Iterator[tuple[str, Param]]:
        yield "source", record.source
        yield "origin", origin
        yield "id", record.id
        yield "name", record.name
        path = str(record.path)
        yield "path", self._relative(path)
        for name in ("experiment", "state", "parent"):
            text = getattr(record, name)
            if text:
                yield name, text
        for name in ("started", "ended"):
            when = getattr(record, name)
            if when is not None:
                yield name, float(when)
        for name in ("artifacts", "log"):
            place = getattr(record, name)
            if place is not None:
                yield name, _below(str(place), path, "./") or self._relative(str(place))
        if record.deleted:
            yield "deleted", True
        if record.problems:
            yield "problems", "\n".join([problem.replace("\n", " ")[:_LONGEST_PROBLEM] for problem in record.problems])

    def _relative(self, path: str) -> str:
        """Return a path as it is stored: relative to the workspace where it is below it."""
        return _below(path, self._root, "") or path


def _below(path: str, folder: str, mark: str) -> str:
    """Return a path relative to a folder, with a mark before it, or "" where it is not below it."""
    if not path.startswith(folder) or path[len(folder) : len(folder) + 1] != os.sep:
        return ""
    return mark + path[len(folder) + 1 :].replace(os.sep, "/")

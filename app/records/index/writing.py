"""Runs are put into the chunks of the index."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from app.records.annotations import Annotations
from app.records.index.database import DamagedError
from app.records.index.summaries import SummaryChunk, pack_summaries
from app.records.index.values import CHUNK, CHUNK_BITS, ValueChunk, pack_values, unpack_values
from app.records.sources.base import Param, RunRecord
from app.records.summary import MetricSummary

#: The id of a chunk is that of its name and, in so many bits, its number.
NUMBER_BITS = 24
#: The kind of the names that hold what people added, which stays when a run is read anew.
ADDED = "added"

_T = TypeVar("_T")
_Values = defaultdict[int, dict[int, Param]]
_Summaries = defaultdict[int, dict[int, MetricSummary]]


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
        self._names: dict[tuple[str, str], int] = {}
        self._values: _Values = defaultdict(dict)
        self._summaries: _Summaries = defaultdict(dict)
        self._read_anew: set[int] = set()
        self._annotated: set[int] = set()
        self._gone: set[int] = set()

    def put(self, source: int, origin: str, record: RunRecord, stamp: bytes) -> None:
        """Add a run, or replace what is known of it but for what people added."""
        run = self.find(source, record.key)
        if run is None:
            sql = "INSERT INTO runs (source, key, stamp) VALUES (?, ?, ?)"
            run = self._db.execute(sql, (source, stored(record.key), stamp)).lastrowid or 0
        else:
            self._db.execute("UPDATE runs SET stamp = ? WHERE id = ?", (stamp, run))
            self._read_anew.add(run)
        for name, attribute in self._attributes(record, origin):
            self._values[self._name("run", name)][run] = attribute
        for name, param in record.params.items():
            self._values[self._name("param", name)][run] = param
        for name, tag in record.tags.items():
            self._values[self._name("tag", name)][run] = tag
        for name, summary in record.metrics.items():
            self._summaries[self._name("metric", name)][run] = summary

    def annotate(self, run: int, annotations: Annotations) -> None:
        """Replace what people added to a run."""
        self._annotated.add(run)
        added = {name: getattr(annotations, name) for name in ("name", "group", "notes", "colour", "star", "archived")}
        found = {name: value for name, value in added.items() if value}
        found |= {f"tags.{name}": text for name, text in annotations.tags.items()}
        for name, value in found.items():
            self._values[self._name(ADDED, name)][run] = value

    def measure(self, run: int, size: int | None) -> None:
        """Note the bytes that a run takes on the disk, None where that cannot be told."""
        self._values[self._name("run", "size")][run] = size

    def remove(self, run: int) -> None:
        """Forget a run."""
        self._db.execute("DELETE FROM runs WHERE id = ?", (run,))
        self._gone.add(run)

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
            self._write_values()
            self._write_summaries()
        except (ValueError, IndexError) as error:
            raise DamagedError(f"a part of the index is damaged ({error})") from error

    def _write_values(self) -> None:
        gone = self._outdated("value_chunks")
        for chunk, new in _by_chunk(self._values, gone):
            sql = "SELECT rows, codes, numbers, texts FROM value_chunks WHERE id = ?"
            row = self._db.execute(sql, (chunk,)).fetchone()
            old = None if row is None else ValueChunk(*row)
            values = {} if old is None else unpack_values(old)
            for place in gone.get(chunk, ()):
                values.pop(place, None)
            packed = pack_values(values | new)
            if packed != old:
                self._store("value_chunks", chunk, packed)

    def _write_summaries(self) -> None:
        gone = self._outdated("summary_chunks")
        for chunk, new in _by_chunk(self._summaries, gone):
            sql = "SELECT rows, numbers, trends FROM summary_chunks WHERE id = ?"
            row = self._db.execute(sql, (chunk,)).fetchone()
            old = None if row is None else SummaryChunk(*row)
            packed = pack_summaries(new, old, gone.get(chunk, ()))
            if packed != old:
                self._store("summary_chunks", chunk, packed)

    def _store(self, table: str, chunk: int, packed: ValueChunk | SummaryChunk) -> None:
        if packed.rows:
            marks = ", ".join("?" * (1 + len(packed)))
            self._db.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (chunk, *packed))
        else:
            self._db.execute(f"DELETE FROM {table} WHERE id = ?", (chunk,))

    def _outdated(self, table: str) -> dict[int, set[int]]:
        """Return, by chunk, the places whose value is not one any more unless it comes anew."""
        sql = f"""SELECT names.kind, chunks.id, chunks.rows FROM names
                  JOIN {table} AS chunks ON chunks.id = (names.id << {NUMBER_BITS}) + ?"""
        found: dict[int, set[int]] = {}
        read, added = self._read_anew | self._gone, self._annotated | self._gone
        for number in {run >> CHUNK_BITS for run in read | added}:
            of_read, of_added = ({run % CHUNK for run in runs if run >> CHUNK_BITS == number} for runs in (read, added))
            for kind, chunk, rows in self._db.execute(sql, (number,)):
                places = (of_added if kind == ADDED else of_read).intersection(rows)
                if places:
                    found[chunk] = places
        return found

    def _name(self, kind: str, name: str) -> int:
        known = self._names.get((kind, name))
        if known is None:
            written = (kind, stored(name))
            row = self._db.execute("SELECT id FROM names WHERE kind = ? AND name = ?", written).fetchone()
            if row is None:
                known = self._db.execute("INSERT INTO names (kind, name) VALUES (?, ?)", written).lastrowid or 0
            else:
                known = int(row[0])
            self._names[kind, name] = known
        return known

    def _attributes(self, record: RunRecord, origin: str) -> Iterator[tuple[str, Param]]:
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
            yield "problems", json.dumps(record.problems)

    def _relative(self, path: str) -> str:
        """Return a path as it is stored: relative to the workspace where it is below it."""
        return _below(path, self._root, "") or path


def _below(path: str, folder: str, mark: str) -> str:
    """Return a path relative to a folder, with a mark before it, or "" where it is not below it."""
    if not path.startswith(folder) or path[len(folder) : len(folder) + 1] != os.sep:
        return ""
    return mark + path[len(folder) + 1 :].replace(os.sep, "/")


def _by_chunk(edits: Mapping[int, Mapping[int, _T]], gone: Iterable[int]) -> Iterator[tuple[int, dict[int, _T]]]:
    """Yield every chunk to write with the new values by their place; those that only lose some have none."""
    found: defaultdict[int, dict[int, _T]] = defaultdict(dict)
    for chunk in gone:
        found[chunk] = {}
    for name, runs in edits.items():
        for run, value in runs.items():
            found[(name << NUMBER_BITS) + (run >> CHUNK_BITS)][run % CHUNK] = value
    yield from sorted(found.items())

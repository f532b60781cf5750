"""The tables of MLflow's SQLite databases, of every schema from its first one to today's: read, never upgraded.

Sources: MLflow's ``store/tracking/dbmodels/models.py``, and the migrations in ``store/db_migrations``. A table or a
column that a schema does not have yet (``tags``, ``metrics.step``, ``metrics.is_nan``) is done without.
"""

from __future__ import annotations

import functools
import json
import math
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

_WAIT_SECONDS = 5.0
_PAGE = 200_000
#: So many rows at once where a window waits for Python meanwhile.
_SMALL_PAGE = 10_000
_TEXT_LENGTH = 1 << 20
_BUSY = frozenset([sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED])
#: Tables whose rows are added and never changed.
GROWING = ("metrics", "params")
_TABLES = ("experiments", "runs", "metrics", "params", "tags", "logged_models")
#: Since MLflow 1.28; with it the rows of a run are found, in the order they were written, without looking at others.
_INDEXES = frozenset(["index_metrics_run_uuid", "index_params_run_uuid", "index_tags_run_uuid"])
#: MLflow writes infinities as the largest numbers (``sanitize_metric_value`` in its ``sqlalchemy_store.py``).
_LARGEST = {"most": sys.float_info.max, "least": -sys.float_info.max, "more": math.inf, "less": -math.inf}


#: (metric, step, timestamp, value, anything); the value of NaN is None.
PointRow = tuple[str, int | None, int | None, float | None, Any]


class RunRow(NamedTuple):
    """A row of ``runs``, as it stands there; what has no column is None. Times are milliseconds."""

    run_uuid: Any
    name: Any
    status: Any
    start_time: Any
    end_time: Any
    lifecycle_stage: Any
    artifact_uri: Any
    experiment_id: Any


class ExperimentRow(NamedTuple):
    """A row of ``experiments``, as it stands there."""

    experiment_id: Any
    name: Any
    lifecycle_stage: Any


class ModelRow(NamedTuple):
    """A row of ``logged_models``, as it stands there."""

    model_id: Any
    name: Any
    artifact_location: Any


def is_busy(error: Exception) -> bool:
    """Whether an error means no more than that another program writes just now."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


class Tables:
    """The tables of one database, open for reading; a context manager. All its methods raise ``sqlite3.Error``.

    Args:
        path: the file, absolute.

    Attributes:
        indexed: whether what belongs to one run is found without looking at the others.

    Raises:
        sqlite3.Error: it is no database, or it has no table of runs.
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        # Even when it may only read, SQLite makes a WAL where the file's header asks for one. Where there is none, no
        # program has the database open.
        lonely = "&immutable=1" if _asks_for_wal(path) and not _has_wal(path) else ""
        self._connection = sqlite3.connect(
            f"{path.as_uri()}?mode=ro{lonely}", uri=True, timeout=_WAIT_SECONDS, isolation_level=None
        )
        try:
            self._connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
            found = self._connection.execute("SELECT type, name FROM sqlite_master").fetchall()
            names = {name for kind, name in found if kind == "table"}  # a view might compute for ever
            self._columns = {table: self._columns_of(table) if table in names else set() for table in _TABLES}
            self.indexed = {name for kind, name in found if kind == "index"} >= _INDEXES
            if "run_uuid" not in self._columns["runs"]:
                raise sqlite3.DatabaseError("it holds no runs of MLflow")
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def has(self, table: str) -> bool:
        """Whether there is a table of a run's points, params or tags."""
        return self._columns[table] >= {"run_uuid", "key", "value"}

    def begin(self) -> tuple[int, list[int]]:
        """Let all that follows be of one moment; return the version of the schema and the last rowids of GROWING.

        The version changes whenever rows may have been numbered anew: with every migration and every VACUUM.
        """
        self._connection.execute("BEGIN")
        (schema,) = self._connection.execute("PRAGMA schema_version").fetchone()
        return schema, [self._one(f"SELECT max(rowid) FROM {table}") if self.has(table) else 0 for table in GROWING]

    def grown(self, table: str, after: int) -> dict[str, int]:
        """Return the last rowid in a table of GROWING for every run that has one after this rowid."""
        if not self.has(table):
            return {}
        query = f"SELECT run_uuid, max(rowid) FROM {table} NOT INDEXED WHERE rowid > ? GROUP BY run_uuid"
        return dict(self._connection.execute(query, (after,)).fetchall())

    def changeable(self, *, grown: bool) -> Iterator[tuple[Any, ...]]:
        """Yield of every run what can change: the fields of its :class:`RunRow`, and all its tags as one text.

        Args:
            grown: whether its last rowids in the tables of GROWING follow.
        """
        columns, joins = [self._select("runs", RunRow._fields)], ""
        wanted = [("tags", "group_concat(key || '=' || ifnull(value, ''), ' ')")]
        if grown:
            wanted += [(table, "max(rowid)") for table in GROWING]
        for table, what in wanted:
            if not self.has(table):
                columns.append("NULL")
            elif self.indexed:
                columns.append(f"(SELECT {what} FROM {table} WHERE run_uuid = runs.run_uuid)")
            else:
                columns.append(f"{table}.found")
                found = f"SELECT run_uuid AS run, {what} AS found FROM {table} GROUP BY run_uuid"
                joins += f" LEFT JOIN ({found}) AS {table} ON {table}.run = runs.run_uuid"
        return self._connection.execute(f"SELECT {', '.join(columns)} FROM runs{joins}")

    @property
    def version(self) -> int:
        """What changes with every migration and every VACUUM, which may number rows anew."""
        return self._one("PRAGMA schema_version")

    def experiments(self) -> list[ExperimentRow]:
        """Return all experiments."""
        if not self._columns["experiments"]:
            return []
        columns = self._select("experiments", ExperimentRow._fields)
        return [ExperimentRow(*row) for row in self._connection.execute(f"SELECT {columns} FROM experiments")]

    def runs(self, ids: Sequence[str]) -> list[RunRow]:
        """Return those of these runs that there are."""
        columns = self._select("runs", RunRow._fields)
        rows = self._connection.execute(f"SELECT {columns} FROM runs WHERE {_OF_RUNS}", {"runs": json.dumps(ids)})
        return [RunRow(*row) for row in rows]

    def models(self, run: str) -> list[ModelRow]:
        """Return the models that a run made; only schemas since MLflow 3 have any."""
        if not self._columns["logged_models"] >= {*ModelRow._fields, "source_run_id"}:
            return []
        query = f"SELECT {', '.join(ModelRow._fields)} FROM logged_models WHERE source_run_id = ? ORDER BY rowid"
        return [ModelRow(*row) for row in self._connection.execute(query, (run,))]

    def texts(self, table: str, ids: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """Yield (run, key, value) of all params or tags of these runs, a run after the other; long texts are cut."""
        value = f"substr(CAST(ifnull(value, '') AS TEXT), 1, {_TEXT_LENGTH})"
        query = f"SELECT run_uuid, CAST(key AS TEXT), {value} FROM {table} WHERE {_OF_RUNS} ORDER BY run_uuid, rowid"
        return self._connection.execute(query, {"runs": json.dumps(ids)})

    def last_point(self, run: str) -> int:
        """Return the rowid of the last point of a run, -1 where it has none."""
        if not self.has("metrics"):
            return -1
        row = self._connection.execute("SELECT max(rowid) FROM metrics WHERE run_uuid = ?", (run,)).fetchone()
        return -1 if row[0] is None else int(row[0])

    def new_points(self, run: str, after: int) -> Iterator[list[PointRow]]:
        """Yield in parts the points of a run behind a rowid, in the order of their writing; rowids come with them.

        Nothing is locked between two parts.
        """
        if not self.has("metrics"):
            return
        query = f"SELECT {self._point()}, rowid FROM metrics WHERE run_uuid = :run AND rowid > :after ORDER BY rowid"
        while True:
            known = {**_LARGEST, "run": run, "after": after}
            page = self._connection.execute(f"{query} LIMIT {_SMALL_PAGE}", known).fetchall()
            if page:
                yield page
            if len(page) < _SMALL_PAGE:
                return
            after = page[-1][-1]

    def points(self, ids: Sequence[str], metric: str | None = None) -> Iterator[tuple[str, list[PointRow]]]:
        """Yield (run, points of it) in the order of their writing, of all metrics or of one; a run may come in parts.

        A transaction is over after some 200,000 points: in SQLite's usual mode a server cannot write before that.
        """
        columns = self._point()
        alone = "" if metric is None else " AND key = :metric"
        known = {**_LARGEST, "metric": metric}
        if self.indexed:
            query = f"SELECT {columns}, rowid FROM metrics WHERE run_uuid = :run AND rowid > :after{alone}"
            yield from self._parts(ids, f"{query} ORDER BY rowid LIMIT {_PAGE}", known)
            return
        query = f"SELECT {columns}, run_uuid FROM metrics WHERE {_OF_RUNS}{alone} ORDER BY run_uuid, rowid"
        rows = self._connection.execute(query, {**known, "runs": json.dumps(ids)})
        yield from ((run, list(points)) for run, points in groupby(rows, itemgetter(-1)))

    def _point(self) -> str:
        """Return the columns of a point: metric, step, timestamp, value."""
        step = "CAST(step AS INTEGER)" if "step" in self._columns["metrics"] else "0"
        value = "CASE value WHEN :most THEN :more WHEN :least THEN :less ELSE CAST(value AS REAL) END"
        if "is_nan" in self._columns["metrics"]:
            value = f"CASE WHEN is_nan THEN NULL ELSE {value} END"
        return f"key, {step}, CAST(timestamp AS INTEGER), {value}"

    def _parts(self, ids: Sequence[str], query: str, known: dict[str, Any]) -> Iterator[tuple[str, list[PointRow]]]:
        count = 0
        self._connection.execute("BEGIN")  # a lock for many runs, not one for each
        try:
            for run in ids:
                after = -1
                while page := self._connection.execute(query, {**known, "run": run, "after": after}).fetchall():
                    yield run, page
                    after = page[-1][-1]
                    count += len(page)
                    if count >= _PAGE:
                        count = 0
                        self._connection.execute("COMMIT")
                        self._connection.execute("BEGIN")
                    if len(page) < _PAGE:
                        break
        finally:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def _one(self, query: str) -> int:
        (value,) = self._connection.execute(query).fetchone()
        return value or 0

    def _columns_of(self, table: str) -> set[str]:
        return {row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")}

    def _select(self, table: str, columns: Sequence[str]) -> str:
        there = self._columns[table]
        return ", ".join(f"{table}.{column}" if column in there else "NULL" for column in columns)


#: A parameter for as many ids as there are: the number of plain ones is limited.
_OF_RUNS = "run_uuid IN (SELECT value FROM json_each(:runs))"


def _asks_for_wal(path: Path) -> bool:
    """Whether the header has the write version of a WAL database (https://sqlite.org/fileformat2.html, 1.3.3)."""
    with open(path, "rb") as file:
        return file.read(20)[18:] == b"\x02\x02"


def _has_wal(path: Path) -> bool:
    try:
        return os.stat(f"{path}-wal").st_size > 0
    except FileNotFoundError:
        return False

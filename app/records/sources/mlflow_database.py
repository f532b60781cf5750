"""MLflow's SQLite databases as a source of runs; their tables are in :mod:`app.records.sources.mlflow_tables`."""

from __future__ import annotations

import math
import os
import sqlite3
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import ClassVar

import numpy as np

from app.records.files import RecordError
from app.records.series import POINT_DTYPE, Points, as_points
from app.records.sources.base import Kind, Medium, RecordUpdate, RunRecord, Scan, Source, Tail
from app.records.sources.mlflow_media import ArtifactFolders, artifact_media
from app.records.sources.mlflow_metric import in_seconds
from app.records.sources.mlflow_stamps import Stamps
from app.records.sources.mlflow_tables import ExperimentRow, PointRow, Tables, is_busy
from app.records.sources.mlflow_values import (
    name_of,
    param_of,
    seconds_of,
    state_of,
)
from app.records.summary import MetricSummary, summary_of

_BATCH = 250
#: A file that was written this short a time ago may be written once more with the same time of change.
_SETTLED_NS = 2_000_000_000

_FileState = list[tuple[int, int, int]]
_Metrics = dict[str, MetricSummary]


class MLflowDatabase(Source):
    """The runs of one SQLite database, those that were deleted in MLflow among them. A key is the id of a run.

    Nothing is held open between two calls, and no lock is held for long: a server may write meanwhile.
    """

    kind: ClassVar[Kind] = "mlflow"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._stamps = Stamps()
        self._state: _FileState | None = None
        self._told: Mapping[str, bytes] = {}
        self._folders = ArtifactFolders(root.parent)

    def scan(self, known: Mapping[str, bytes]) -> Scan:
        """Look for runs that are new or changed: in no query at all while the file and its WAL stay as they are.

        A stamp is a digest of what belongs to a run; of its points and params, which are never changed, the latest.
        """
        self._folders.forget()
        now = time.time_ns()
        try:
            state = self.file_state()
            if state == self._state and known == self._told:
                return Scan({})
            with Tables(self.root) as tables:
                stamps = self._stamps.look(tables)
        except FileNotFoundError:
            return Scan({}, frozenset(known), (f"{self.root}: the file is missing.",))
        except (sqlite3.Error, OSError) as error:
            return Scan({}, problems=(_sentence(self.root, error),))
        self._state, self._told = (state, stamps) if _is_settled(state, now) else (None, {})
        changed = {key: stamp for key, stamp in stamps.items() if known.get(key) != stamp}
        return Scan(changed, frozenset(known.keys() - stamps.keys()))

    def read(self, key: str) -> RunRecord:
        """Return a run as its rows tell it; see :meth:`Source.read`."""
        for record in self.read_many([key]):
            return record
        raise KeyError(key)

    def read_many(self, keys: Sequence[str]) -> Iterator[RunRecord]:
        """Yield runs in the order of their keys; what another program keeps locked is left out, as if it were gone."""
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            try:
                with Tables(self.root) as tables:
                    records = self.records(tables, batch)
            except (sqlite3.Error, OSError):
                continue
            yield from (records[key] for key in batch if key in records)

    def series(self, key: str, metric: str) -> Points:
        """Return the points of a metric in the order they were written; see :meth:`Source.series`."""
        try:
            with Tables(self.root) as tables:
                if not tables.has("metrics"):
                    raise KeyError(f"{key}: {metric}")
                rows = (row for _, page in tables.points([key], metric) for row in page)
                points = np.fromiter(map(_point, rows), POINT_DTYPE)
        except (sqlite3.Error, OSError) as error:
            raise RecordError(_sentence(self.root, error)) from error
        if not len(points):
            raise KeyError(f"{key}: {metric}")
        points["time"] = in_seconds(points["time"])
        return points

    def media(self, key: str) -> list[Medium]:
        """Return the artifacts of a run, then those of the models that it made, after their names."""
        try:
            with Tables(self.root) as tables:
                rows, models = tables.runs([key]), tables.models(key)
        except (sqlite3.Error, OSError):
            return []
        places = [("", row.artifact_uri, row.run_uuid) for row in rows]
        places += [(f"{model.name}/", model.artifact_location, model.model_id) for model in models]
        found: list[Medium] = []
        for prefix, uri, owner in places:
            folder = self._folders.find(uri, owner)
            if folder is not None:
                found += artifact_media(folder, prefix)
        return found

    def follow(self, key: str) -> Tail:
        """See :meth:`Source.follow`: no query while the file and its WAL stay as they are, then one for new rows."""
        return _RunTail(self, key)

    def file_state(self) -> _FileState:
        """Return what changes when the database does: inode, time of change and size of the file and of its WAL.

        Raises:
            OSError: the file cannot be looked at.
        """
        found = [os.stat(self.root)]
        with suppress(FileNotFoundError):
            found.append(os.stat(f"{self.root}-wal"))
        return [(status.st_ino, status.st_mtime_ns, status.st_size) for status in found]

    def records(self, tables: Tables, keys: Sequence[str], *, metrics: bool = True) -> dict[str, RunRecord]:
        """Return those of these runs that there are, with the summaries of their metrics or without.

        Raises:
            sqlite3.Error: no run can be read, or another program keeps them locked.
        """
        experiments = {row.experiment_id: row for row in tables.experiments()}
        rows = tables.runs(keys)
        problems: list[str] = []
        params = self._texts(tables, "params", keys, problems)
        tags = self._texts(tables, "tags", keys, problems)
        broken: dict[str, str] = {}
        summaries = self._metrics(tables, [row.run_uuid for row in rows], broken) if metrics else {}
        records = {}
        for row in rows:
            key = row.run_uuid
            experiment = experiments.get(row.experiment_id, ExperimentRow(row.experiment_id, None, None))
            run_tags = tags.get(key, {})
            records[key] = RunRecord(
                source="mlflow",
                key=key,
                id=key,
                name=name_of(key, [row.name], run_tags),
                experiment=str(experiment.name or experiment.experiment_id or ""),
                path=self.root,
                state=state_of(str(row.status or "")),
                started=seconds_of(row.start_time),
                ended=seconds_of(row.end_time),
                params={name: param_of(text) for name, text in params.get(key, {}).items()},
                tags=run_tags,
                metrics=summaries.get(key, {}),
                artifacts=self._folders.find(row.artifact_uri, key),
                parent=run_tags.get("mlflow.parentRunId"),
                deleted="deleted" in (row.lifecycle_stage, experiment.lifecycle_stage),
                problems=tuple([*problems, broken[key]] if key in broken else problems),
            )
        return records

    def _texts(self, tables: Tables, table: str, keys: Sequence[str], problems: list[str]) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        if tables.has(table):
            try:
                for run, key, value in tables.texts(table, keys):
                    found.setdefault(run, {})[key] = value
            except sqlite3.Error as error:
                if is_busy(error):
                    raise
                problems.append(f"{self.root}: its {table} cannot be read ({error}).")
        return found

    def _metrics(self, tables: Tables, keys: Sequence[str], broken: dict[str, str]) -> dict[str, _Metrics]:
        """Return the summaries of all metrics by run; what is wrong with those of a run goes to ``broken``."""
        found: dict[str, _Metrics] = {}
        if not tables.has("metrics"):
            return found
        try:
            for run, pages in groupby(tables.points(keys), itemgetter(0)):
                found[run] = _summaries(page for _, page in pages)
        except sqlite3.Error as error:
            if is_busy(error):
                raise
            if len(keys) == 1:
                broken[keys[0]] = f"{self.root}: its metrics cannot be read ({error})."
                return {}
            for key in keys:
                found.update(self._metrics(tables, [key], broken))
        return found


class _RunTail(Tail):
    """Follows one run by the rowids of its points."""

    def __init__(self, source: MLflowDatabase, key: str) -> None:
        self._source, self._key = source, key
        self._state: _FileState | None = None
        self._version = 0
        self._after = -1
        self._record: RunRecord | None = None

    def look(self) -> RecordUpdate:
        """See :meth:`Tail.look`."""
        now = time.time_ns()
        try:
            state = self._source.file_state()
            if state == self._state:
                return RecordUpdate()
            with Tables(self._source.root) as tables:
                update = self._look(tables)
        except FileNotFoundError as error:
            raise KeyError(self._key) from error
        except sqlite3.Error as error:
            if is_busy(error) and self._record is not None:
                return RecordUpdate()  # another program writes: the next look tells
            raise RecordError(_sentence(self._source.root, error)) from error
        self._state = state if _is_settled(state, now) else None
        return update

    def _look(self, tables: Tables) -> RecordUpdate:
        record = self._source.records(tables, [self._key], metrics=False).get(self._key)
        if record is None:
            raise KeyError(self._key)
        version = tables.version
        starts_over = self._record is not None and (
            version != self._version or tables.last_point(self._key) < self._after
        )
        after = -1 if starts_over else self._after
        pieces: dict[str, list[Points]] = {}
        for page in tables.new_points(self._key, after):
            after = page[-1][-1]
            rows: dict[str, list[tuple[int, float, float]]] = {}
            for row in page:
                rows.setdefault(row[0], []).append(_point(row))
            for metric, points in rows.items():
                pieces.setdefault(metric, []).append(as_points(points))
        found = [(metric, np.concatenate(parts)) for metric, parts in pieces.items()]
        for _, new in found:
            new["time"] = in_seconds(new["time"])
        update = RecordUpdate(record if record != self._record else None, tuple(found), starts_over=starts_over)
        self._record, self._version, self._after = record, version, after
        return update


def _is_settled(state: _FileState, now: int) -> bool:
    return all(now - changed > _SETTLED_NS for _, changed, _ in state)


def _point(row: PointRow) -> tuple[int, float, float]:
    _, step, time_ms, value, _ = row
    return step or 0, time_ms or 0, math.nan if value is None else value


def _summaries(pages: Iterator[list[PointRow]]) -> _Metrics:
    """Return the summaries of the metrics of one run."""
    series: dict[str, tuple[array[int], array[float]]] = {}
    for page in pages:
        for key, step, _, value, _ in page:
            found = series.get(key)
            if found is None:
                found = series[key] = (array("q"), array("d"))
            found[0].append(step or 0)
            found[1].append(math.nan if value is None else value)
    summaries = {key: summary_of(values, steps) for key, (steps, values) in series.items()}
    return {key: summary for key, summary in summaries.items() if summary is not None}


def _sentence(path: Path, error: Exception) -> str:
    return f"{path}: another program keeps it locked." if is_busy(error) else f"{path}: {error}"

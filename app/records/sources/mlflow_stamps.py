"""What tells that a run in an MLflow database has changed, found without a look at its points."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from app.records.sources.mlflow_tables import GROWING, RunRow, Tables

_DIGEST_BYTES = 16
_EXPERIMENT = RunRow._fields.index("experiment_id")


class _Kept(NamedTuple):
    """A run at the last look: the last rowids of its points and params, and the stamp for what it was."""

    points: int | None
    params: int | None
    hash: int
    stamp: bytes


class Stamps:
    """The stamps of all runs of a database: digests of their row, experiment and tags, and of how far they have grown.

    The first look asks for every run how far it has grown, later ones only which rows are new.
    """

    def __init__(self) -> None:
        self._schema = 0
        self._ends: list[int] = []
        self._runs: dict[str, _Kept] = {}

    def look(self, tables: Tables) -> dict[str, bytes]:
        """Return the stamp of every run.

        Raises:
            sqlite3.Error: the database cannot be read.
        """
        schema, ends = tables.begin()
        if schema != self._schema or any(now < before for now, before in zip(ends, self._ends, strict=False)):
            self._runs = {}
        self._schema = schema
        runs = self._look(tables)
        if not self._runs.keys() <= runs.keys():
            # New rows may have the numbers of those of a run that is gone.
            self._runs = {}
            runs = self._look(tables)
        self._ends, self._runs = ends, runs
        return {key: kept.stamp for key, kept in runs.items()}

    def _look(self, tables: Tables) -> dict[str, _Kept]:
        before = self._runs
        new_points, new_params = (
            (
                tables.grown(table, after)
                for table, after in zip(GROWING, self._ends if before else (-1, -1), strict=True)
            )
            if before
            else ({}, {})
        )
        experiments = {row.experiment_id: tuple(row) for row in tables.experiments()}
        runs: dict[str, _Kept] = {}
        for row in tables.changeable(grown=not before):
            key = row[0]
            kept = before.get(key)
            if not before:
                *_, points, params = row
            elif kept is None:
                points, params = new_points.get(key), new_params.get(key)
            else:
                points, params = new_points.get(key, kept.points), new_params.get(key, kept.params)
            state = (row[: len(RunRow._fields) + 1], points, params, experiments.get(row[_EXPERIMENT]), self._schema)
            known = hash(state)
            if kept is None or kept.hash != known:
                text = repr(state).encode("utf-8", "backslashreplace")
                kept = _Kept(points, params, known, blake2b(text, digest_size=_DIGEST_BYTES).digest())
            runs[key] = kept
        return runs

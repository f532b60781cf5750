"""Where a run lies in the stores of TensorBoard and MLflow, and what it is called there: a mirror, or their own.

They are read without the trackers' own libraries.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from app.records.events import read_events
from app.records.files import RecordError, read_json
from app.records.layout import ExecutionFolder, subfolders
from app.records.sources.mlflow_tables import Tables
from app.records.status import read_status

_EVENT_FILES = "*tfevents*"


@dataclass(frozen=True, slots=True)
class TensorBoardMirror:
    """``logdir`` is what TensorBoard is to read; what it then calls a run begins with ``run``, "" for all of them."""

    logdir: Path
    run: str

    def has(self, name: str) -> bool:
        """Whether a run of that name is this one or, of a split mirror, a part of it."""
        return not self.run or name == self.run or name.startswith(f"{self.run}/")


@dataclass(frozen=True, slots=True)
class MLflowMirror:
    """An MLflow run in ``store``: the folder of a file store, or the file of an SQLite store."""

    store: Path
    experiment_id: str
    run_id: str

    @property
    def uri(self) -> str:
        """The store as MLflow wants it named."""
        return self.store.as_uri() if self.store.is_dir() else f"sqlite:///{self.store.as_posix()}"


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run of another program: the logdir, file store or database that it is in, and its key in this source."""

    root: Path
    key: str


def find_stored(kind: str, run: StoredRun) -> TensorBoardMirror | MLflowMirror | None:
    """Return what the ``tensorboard`` or ``mlflow`` of another program's run is called there; None where it is not.

    Raises:
        OSError: the store cannot be read.
    """
    if kind == "tensorboard":
        is_there = _has_events(run.root / run.key)
        return TensorBoardMirror(run.root, "" if run.key == "." else run.key) if is_there else None
    if run.root.is_dir():
        experiment, _, run_id = run.key.removeprefix(".trash/").rpartition("/")
        return MLflowMirror(run.root, experiment, run_id) if (run.root / run.key).is_dir() else None
    try:
        with Tables(run.root) as tables:
            rows = tables.runs([run.key])
    except sqlite3.Error as error:
        raise OSError(f"{run.root}: {error}") from error
    return MLflowMirror(run.root, str(rows[0].experiment_id), run.key) if rows else None


def find_tensorboard(folder: ExecutionFolder) -> TensorBoardMirror | None:
    """Return the run's mirror among those of its experiment, else event files that a callback left in the execution."""
    logdir = folder.trackings.resolve() / "tensorboard"
    if _has_events(logdir / folder.execution_id):
        return TensorBoardMirror(logdir, folder.execution_id)
    if _has_events(folder.path):
        return TensorBoardMirror(folder.path.resolve(), "")
    return None


def _has_events(folder: Path) -> bool:
    try:
        return next(folder.rglob(_EVENT_FILES), None) is not None
    except OSError:  # removed, or closed to us, while it is looked through
        return False


def find_mlflow(folder: ExecutionFolder) -> MLflowMirror | None:
    """Return the MLflow run that the tracker noted in events.jsonl, else the one that is named as the execution."""
    files = folder.trackings.resolve() / "mlruns"
    database = files.with_name("mlflow.db")
    experiment, run = _noted(folder)
    if experiment and run and _is_active(files / experiment / run):
        return MLflowMirror(files, experiment, run)
    return _find_by_name(files, folder.execution_id) or _find_in_database(database, folder.execution_id, run)


def is_mirror_expected(folder: ExecutionFolder, tracker: str) -> bool:
    """Whether a run that is not over has this tracker in its config, so that its mirror may yet begin."""
    try:
        if read_status(folder.status).is_over:
            return False
        return tracker in (entry["type"] for entry in read_json(folder.resolved)["tracking"]["trackers"])
    except (RecordError, KeyError, TypeError):
        return False


def _noted(folder: ExecutionFolder) -> tuple[str, str]:
    """Return the ids of experiment and run as the tracker noted them last; "" for what is not noted."""
    for event in reversed(read_events(folder.events)):
        match event:
            case {"kind": "tracker", "tracker": "mlflow", "reference": {"experiment_id": experiment, "run_id": run}}:
                return str(experiment), str(run)
    return "", ""


def _is_active(run: Path) -> bool:
    """Whether a folder of a file store is a run that was not deleted."""
    try:
        text = (run / "meta.yaml").read_text("utf-8", "replace")
    except OSError:
        return False
    return not any(line.split() == ["lifecycle_stage:", "deleted"] for line in text.splitlines())


def _find_by_name(store: Path, name: str) -> MLflowMirror | None:
    for run in _runs(store):
        with suppress(OSError):
            if (run / "tags" / "mlflow.runName").read_text("utf-8", "replace").strip() == name and _is_active(run):
                return MLflowMirror(store, run.parent.name, run.name)
    return None


def _runs(store: Path) -> Iterator[Path]:
    for experiment in subfolders(store):
        if not experiment.name.startswith("."):
            yield from subfolders(experiment)


def _find_in_database(database: Path, name: str, run: str) -> MLflowMirror | None:
    if not database.is_file():
        return None
    query = (
        "SELECT experiment_id, run_uuid FROM runs WHERE lifecycle_stage = 'active' AND (run_uuid = ? OR name = ?)"
        " ORDER BY run_uuid = ? DESC, start_time DESC"
    )
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        row = connection.execute(query, (run, name, run)).fetchone()
        if row is not None:
            return MLflowMirror(database, str(row[0]), str(row[1]))
    return None

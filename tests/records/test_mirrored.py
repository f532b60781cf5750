from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.records.events import append_event, make_event
from app.records.layout import ExecutionFolder
from app.records.mirrored import MLflowMirror, TensorBoardMirror, find_mlflow, find_tensorboard, is_mirror_expected
from app.records.status import Status, write_status


def leave(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def leave_mlflow_run(execution: ExecutionFolder, run: str, *, name: str = "", stage: str = "active") -> Path:
    folder = execution.trackings / "mlruns" / "0" / run
    leave(folder / "meta.yaml", f"artifact_uri: /home/somebody/else\nlifecycle_stage: {stage}\n")
    leave(folder / "tags" / "mlflow.runName", name or execution.execution_id)
    return folder


def note(execution: ExecutionFolder, run: str) -> None:
    reference = {"experiment_id": "0", "run_id": run}
    append_event(execution.events, make_event("tracker", tracker="mlflow", reference=reference))


def test_the_run_in_mlflow_is_the_one_that_the_tracker_noted_last(execution: ExecutionFolder) -> None:
    for run in ("first", "second", "third"):
        leave_mlflow_run(execution, run)
    note(execution, "third")
    note(execution, "second")

    assert find_mlflow(execution) == MLflowMirror(execution.trackings / "mlruns", "0", "second")


def test_without_a_note_the_run_in_mlflow_is_the_one_of_that_name(execution: ExecutionFolder) -> None:
    leave_mlflow_run(execution, "another", name="10-00-00__01-01-2020")
    leave_mlflow_run(execution, "deleted", stage="deleted")
    (execution.trackings / "mlruns" / "0" / "without_tags").mkdir()
    leave(execution.trackings / "mlruns" / ".trash" / "gone" / "tags" / "mlflow.runName", execution.execution_id)
    assert find_mlflow(execution) is None

    leave_mlflow_run(execution, "this")
    mirror = find_mlflow(execution)

    assert mirror == MLflowMirror(execution.trackings / "mlruns", "0", "this")
    assert mirror.uri == (execution.trackings / "mlruns").as_uri()


def test_a_noted_run_that_was_removed_is_looked_for_by_its_name(execution: ExecutionFolder) -> None:
    note(execution, "removed")
    leave_mlflow_run(execution, "written_again")

    assert find_mlflow(execution) == MLflowMirror(execution.trackings / "mlruns", "0", "written_again")


@pytest.mark.parametrize("noted", [True, False])
def test_a_run_in_an_sqlite_store_is_found(execution: ExecutionFolder, noted: bool) -> None:
    execution.trackings.mkdir(parents=True)
    database = execution.trackings / "mlflow.db"
    rows = [
        ("deleted", execution.execution_id, 3, "deleted"),
        ("this", execution.execution_id, 1, "active"),
        ("another", "10-00-00__01-01-2020", 2, "active"),
    ]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE runs (run_uuid, name, start_time, lifecycle_stage, experiment_id DEFAULT 7)")
        connection.executemany("INSERT INTO runs (run_uuid, name, start_time, lifecycle_stage) VALUES (?,?,?,?)", rows)
    if noted:
        note(execution, "this")

    mirror = find_mlflow(execution)

    assert mirror == MLflowMirror(database, "7", "this")
    assert mirror.uri == f"sqlite:///{database}"


def test_a_broken_database_holds_no_run(execution: ExecutionFolder) -> None:
    leave(execution.trackings / "mlflow.db", "no database")

    assert find_mlflow(execution) is None


def test_a_run_in_tensorboard_is_known_by_its_folder_and_the_parts_of_it(execution: ExecutionFolder) -> None:
    logdir = execution.trackings / "tensorboard"
    (logdir / execution.execution_id).mkdir(parents=True)
    assert find_tensorboard(execution) is None

    leave(logdir / execution.execution_id / "train" / "events.out.tfevents.1.host")
    mirror = find_tensorboard(execution)

    assert mirror == TensorBoardMirror(logdir, execution.execution_id)
    assert mirror.has(execution.execution_id)
    assert mirror.has(f"{execution.execution_id}/train")
    assert not mirror.has(f"{execution.execution_id}-2")


def test_what_a_callback_wrote_into_the_execution_is_shown_where_there_is_no_mirror(execution: ExecutionFolder) -> None:
    leave(execution.callbacks / "tensorboard" / "train" / "events.out.tfevents.1.host")
    mirror = find_tensorboard(execution)

    assert mirror == TensorBoardMirror(execution.path, "")
    assert mirror.has("callbacks/tensorboard/train")


def test_a_mirror_is_expected_of_a_run_that_goes_on_and_whose_config_names_the_tracker(
    execution: ExecutionFolder,
) -> None:
    assert not is_mirror_expected(execution, "mlflow")
    write_status(execution.status, Status(state="queued"))
    assert not is_mirror_expected(execution, "mlflow")
    leave(execution.resolved, json.dumps({"tracking": {"trackers": [{"type": "mlflow"}]}}))
    assert is_mirror_expected(execution, "mlflow")
    assert not is_mirror_expected(execution, "tensorboard")
    write_status(execution.status, Status(state="finished"))
    assert not is_mirror_expected(execution, "mlflow")

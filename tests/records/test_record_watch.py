"""A run of any source, looked at again and again while its files grow, are replaced and vanish."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from app.records.layout import Workspace
from app.records.record_watch import RecordWatch, in_portions
from app.records.series import POINT_DTYPE
from app.records.sources.base import RecordUpdate, Source
from app.records.sources.csv_log import CsvLogs
from app.records.sources.executions import Executions
from app.records.sources.mlflow_database import MLflowDatabase
from app.records.sources.mlflow_files import MLflowFiles
from app.records.sources.tensorboard import TensorBoardSource
from tests.records.sources.event_logs import Writer
from tests.ui.recording import record_run

RUN = "0123456789abcdef0123456789abcdef"
META = f"""experiment_id: '0'
lifecycle_stage: active
run_id: {RUN}
run_name: a name
start_time: 1700000001000
status: 1
"""
#: The tables of MLflow's databases, as far as they are read here.
TABLES = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, lifecycle_stage TEXT);
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, status TEXT, start_time BIGINT, end_time BIGINT,
                   lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan BOOLEAN,
                      PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan));
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid));
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY (key, run_uuid));
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
INSERT INTO experiments VALUES (0, 'Default', 'active');
INSERT INTO runs VALUES ('r', 'a name', 'RUNNING', 1700000001000, NULL, 'active', NULL, 0);
"""


def told(update: RecordUpdate) -> dict[str, list[float]]:
    return {metric: points["value"].tolist() for metric, points in update.points}


def watch(source: Source, key: str) -> RecordWatch:
    return RecordWatch(lambda: source, key)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The folder of a run in a file store of MLflow."""
    run = tmp_path / "mlruns" / "0" / RUN
    for kind in ("metrics/val", "params", "tags", "artifacts"):
        (run / kind).mkdir(parents=True)
    (run / "meta.yaml").write_text(META)
    (run.parent / "meta.yaml").write_text("experiment_id: '0'\nname: Default\n")
    (run / "metrics" / "loss").write_text("1700000001000 0.5 1\n1700000002000 0.25 2\n")
    (run / "metrics" / "val" / "loss").write_text("1700000001000 0.75 1\n")
    return run


def add(path: Path, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def test_of_a_file_store_only_what_was_added_is_told(files: Path) -> None:
    looked = watch(MLflowFiles(files.parents[1]), f"0/{RUN}")
    first = looked.look()
    assert told(first) == {"loss": [0.5, 0.25], "val/loss": [0.75]}
    assert first.record is not None
    assert (first.record.name, first.record.state, first.record.metrics) == ("a name", "running", {})
    assert not looked.look()
    add(files / "metrics" / "loss", "1700000003000 0.125 3\n1700000004000 0.0")
    update = looked.look()
    assert (told(update), update.record) == ({"loss": [0.125]}, None)
    add(files / "metrics" / "loss", "625 4\n")
    assert told(looked.look()) == {"loss": [0.0625]}
    (files / "metrics" / "acc").write_text("1700000001000 nan 1\n")
    (files / "params" / "lr").write_text("0.1")
    update = looked.look()
    assert [metric for metric, _ in update.points] == ["acc"]
    assert update.record is not None
    assert update.record.params == {"lr": 0.1}
    (files / "meta.yaml").write_text(META.replace("status: 1", "status: 3"))
    update = looked.look()
    assert (update.record and update.record.state, update.points) == ("finished", ())


@pytest.mark.parametrize("text", ["1700000001000 9.0 1\n", "1700000001000 9.0 1\n1700000002000 8.00 2\n"])
def test_a_metric_file_that_is_cut_or_replaced_starts_over(files: Path, text: str) -> None:
    looked = watch(MLflowFiles(files.parents[1]), f"0/{RUN}")
    looked.look()
    (files / "metrics" / "loss").write_text(text)
    update = looked.look()
    assert update.starts_over
    assert told(update)["val/loss"] == [0.75]
    assert told(update)["loss"][0] == 9.0


def test_a_metric_file_that_is_gone_starts_over(files: Path) -> None:
    looked = watch(MLflowFiles(files.parents[1]), f"0/{RUN}")
    looked.look()
    (files / "metrics" / "loss").unlink()
    update = looked.look()
    assert (update.starts_over, told(update)) == (True, {"val/loss": [0.75]})


def test_lines_that_are_no_points_are_named(files: Path) -> None:
    (files / "metrics" / "loss").write_text("no point\n1700000001000 0.5 1\n" + "x" * 300_000 + "\n")
    update = watch(MLflowFiles(files.parents[1]), f"0/{RUN}").look()
    assert told(update)["loss"] == [0.5]
    assert update.record is not None
    assert [problem.partition("loss: ")[2] for problem in update.record.problems] == ["2 of its lines are no point."]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES)
    log(path, "loss", 0.5, 0.25)
    return path


def log(path: Path, metric: str, *values: float | None, first: int = 1, run: str = "r") -> None:
    rows = [
        (metric, value or 0.0, 1_700_000_000_000 + step, run, step, value is None)
        for step, value in enumerate(values, first)
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_of_a_database_only_new_rows_are_told(database: Path, journal: str) -> None:
    with closing(sqlite3.connect(database)) as server:
        server.execute(f"PRAGMA journal_mode = {journal}")
        looked = watch(MLflowDatabase(database), "r")
        first = looked.look()
        assert told(first) == {"loss": [0.5, 0.25]}
        assert first.points[0][1]["time"].tolist() == [1_700_000_000.001, 1_700_000_000.002]
        assert first.record is not None
        assert (first.record.name, first.record.experiment, first.record.state) == ("a name", "Default", "running")
        assert not looked.look()
        log(database, "loss", 0.125, None, first=3)
        log(database, "other run", 1.0, run="s")
        update = looked.look()
        assert update.record is None
        assert np.array_equal(told(update)["loss"], [0.125, np.nan], equal_nan=True)
        assert "other run" not in told(update)
        execute(database, "UPDATE runs SET status = 'FINISHED' WHERE run_uuid = 'r'")
        update = looked.look()
        assert (update.record and update.record.state, update.points) == ("finished", ())


def test_many_rows_come_in_their_order(database: Path) -> None:
    log(database, "acc", *[float(step) for step in range(25_000)])
    assert told(watch(MLflowDatabase(database), "r").look())["acc"] == [float(step) for step in range(25_000)]


@pytest.mark.parametrize("statement", ["DELETE FROM metrics WHERE step = 2", "VACUUM"])
def test_rows_that_are_gone_or_numbered_anew_start_over(database: Path, statement: str) -> None:
    looked = watch(MLflowDatabase(database), "r")
    looked.look()
    execute(database, statement)
    update = looked.look()
    assert update.starts_over
    assert told(update)["loss"][0] == 0.5


def test_while_another_program_locks_a_database_nothing_is_new(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.records.sources.mlflow_tables._WAIT_SECONDS", 0.01)
    looked = watch(MLflowDatabase(database), "r")
    looked.look()
    log(database, "loss", 0.125, first=3)
    with closing(sqlite3.connect(database, isolation_level=None)) as server:
        server.execute("BEGIN EXCLUSIVE")
        assert not looked.look()
    assert told(looked.look()) == {"loss": [0.125]}


def test_what_cannot_be_read_says_why_once_and_is_read_later(database: Path) -> None:
    content = database.read_bytes()
    database.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    looked = watch(MLflowDatabase(database), "r")
    assert "file is not a database" in looked.look().problem
    assert not looked.look()
    database.write_bytes(content)
    assert told(looked.look()) == {"loss": [0.5, 0.25]}


def test_a_run_that_is_deleted_for_good_is_gone(database: Path) -> None:
    looked = watch(MLflowDatabase(database), "r")
    looked.look()
    execute(database, "DELETE FROM runs")
    assert looked.look().is_gone
    assert not looked.look()


def table(folder: Path, *rows: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "log.csv").write_text("\n".join(["epoch,loss", *rows, ""]))


def test_a_table_that_grows_is_followed_and_one_that_is_written_anew_starts_over(tmp_path: Path) -> None:
    table(tmp_path, "0,0.5", "1,0.25")
    looked = watch(CsvLogs(tmp_path), "log.csv")
    assert told(looked.look()) == {"loss": [0.5, 0.25]}
    assert not looked.look()
    add(tmp_path / "log.csv", "2,0.125\n")
    assert told(looked.look()) == {"loss": [0.125]}
    table(tmp_path, "0,9", "1,8", "2,7", "3,6")
    update = looked.look()
    assert (update.starts_over, told(update)) == (True, {"loss": [9.0, 8.0, 7.0, 6.0]})


def test_an_execution_can_be_followed_as_others_are(workspace: Workspace) -> None:
    folder = record_run(workspace)
    looked = watch(Executions(workspace.root), folder.path.relative_to(workspace.root).as_posix())
    assert told(looked.look())["loss"] == [20.0, 12.0, 9.0]
    assert not looked.look()


def events(folder: Path) -> None:
    writer = Writer(folder)
    writer.log("loss", 1.0, 2.0)
    writer.close()


def test_a_run_that_vanishes_and_comes_back_starts_over(tmp_path: Path) -> None:
    looked = watch(TensorBoardSource(tmp_path), "run")
    assert looked.look().is_gone
    events(tmp_path / "run")
    first = looked.look()
    assert (first.starts_over, told(first)) == (False, {"loss": [1.0, 2.0]})
    shutil.rmtree(tmp_path / "run")
    assert looked.look().is_gone
    assert not looked.look()
    events(tmp_path / "run")
    again = looked.look()
    assert (again.starts_over, told(again)) == (True, {"loss": [1.0, 2.0]})


def test_settings_that_come_later_are_told_and_what_grows_is_running(tmp_path: Path) -> None:
    events(tmp_path)
    looked = watch(TensorBoardSource(tmp_path), ".")
    first = looked.look().record
    assert first is not None
    assert (first.state, dict(first.params)) == ("running", {})
    (tmp_path / "hparams.yaml").write_text("lr: 0.1\n")
    second = looked.look().record
    assert second is not None
    assert second.params == {"lr": 0.1}
    for path in tmp_path.iterdir():
        os.utime(path, (1.7e9, 1.7e9))
    third = looked.look().record
    assert third is not None
    assert third.state == ""


@pytest.mark.parametrize("key", ["../outside", "0/../../outside", "", "a\0b"])
@pytest.mark.parametrize("kind", [MLflowFiles, MLflowDatabase, TensorBoardSource, CsvLogs])
def test_a_key_that_no_run_can_have_is_a_run_that_is_gone(tmp_path: Path, key: str, kind: type[Source]) -> None:
    (tmp_path / "outside").mkdir()
    events(tmp_path / "outside")
    root = tmp_path / "store"
    root.mkdir()
    update = watch(kind(root), key).look()
    assert update.is_gone or update.problem


def test_an_update_is_cut_into_portions_that_hold_all_of_it_in_its_order(tmp_path: Path) -> None:
    lengths = {"a": 7, "b": 0, "c": 3, "d": 1, "e": 12}
    points = {metric: np.zeros(length, POINT_DTYPE) for metric, length in lengths.items()}
    for rows in points.values():
        rows["step"] = np.arange(len(rows))
    update = RecordUpdate(None, tuple(points.items()), starts_over=True)
    portions = list(in_portions(update, points=5, series=2))
    assert [portion.starts_over for portion in portions] == [True] + [False] * (len(portions) - 1)
    assert max(sum(len(rows) for _, rows in portion.points) for portion in portions) == 5
    assert max(len(portion.points) for portion in portions) == 2
    found: dict[str, list[int]] = {}
    for portion in portions:
        for metric, rows in portion.points:
            found.setdefault(metric, []).extend(rows["step"].tolist())
    assert found == {metric: list(range(length)) for metric, length in lengths.items() if length}


def test_an_update_without_points_is_one_portion() -> None:
    update = RecordUpdate(is_gone=True)
    assert list(in_portions(update)) == [update]

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import warnings
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.files import RecordError
from app.records.sources.mlflow_database import MLflowDatabase
from tests.records.sources.mlflow_stores import all_of

import alembic.command  # isort: skip
import sqlalchemy  # isort: skip
from mlflow.store.db.utils import _get_alembic_config  # isort: skip
from mlflow.store.tracking.dbmodels.initial_models import Base  # isort: skip

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")

TODAY = "today.db"
RUN = "0123456789abcdef0123456789abcdef"
#: What a server of MLflow 0.9.1, the first one with a database, writes.
ROWS = f"""
INSERT INTO experiments VALUES (0, 'Default', '/srv/0', 'active'), (1, 'Опыт', '/srv/1', 'deleted');
INSERT INTO runs VALUES
 ('{RUN}', '', 'LOCAL', '', '', 'someone', 'FINISHED', 1550000000000, 1550000009000, '', 'active', '/srv/0', 0),
 ('deleted', '', 'LOCAL', '', '', '', 'FAILED', 1550000000000, NULL, '', 'deleted', NULL, 0),
 ('of a deleted experiment', NULL, 'LOCAL', '', '', '', 'RUNNING', NULL, NULL, '', 'active', '', 1);
INSERT INTO metrics VALUES ('loss', 0.5, 1550000000, '{RUN}'), ('loss', 0.25, 1550000001, '{RUN}'),
 ('acc', 0.75, 1550000001000, '{RUN}'), ('loss', 2, 1550000002, 'deleted');
INSERT INTO params VALUES ('lr', '0.1', '{RUN}'), ('opt', 'adam', '{RUN}'), ('lr', '0.2', 'deleted');
INSERT INTO tags VALUES ('mlflow.runName', 'a name', '{RUN}'), ('empty', NULL, '{RUN}');
"""


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one database in every schema that MLflow ever had, made by MLflow's own migrations."""
    folder = tmp_path_factory.mktemp("schemas")
    path = folder / "mlflow.db"
    engine = sqlalchemy.create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(ROWS)
    shutil.copyfile(path, folder / "0.9.1.db")
    config = _get_alembic_config(f"sqlite:///{path}")
    script = alembic.script.ScriptDirectory.from_config(config)
    for revision in reversed([each.revision for each in script.walk_revisions()]):
        with engine.begin() as connection, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the migrations use what SQLAlchemy is leaving behind
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, revision)
        shutil.copyfile(path, folder / f"{revision}.db")
    engine.dispose()
    path.rename(folder / TODAY)
    return folder


def test_every_schema_that_mlflow_ever_had_reads_the_same(migrated: Path) -> None:
    paths = sorted(migrated.glob("*.db"))
    assert len(paths) > 60
    for path in paths:
        runs = all_of(MLflowDatabase(path))
        assert runs.keys() == {RUN, "deleted", "of a deleted experiment"}, path
        run = runs[RUN]
        assert (run.name, run.experiment, run.state, run.deleted) == ("a name", "Default", "finished", False), path
        assert (run.started, run.ended) == (1_550_000_000.0, 1_550_000_009.0)
        assert run.params == {"lr": 0.1, "opt": "adam"}
        assert {**run.tags, "mlflow.user": "someone"} == {
            "mlflow.runName": "a name",
            "empty": "",
            "mlflow.user": "someone",
        }
        assert run.problems == ()
        assert {name: (m.first, m.last, m.count) for name, m in run.metrics.items()} == {
            "loss": (0.5, 0.25, 2),
            "acc": (0.75, 0.75, 1),
        }
        series = MLflowDatabase(path).series(RUN, "loss")
        assert series.tolist() == [(0, 1_550_000_000.0, 0.5), (0, 1_550_000_001.0, 0.25)]
        assert (runs["deleted"].deleted, runs["deleted"].state) == (True, "failed")
        lost = runs["of a deleted experiment"]
        assert (lost.deleted, lost.state, lost.experiment) == (True, "running", "Опыт")
        assert (lost.name, lost.started, lost.metrics) == ("of a deleted experiment", None, {})


def test_nothing_is_written_beside_a_database(migrated: Path) -> None:
    assert {path.suffix for path in migrated.iterdir()} == {".db"}


def test_a_schema_without_indexes_tells_what_has_changed(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    shutil.copyfile(migrated / "0.9.1.db", path)
    source = MLflowDatabase(path)
    known = dict(source.scan({}).changed)
    for statement in (
        f"INSERT INTO metrics VALUES ('loss', 0.1, 1550000003, '{RUN}')",
        f"INSERT INTO params VALUES ('new', '1', '{RUN}')",
        f"UPDATE tags SET value = 'renamed' WHERE run_uuid = '{RUN}' AND key = 'mlflow.runName'",
        f"UPDATE runs SET status = 'FAILED' WHERE run_uuid = '{RUN}'",
    ):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(statement)
        scan = source.scan(known)
        assert set(scan.changed) == {RUN}, statement
        known.update(scan.changed)
    run = source.read(RUN)
    assert (run.name, run.state, run.params["new"], run.metrics["loss"].count) == ("renamed", "failed", 1, 3)


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> Path:
    """A database of today's schema."""
    path = tmp_path / "mlflow.db"
    shutil.copyfile(migrated / TODAY, path)
    return path


def point(connection: sqlite3.Connection, value: float, step: int, run: str = RUN) -> None:
    connection.execute("INSERT INTO metrics VALUES ('loss', ?, 1, ?, ?, 0)", (value, run, step))


def test_a_database_that_a_server_writes_is_read_up_to_its_last_commit(database: Path) -> None:
    source = MLflowDatabase(database)
    known = dict(source.scan({}).changed)
    for count, mode in ((3, "WAL"), (5, "DELETE")):
        with closing(sqlite3.connect(database)) as server:
            server.execute(f"PRAGMA journal_mode={mode}")
            point(server, 1.0, count)
            server.commit()
            files = set(os.listdir(database.parent))
            scan = source.scan(known)
            known.update(scan.changed)
            assert set(scan.changed) == {RUN}
            assert source.read(RUN).metrics["loss"].count == count
            point(server, 2.0, count + 1)  # not committed, so not there yet
            assert source.scan(known).changed == {}
            assert source.read(RUN).metrics["loss"].count == count
            assert set(os.listdir(database.parent)) <= files | {"mlflow.db-journal"}
            server.commit()
            assert set(source.scan(known).changed) == {RUN}
            assert len(source.series(RUN, "loss")) == count + 1


def test_a_database_that_its_server_closed_is_read_without_a_wal(database: Path) -> None:
    with closing(sqlite3.connect(database)) as server:
        server.execute("PRAGMA journal_mode=WAL")
    assert os.listdir(database.parent) == ["mlflow.db"]
    database.chmod(stat.S_IRUSR)
    assert all_of(MLflowDatabase(database)).keys() == {RUN, "deleted", "of a deleted experiment"}
    assert os.listdir(database.parent) == ["mlflow.db"]


def test_a_reader_never_keeps_a_server_from_writing(database: Path) -> None:
    source = MLflowDatabase(database)
    keys = list(source.scan({}).changed)
    records = source.read_many(keys)
    next(records)
    with closing(sqlite3.connect(database, timeout=0)) as server, server:
        server.execute("BEGIN EXCLUSIVE")
        point(server, 3.0, 5)
    assert len(list(records)) == 2


def test_a_locked_database_is_told_and_nothing_is_gone(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.records.sources.mlflow_tables._WAIT_SECONDS", 0.0)
    source = MLflowDatabase(database)
    known = dict(source.scan({}).changed)
    with closing(sqlite3.connect(database, isolation_level=None)) as server:
        server.execute("BEGIN EXCLUSIVE")
        scan = source.scan(known)
        assert (scan.changed, scan.gone) == ({}, frozenset())
        assert "locked" in scan.problems[0]
        assert str(database) in scan.problems[0]
        with pytest.raises(KeyError):
            source.read(RUN)
        with pytest.raises(RecordError):
            source.series(RUN, "loss")
        server.execute("ROLLBACK")
    assert source.scan(known).changed == {}
    assert source.read(RUN).id == RUN


def test_a_quiet_database_is_not_opened_again(database: Path) -> None:
    os.utime(database, (1_700_000_000, 1_700_000_000))
    source = MLflowDatabase(database)
    known = source.scan({}).changed
    with open(database, "r+b") as file:  # what cannot happen, and would be seen if it were read
        file.write(b"x" * 16)
    os.utime(database, (1_700_000_000, 1_700_000_000))
    assert source.scan(known).problems == ()
    assert source.scan({}).problems != ()


def test_a_vacuum_hides_no_point(database: Path) -> None:
    source = MLflowDatabase(database)
    with closing(sqlite3.connect(database)) as server:
        point(server, 1.0, 1, "deleted")
        point(server, 1.0, 1)
        server.commit()
        known = source.scan({}).changed
        server.execute("DELETE FROM metrics WHERE run_uuid = 'deleted'")
        server.commit()
        server.execute("VACUUM")
        for step in range(2, 4):
            point(server, 1.0, step)
        server.commit()
    assert RUN in source.scan(known).changed


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"no database at all" * 100, None])
def test_what_is_no_database_of_mlflow_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mlflow.db"
    if content is not None:
        path.write_bytes(content)
    source = MLflowDatabase(path)
    scan = source.scan({"a": b""})
    assert scan.changed == {}
    assert scan.gone == (frozenset() if content is not None else {"a"})
    assert str(path) in scan.problems[0]
    assert list(source.read_many(["a"])) == []
    with pytest.raises(RecordError):
        source.series("a", "b")


def test_a_view_is_not_asked(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE VIEW runs AS WITH RECURSIVE n(run_uuid) AS (SELECT 1 UNION ALL SELECT run_uuid + 1 FROM n)"
            " SELECT * FROM n"
        )
        connection.commit()
    assert "no runs" in MLflowDatabase(path).scan({}).problems[0]


def test_strange_values_are_read_as_far_as_they_go(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE runs SET start_time = 'when', end_time = 1e300, status = x'00ff', name = 7")
        connection.execute("INSERT INTO metrics VALUES ('odd', 'text', 'time', ?, 'step', 'no')", (RUN,))
        connection.execute("INSERT INTO metrics VALUES ('odd', x'ff', 1e300, ?, 1e300, 0)", (RUN,))
        connection.execute("INSERT INTO params VALUES (x'ff', x'ff00', ?)", (RUN,))
        connection.execute("INSERT INTO params VALUES ('utf', CAST(x'61ff' AS TEXT), ?)", (RUN,))
        connection.commit()
    source = MLflowDatabase(database)
    run = all_of(source)[RUN]
    assert (run.started, run.state, run.name) == (None, "", "7")
    assert run.params["utf"] == "a\ufffd"
    assert run.metrics["odd"].count == 2
    assert len(source.series(RUN, "odd")) == 2


@pytest.fixture(scope="module")
def intact(migrated: Path) -> bytes:
    return (migrated / TODAY).read_bytes()


@given(st.data())
def test_a_damaged_database_is_read_to_its_end(
    intact: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damaged", numbered=True)
    path = folder / "mlflow.db"
    damaged = bytearray(intact[: data.draw(st.integers(0, len(intact)))] if data.draw(st.booleans()) else intact)
    for at in data.draw(st.lists(st.integers(0, max(0, len(damaged) - 1)), max_size=8)):
        if damaged:
            damaged[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(damaged)
    source = MLflowDatabase(path)
    for key in source.scan({}).changed:
        for record in source.read_many([key]):
            for metric in record.metrics:
                try:
                    source.series(key, metric)
                except (KeyError, RecordError):
                    continue
    shutil.rmtree(folder)

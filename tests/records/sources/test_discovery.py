from __future__ import annotations

import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from app.records.layout import Workspace
from app.records.sources.comet import CometArchives
from app.records.sources.csv_log import CsvLogs
from app.records.sources.discovery import FoundSource, find_sources
from app.records.sources.executions import Executions
from app.records.sources.wandb import WandbRuns
from tests.ui.recording import record_run

REAL = Path(__file__).parents[3].parent / "shared" / "data" / "real"
EVENTS = "events.out.tfevents.1585769947.lab"


def put(path: Path, content: str | bytes = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def put_store(path: Path) -> Path:
    put(path / "0" / "meta.yaml", "artifact_location: file:///a\nexperiment_id: '0'\nname: Default\n")
    put(path / "0" / ("a" * 32) / "meta.yaml", f"run_id: {'a' * 32}\nexperiment_id: '0'\n")
    put(path / "0" / ("a" * 32) / "artifacts" / EVENTS)
    return path


def put_database(path: Path, *tables: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} (a)")
        connection.commit()
    return path


def put_comet(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("experiment.json", "{}")
        archive.writestr("messages.json", "")
    return path


def put_wandb(folder: Path) -> Path:
    put(folder / "offline-run-20260101_120000-abcd1234" / "run-abcd1234.wandb")
    return folder


def found(folder: Path) -> set[tuple[str, str, str]]:
    discovery = find_sources(folder)
    return {(source.kind, source.variant, source.root.relative_to(folder).as_posix()) for source in discovery.sources}


def test_a_project_with_everything_is_seen_through(tmp_path: Path) -> None:
    record_run(Workspace(tmp_path))
    put(tmp_path / "trainings" / "a" / "trackings" / "tensorboard" / "x" / EVENTS)
    put_store(tmp_path / "mlruns")
    put_store(tmp_path / "deep" / "other_store")
    put_database(tmp_path / "mlflow.db", "experiments", "runs", "metrics", "params", "alembic_version")
    put_database(tmp_path / "other.db", "runs", "metrics")
    put(tmp_path / "lightning_logs" / "version_0" / EVENTS)
    put(tmp_path / "lightning_logs" / "version_0" / "metrics.csv", "epoch,step,loss\n0,1,2\n")
    put(tmp_path / "lightning_logs" / "version_1" / "metrics.csv", "epoch,step,loss\n0,1,2\n")
    put(tmp_path / "work" / "runs" / "first" / "train" / EVENTS)
    put_comet(tmp_path / "archives" / "a.zip")
    put_wandb(tmp_path / "wandb")
    put(tmp_path / "table" / "log.tsv", "step\tloss\n1\t2\n")
    put(tmp_path / "data" / "houses.csv", "rooms,price\n1,2\n")
    assert found(tmp_path) == {
        ("execution", "", "."),
        ("mlflow", "files", "mlruns"),
        ("mlflow", "files", "deep/other_store"),
        ("mlflow", "database", "mlflow.db"),
        ("tensorboard", "", "lightning_logs"),
        ("tensorboard", "", "work/runs"),
        ("csv", "", "lightning_logs"),
        ("csv", "", "table"),
        ("comet", "", "archives"),
        ("wandb", "", "wandb"),
    }


def test_what_is_found_is_a_source_with_runs(tmp_path: Path) -> None:
    record_run(Workspace(tmp_path))
    put_comet(tmp_path / "comet" / "a.zip")
    put_wandb(tmp_path / "wandb")
    put(tmp_path / "lightning_logs" / "version_0" / "metrics.csv", "epoch,step,loss\n0,1,2\n")
    kinds = {"execution": Executions, "comet": CometArchives, "wandb": WandbRuns, "csv": CsvLogs}
    sources = find_sources(tmp_path).sources
    assert {source.kind for source in sources} == kinds.keys()
    for source in sources:
        assert len(kinds[source.kind](source.root).scan({}).changed) == 1


@pytest.mark.parametrize("path", [".git", ".venv", "node_modules", "a/site-packages", "tool", ".trackside"])
def test_folders_of_programs_are_passed_over(tmp_path: Path, path: str) -> None:
    put(tmp_path / "tool" / "pyvenv.cfg")
    put(tmp_path / path / "runs" / EVENTS)
    put_store(tmp_path / path / "mlruns")
    assert found(tmp_path) == set()


def test_links_are_not_followed(tmp_path: Path) -> None:
    inner = tmp_path / "project" / "inner"
    put(inner / "log.csv", "epoch,loss\n1,2\n")
    (inner / "up").symlink_to(tmp_path / "project")
    (inner / "self").symlink_to(inner)
    put_store(tmp_path / "elsewhere")
    (tmp_path / "project" / "mlruns").symlink_to(tmp_path / "elsewhere")
    assert found(tmp_path / "project") == {("csv", "", "inner")}


@pytest.mark.parametrize("inner", ["", "0", "0/" + "a" * 32])
def test_a_store_is_found_from_within(tmp_path: Path, inner: str) -> None:
    store = put_store(tmp_path / "any")
    assert find_sources(store / inner).sources == (FoundSource("mlflow", store, "files"),)


def test_a_store_without_its_files_is_found_by_its_name(tmp_path: Path) -> None:
    put(tmp_path / "mlruns" / "1" / ("b" * 32) / "metrics" / "loss", "1 2 3\n")
    assert found(tmp_path) == {("mlflow", "files", "mlruns")}


def test_a_workspace_is_found_from_within_its_trainings(tmp_path: Path) -> None:
    folder = record_run(Workspace(tmp_path)).path
    for path in (tmp_path / "trainings", folder.parent.parent, folder):
        assert find_sources(path).sources == (FoundSource("execution", tmp_path),)
    store = put_store(folder.parent.parent / "trackings" / "mlruns")
    assert find_sources(store).sources == (FoundSource("mlflow", store, "files"),)


def test_the_folder_of_one_run_of_wandb_is_found(tmp_path: Path) -> None:
    run = next(put_wandb(tmp_path / "wandb").iterdir())
    assert find_sources(run).sources == (FoundSource("wandb", run),)


def test_event_files_are_a_source_from_where_tensorboard_would_be_started(tmp_path: Path) -> None:
    put(tmp_path / "a" / EVENTS)
    put(tmp_path / "b" / EVENTS)
    assert found(tmp_path) == {("tensorboard", "", ".")}
    assert found(tmp_path / "a") == {("tensorboard", "", ".")}


def test_one_file_can_be_a_source(tmp_path: Path) -> None:
    files = {
        put_comet(tmp_path / "a.zip"): FoundSource("comet", tmp_path / "a.zip"),
        put(tmp_path / "x" / EVENTS): FoundSource("tensorboard", tmp_path / "x"),
        put(tmp_path / "log.csv", "epoch,loss\n1,2\n"): FoundSource("csv", tmp_path / "log.csv"),
        put_database(tmp_path / "m.db", "experiments", "runs", "metrics", "params"): FoundSource(
            "mlflow", tmp_path / "m.db", "database"
        ),
    }
    for path, source in files.items():
        assert find_sources(path).sources == (source,)
    other = find_sources(put(tmp_path / "notes.txt"))
    assert other.sources == ()
    assert "notes.txt: no runs" in other.problems[0]


def test_a_repository_of_aim_is_named_with_how_to_export_it(tmp_path: Path) -> None:
    put(tmp_path / "project" / ".aim" / "meta")
    discovery = find_sources(tmp_path)
    assert discovery.sources == ()
    assert str(tmp_path / "project" / ".aim") in discovery.problems[0]
    assert "to_csv" in discovery.problems[0]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    assert "missing: the folder is missing" in find_sources(tmp_path / "missing").problems[0]


def test_a_search_that_takes_too_long_says_that_it_is_not_complete(tmp_path: Path) -> None:
    discovery = find_sources(tmp_path, seconds=-1)
    assert "not looked through to its end" in discovery.problems[0]


@pytest.mark.parametrize("name", ["a.zip", "a.db", "log.csv", "mlruns/0/meta.yaml", "metrics.json", "run-a.wandb"])
@pytest.mark.parametrize("content", [b"", b"\xff" * 9, b"PK\x03\x04", b"SQLite format 3\0" + b"x" * 99, b"{" * 9999])
def test_no_damaged_file_raises(tmp_path: Path, name: str, content: bytes) -> None:
    put(tmp_path / name, content)
    assert find_sources(tmp_path).sources == ()


def test_a_folder_that_vanishes_while_it_is_looked_at_is_named(tmp_path: Path) -> None:
    put(tmp_path / "a" / "b" / EVENTS)
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    assert find_sources(tmp_path).sources == ()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real records are not here")
def test_the_real_records_are_found() -> None:
    sources = {(source.kind, source.root.relative_to(REAL).as_posix()) for source in find_sources(REAL).sources}
    assert sources >= {("mlflow", path.relative_to(REAL).as_posix()) for path in (REAL / "mlruns").iterdir()}
    assert sources >= {("tensorboard", "tfevents"), ("wandb", "wandb/wandb-test-asset")}
    assert ("csv", "csvlog/Elbhnasy-detectron2") in sources

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.records.sources.base import RunRecord, Source
from app.records.sources.mlflow_database import MLflowDatabase
from app.records.sources.mlflow_files import MLflowFiles
from app.records.summary import summary_of
from tests.records.sources import mlflow_stores
from tests.records.sources.mlflow_stores import NAMED, STATES, Store, all_of, as_mlflow_says, history

from mlflow.entities import Metric, Param  # isort: skip

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy:DeprecationWarning")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    """One store of each kind with the same in both."""
    home = tmp_path_factory.mktemp("stores")
    files, database = home / "mlruns", home / "db" / "mlflow.db"
    database.parent.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        patch.chdir(home)  # where MLflow leaves a database of its own
        yield {
            "files": mlflow_stores.write(files.as_uri(), files, files / "named_artifacts"),
            "database": mlflow_stores.write(f"sqlite:///{database}", database, database.parent / "mlartifacts" / "1"),
        }


@pytest.fixture(params=["files", "database"])
def store(request: pytest.FixtureRequest, stores: dict[str, Store]) -> Store:
    return stores[request.param]


def source_of(store: Store) -> Source:
    return MLflowFiles(store.path) if store.path.is_dir() else MLflowDatabase(store.path)


@pytest.fixture
def runs(store: Store) -> dict[str, RunRecord]:
    return all_of(source_of(store))


def test_every_run_reads_as_mlflows_client_has_it(store: Store, runs: dict[str, RunRecord]) -> None:
    theirs = {run.info.run_id: (experiment, gone, run) for experiment, gone, run in as_mlflow_says(store.client)}
    assert runs.keys() == theirs.keys()
    assert len(runs) == 9
    for run_id, (experiment, gone, run) in theirs.items():
        record, info = runs[run_id], run.info
        assert record.problems == ()
        assert (record.source, record.id, record.name) == ("mlflow", run_id, info.run_name)
        assert record.experiment == experiment
        assert record.state == STATES[info.status]
        assert record.started == info.start_time / 1000
        assert record.ended == (None if info.end_time is None else info.end_time / 1000)
        assert record.deleted == (gone or info.lifecycle_stage == "deleted")
        assert {name: str(value) for name, value in record.params.items()} == run.data.params
        assert record.tags == run.data.tags
        assert record.metrics.keys() == run.data.metrics.keys()


def test_every_point_reads_as_mlflows_client_has_it(store: Store, runs: dict[str, RunRecord]) -> None:
    source = source_of(store)
    seen = 0
    for record in runs.values():
        for metric, summary in record.metrics.items():
            theirs = history(store.client, record.id, metric)
            points = source.series(record.key, metric)
            ours = [(step, time, repr(value)) for step, time, value in points.tolist()]
            # A database has no order of its own: MLflow sorts by time, what was written first is first here.
            assert (ours if store.path.is_dir() else sorted(ours)) == (
                theirs if store.path.is_dir() else sorted(theirs)
            )
            assert repr(summary) == repr(summary_of(points["value"], points["step"]))
            seen += len(ours)
    assert seen == 5 * 100 + 8 + 3 + 1 + 3 + 1


def test_summaries_tell_what_was_logged(store: Store, runs: dict[str, RunRecord]) -> None:
    loss = runs[store.ids["FINISHED"]].metrics["loss"]
    assert (loss.first, loss.last, loss.min, loss.max, loss.count) == (1.0, 0.01, 0.01, 1.0, 100)
    assert (loss.min_step, loss.max_step) == (100, 1)
    metrics = runs[store.ids["values"]].metrics
    assert (metrics["odd"].min, metrics["odd"].max, metrics["odd"].count) == (-np.inf, np.inf, 8)
    assert metrics["nan"].count == 3
    assert metrics["nan"].min_step is None
    assert metrics["val/deep er/acc.top-1"].min_step == 2**53 + 1
    assert (metrics["back"].first, metrics["back"].last) == (0.625, 0.375)


def test_params_are_values_again_where_nothing_is_lost_by_it(store: Store, runs: dict[str, RunRecord]) -> None:
    assert runs[store.ids["values"]].params == {
        "lr": 0.001,
        "exact": "1e-3",
        "on": True,
        "none": None,
        "n": 12,
        "a/b c": "ü\nzwei\r\n",
        "empty": "",
    }


def test_nested_deleted_and_named(store: Store, runs: dict[str, RunRecord]) -> None:
    assert runs[store.ids["child"]].parent == store.ids["values"]
    assert {run for run, record in runs.items() if record.deleted} == {store.ids["deleted"], store.ids["in trash"]}
    assert runs[store.ids["FINISHED"]].experiment == NAMED


def test_nothing_is_told_twice(store: Store) -> None:
    source = source_of(store)
    known = dict(source.scan({}).changed)
    for again in (source, source_of(store)):
        scan = again.scan(known)
        assert (scan.changed, scan.gone, scan.problems) == ({}, frozenset(), ())


def test_a_run_that_is_gone_is_told(store: Store) -> None:
    source = source_of(store)
    known = {**source.scan({}).changed, "0/no": b"stamp", "no": b"stamp"}
    assert source.scan(known).gone == {"0/no", "no"}
    for key in ("0/no", "no", "..", "../0/x", "", "/etc/passwd", "0", ".trash/0", "0/tags", "a\0b/c"):
        with pytest.raises(KeyError):
            source.read(key)
        with pytest.raises(KeyError):
            source.series(key, "loss")
    assert list(source.read_many(["0/no", "no"])) == []
    with pytest.raises(KeyError):
        source.series(next(iter(known)), "../meta.yaml")


@pytest.mark.parametrize(
    "change",
    [
        lambda client, run: client.log_metric(run, "loss", 0.5, step=200),
        lambda client, run: client.log_metric(run, "loss", 0.5, step=-7),
        lambda client, run: client.log_metric(run, "a/new one", 0.5),
        lambda client, run: client.log_param(run, "new", 1),
        lambda client, run: client.log_batch(run, [Metric("b/c", 1.0, 1, 1)], [Param("d/e/f", "g")]),
        lambda client, run: client.set_tag(run, "mlflow.note.content", "something"),
        lambda client, run: client.set_tag(run, "mlflow.note.content", "some other"),
        lambda client, run: client.delete_tag(run, "mlflow.note.content"),
        lambda client, run: client.update_run(run, status="RUNNING"),
        lambda client, run: client.update_run(run, name="renamed"),
        lambda client, run: client.delete_run(run),
        lambda client, run: client.restore_run(run),
    ],
)
def test_a_change_of_a_run_is_seen_and_read(changing: Store, change: Any) -> None:
    source = source_of(changing)
    known = source.scan({}).changed
    run = changing.ids["FINISHED"]
    change(changing.client, run)
    scan = source.scan(known)
    assert scan.gone == frozenset()
    (key,) = scan.changed
    theirs = changing.client.get_run(run)
    ours = source.read(key)
    assert (ours.id, ours.name) == (run, theirs.info.run_name)
    assert (ours.tags, ours.state) == (theirs.data.tags, STATES[theirs.info.status])
    assert {name: str(value) for name, value in ours.params.items()} == theirs.data.params
    assert {name: m.count for name, m in ours.metrics.items()} == {
        name: len(changing.client.get_metric_history(run, name)) for name in theirs.data.metrics
    }
    assert ours.deleted == (theirs.info.lifecycle_stage == "deleted")


@pytest.fixture(scope="module", params=["files", "database"])
def changing(
    request: pytest.FixtureRequest, stores: dict[str, Store], tmp_path_factory: pytest.TempPathFactory
) -> Store:
    """A copy of a store that tests may write to, one after the other."""
    given = stores[request.param]
    copy = tmp_path_factory.mktemp("copy") / given.path.name
    if given.path.is_dir():
        shutil.copytree(given.path, copy)
    else:
        shutil.copyfile(given.path, copy)
    uri = copy.as_uri() if copy.is_dir() else f"sqlite:///{copy}"
    return Store(type(given.client)(uri), copy, given.ids)


def test_a_renamed_or_deleted_experiment_changes_all_its_runs(changing: Store) -> None:
    source = source_of(changing)
    known = dict(source.scan({}).changed)
    changing.client.rename_experiment(changing.ids["named"], "other name")
    scan = source.scan(known)
    assert {source.read(key).experiment for key in scan.changed} == {"other name"}
    assert len(scan.changed) == 5
    changing.client.delete_experiment(changing.ids["named"])
    scan = source.scan({**known, **scan.changed})
    moved = [source.read(key) for key in scan.changed]
    assert len(moved) == 5
    assert all(record.deleted for record in moved)
    assert len(scan.gone) == (5 if changing.path.is_dir() else 0)


def test_artifacts_lie_with_the_run_wherever_the_store_was_moved_to(stores: dict[str, Store], tmp_path: Path) -> None:
    for kind, store in stores.items():
        run = store.ids["FINISHED"]
        store.client.log_text(run, "text", "notes/a.txt")
        named = all_of(source_of(store))[run].artifacts
        assert named is not None
        assert (named / "notes" / "a.txt").read_text() == "text"
        moved = tmp_path / kind
        shutil.copytree(store.path if store.path.is_dir() else store.path.parent, moved)
        record = all_of(MLflowFiles(moved) if store.path.is_dir() else MLflowDatabase(moved / "mlflow.db"))[run]
        assert record.artifacts is not None
        assert record.artifacts.is_relative_to(moved)


def test_what_was_logged_as_files_is_found_and_so_are_the_models_that_a_run_made(
    stores: dict[str, Store], tmp_path: Path
) -> None:
    for kind, store in stores.items():
        shutil.copytree(store.path if kind == "files" else store.path.parent, tmp_path / kind)
        moved = tmp_path / kind / ("" if kind == "files" else "mlflow.db")
        for source in (source_of(store), source_of(Store(store.client, moved))):
            key = next(key for key in source.scan({}).changed if key.endswith(store.ids["KILLED"]))
            found = source.media(key)
            assert [(each.kind, each.name, each.step) for each in found] == [
                ("image", "val/sample", 3),
                ("text", "reports/final.md", None),
                ("file", "net/weights.bin", None),
            ]
            assert found[0].time == 1_700_000_000.0
            assert [each.path.read_bytes() for each in found[1:]] == [b"# report", b"12345"]
            assert all(each.path.is_relative_to(source.root.parent) for each in found)
            assert source.media(key.replace(store.ids["KILLED"], store.ids["FAILED"])) == []


def test_the_real_stores_of_others_hold_what_mlflow_counts_in_them() -> None:
    real = mlflow_stores.find_real_records()
    if real is None:
        pytest.skip("the records of others are not here")
    for name, expected in json.loads((real / "EXPECTED-mlruns.json").read_text()).items():
        source = MLflowFiles(real / "mlruns" / name)
        scan = source.scan({})
        assert scan.problems == ()
        records = list(source.read_many(list(scan.changed)))
        totals = expected["totals"]
        assert len(records) == totals["n_runs_active"] + totals["n_runs_deleted"]
        assert sum(record.parent is not None for record in records) == totals["n_nested_runs"]
        assert sum(m.count for record in records for m in record.metrics.values()) == totals["n_metric_points"]
        for folder, experiment in expected["experiments"].items():
            there = [record for record in records if record.key.startswith(f"{folder}/")]
            assert {record.experiment for record in there} <= {experiment["name"]}
            assert len(there) == experiment["n_runs_active"] + experiment["n_runs_deleted"]
            if not folder.startswith(".trash"):
                assert sum(record.deleted for record in there) == experiment["n_runs_deleted"]
            assert sum(record.state == "running" for record in there) == experiment["n_unfinished_runs"]
            assert len({name for record in there for name in record.metrics}) == experiment["n_metric_keys"]
            assert len({name for record in there for name in record.params}) == experiment["n_param_keys"]
            points = [
                (len(series), int(series["step"].max()))
                for record in there
                for series in (source.series(record.key, metric) for metric in record.metrics)
            ]
            assert sum(count for count, _ in points) == experiment["n_metric_points"]
            assert max((count for count, _ in points), default=0) == experiment["max_points_per_metric_file"]
            assert max((step for _, step in points), default=None) == experiment["max_step"]
        assert not [problem for record in records for problem in record.problems]

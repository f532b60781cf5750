from __future__ import annotations

import json
import math
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.config.params import params
from app.records.files import RecordError, to_json
from app.records.layout import ExecutionFolder, Workspace
from app.records.runs import read_run
from app.records.series import read_series
from app.records.sources.executions import Executions
from app.records.status import read_status, write_status
from tests.ui.recording import DOCUMENT, end_run, log_metrics, record_run

ENVIRONMENT = {
    "python": "3.11.7",
    "packages": {"numpy": "2.4.6", "tensorflow": "2.21.0", "zipp": "3.1"},
    "code": {"commit": "a" * 40, "branch": "main", "dirty": True, "diff": "..."},
    "platform": {"node": "lab", "system": "Linux", "cpu": {"brand": "Xeon", "cores": 8}, "gpu": [{"name": "H100"}]},
}


@pytest.fixture
def source(workspace: Workspace) -> Executions:
    return Executions(workspace.root)


@pytest.fixture
def run(workspace: Workspace) -> ExecutionFolder:
    folder = record_run(workspace)
    folder.environment.write_bytes(to_json(ENVIRONMENT))
    age(folder.path)
    return folder


def age(folder: Path, seconds: float = 3600) -> None:
    """Let all that lies in a folder be older than the clock of any file system is coarse."""
    then = time.time() - seconds
    for parent, _, names in os.walk(folder, topdown=False):
        for path in (*(Path(parent, name) for name in names), Path(parent)):
            os.utime(path, (then, then))


def key_of(source: Executions, folder: ExecutionFolder) -> str:
    return folder.path.relative_to(source.root).as_posix()


def test_a_run_is_read_with_all_that_its_files_tell(source: Executions, run: ExecutionFolder) -> None:
    (key,) = source.scan({}).changed
    record = source.read(key)
    own = read_run(run, Workspace(source.root))
    assert key == key_of(source, run)
    assert (record.source, record.id, record.name) == ("execution", own.id, run.execution_id)
    assert (record.experiment, record.state, record.path) == ("Boston Housing", "finished", run.path)
    assert (record.started, record.ended) == (own.status.started, own.status.ended)
    assert record.metrics == own.metrics
    assert record.log == run.log
    assert record.problems == ()
    assert params(DOCUMENT).items() <= record.params.items()
    assert record.params["model.network.0"] == "dense"
    assert record.params["elapsed.fit_model"] == 2.0
    env = {name.removeprefix("env."): value for name, value in record.params.items() if name.startswith("env.")}
    assert env == {
        "host": "lab", "system": "Linux", "cpu": "Xeon", "cores": 8, "gpu": "H100", "python": "3.11.7",
        "commit": "a" * 40, "branch": "main", "dirty": True, "packages.numpy": "2.4.6", "packages.tensorflow": "2.21.0",
    }  # fmt: skip


def test_the_points_are_those_of_the_series_per_batch_ones_included(workspace: Workspace, source: Executions) -> None:
    run = record_run(workspace, batches=4)
    key = key_of(source, run)
    for name in ("loss", ".batch/loss"):
        assert np.array_equal(source.series(key, name), read_series(run.series / f"{name}.npy"))
    assert ".batch/loss" not in source.read(key).metrics
    with pytest.raises(KeyError):
        source.series(key, "accuracy")


def test_nothing_is_told_twice_of_runs_that_are_over(source: Executions, run: ExecutionFolder) -> None:
    first = source.scan({})
    again = source.scan(first.changed)
    assert (again.changed, again.gone, again.problems) == ({}, frozenset(), ())
    assert Executions(source.root).scan(first.changed).changed == {}


@pytest.mark.parametrize("name", ["status.json", "annotations.json", "metrics.json", "../../experiment.json"])
def test_a_file_that_is_replaced_is_noticed(source: Executions, run: ExecutionFolder, name: str) -> None:
    known = source.scan({}).changed
    path = run.path / name
    path.with_name("new").write_text(path.read_text() if path.exists() else "{}")
    os.replace(path.with_name("new"), path)
    assert source.scan(known).changed.keys() == known.keys()


def test_a_run_that_has_just_ended_is_looked_at_once_more(workspace: Workspace, source: Executions) -> None:
    run = record_run(workspace)
    known = source.scan({}).changed
    assert source.scan(known).changed == {}
    age(run.path)
    known = known | source.scan(known).changed
    assert source.scan(known).changed == {}


def test_new_and_removed_runs_are_told(workspace: Workspace, source: Executions, run: ExecutionFolder) -> None:
    known = source.scan({}).changed
    other = record_run(workspace, experiment="Second")
    shutil.rmtree(run.path)
    scan = source.scan(known)
    assert list(scan.changed) == [key_of(source, other)]
    assert scan.gone == {key_of(source, run)}
    with pytest.raises(KeyError):
        source.read(key_of(source, run))
    assert [record.name for record in source.read_many([*known, *scan.changed])] == [other.execution_id]


def test_a_run_under_way_is_seen_to_grow_to_end_and_to_die(workspace: Workspace, source: Executions) -> None:
    run = record_run(workspace, "running")
    known = dict(source.scan({}).changed)
    (key,) = known
    assert source.scan(known).changed == {}
    log_metrics(run, {"loss": [4.0]}, first_epoch=4)
    known |= source.scan(known).changed
    assert source.read(key).metrics["loss"].last == 4.0
    assert source.read(key).state == "running"
    status = read_status(run.status)
    write_status(run.status, status.change(keeper=None, worker=None))
    known |= source.scan(known).changed
    assert source.read(key).state == "crashed"
    write_status(run.status, status)
    end_run(run)
    assert key in source.scan(known).changed
    assert source.read(key).state == "finished"


def test_a_folder_that_is_being_made_is_no_run_yet(workspace: Workspace, source: Executions) -> None:
    made = workspace.new_execution("Boston Housing", "")
    assert source.scan({}).changed == {}
    made.document.write_text("{}")
    assert source.scan({}).changed == {}
    age(made.path)
    assert list(source.scan({}).changed) == [key_of(source, made)]


@pytest.fixture
def old(workspace: Workspace) -> ExecutionFolder:
    """Return a run as the oldest systems left it."""
    folder = ExecutionFolder(workspace.trainings / "mnist" / "executions" / "06-16-31__08-04-2019")
    folder.path.mkdir(parents=True)
    folder.document.write_text(
        '{"model": {"network": [{"type": "dense", "units": 9}]}, "tracking": {"params": {"device": "gpu"}}}'
    )
    folder.log.write_text("2019-04-08 06:16:31,749 - gymnos - INFO - Trainer - Running experiment\n")
    folder.metrics.write_text(
        '{"elapsed": {"load_data": 0.5, "fit_model": {"start": 1, "end": 3, "duration": 2}},'
        ' "metrics": {"loss": [3.0, null, NaN], "acc": 0.5}, "platform": {"node": "old", "cpu": "i7"}}'
    )
    age(folder.path)
    return folder


def test_runs_of_older_systems_are_read_from_metrics_json(source: Executions, old: ExecutionFolder) -> None:
    (key,) = source.scan({}).changed
    record = source.read(key)
    assert (record.experiment, record.state, record.problems) == ("mnist", "finished", ())
    assert record.id == read_run(old, Workspace(source.root)).id
    assert record.params == {
        "model.network.0": "dense", "model.network.0.units": 9, "device": "gpu", "elapsed.load_data": 0.5,
        "elapsed.fit_model": 2.0, "env.host": "old", "env.cpu": "i7",
    }  # fmt: skip
    assert record.metrics["acc"].last == 0.5
    points = source.series(key, "loss")
    assert points["step"].tolist() == [1, 3]
    assert points["value"][0] == 3.0
    assert math.isnan(points["value"][1])
    assert np.isnan(points["time"]).all()
    assert source.scan(source.scan({}).changed).changed == {}


def test_tags_are_those_of_the_config_without_what_people_added(source: Executions, run: ExecutionFolder) -> None:
    document: dict[str, Any] = json.loads(run.resolved.read_text())
    document["experiment"]["tags"] = {"stage": "debug", "plain": None}
    document["tracking"]["tags"] = {"stage": "final"}
    run.resolved.write_text(json.dumps(document))
    (run.path / "annotations.json").write_text('{"tags": {"kept": {"value": "yes", "time": 1.0}}}')
    assert source.read(key_of(source, run)).tags == {"stage": "final", "plain": ""}


def test_images_and_files_are_found(source: Executions, run: ExecutionFolder) -> None:
    for name in (
        "media/val/sample/12.png",
        "media/note.txt",
        "artifacts/table/rows.csv",
        "callbacks/a/b.h5",
        "model.h5",
    ):
        (run.path / name).parent.mkdir(parents=True, exist_ok=True)
        (run.path / name).write_bytes(b"x")
    (run.path / "media" / "link.png").symlink_to("/etc/passwd")
    found = {(medium.kind, medium.name, medium.step) for medium in source.media(key_of(source, run))}
    assert found == {
        ("image", "val/sample", 12),
        ("text", "note.txt", None),
        ("file", "artifacts/table/rows.csv", None),
        ("file", "callbacks/a/b.h5", None),
        ("file", "model.h5", None),
    }


@pytest.mark.parametrize("key", ["", "..", "trainings/../executions/x", "trainings/a/executions/..", "/etc", "a/b/c/d"])
def test_a_key_that_leads_elsewhere_is_no_run(source: Executions, run: ExecutionFolder, key: str) -> None:
    with pytest.raises(KeyError):
        source.read(key)


def test_a_name_that_leads_out_of_the_run_is_no_metric(
    source: Executions, run: ExecutionFolder, tmp_path: Path
) -> None:
    shutil.copy(run.series / "loss.npy", tmp_path / "secret.npy")
    (run.series / "link.npy").symlink_to(tmp_path / "secret.npy")
    paths = {"out": "../../../../../secret.npy", "link": "link.npy"}
    names = {path: {"name": name, "kind": "scalar"} for name, path in paths.items()}
    (run.series / "names.json").write_text(json.dumps(names))
    for name in paths:
        with pytest.raises(KeyError):
            source.series(key_of(source, run), name)


@pytest.mark.parametrize("name", ["config.resolved.json", "metrics.json", "environment.json"])
@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": ', b"\xff\xff", b"[" * 50_000, b'{"a":' * 5000])
def test_a_broken_file_is_named_and_the_rest_is_read(
    source: Executions, run: ExecutionFolder, name: str, content: bytes
) -> None:
    (run.path / name).write_bytes(content)
    record = source.read(key_of(source, run))
    assert name in " ".join(record.problems)
    assert record.state == "finished"
    assert name == "config.resolved.json" or "training.batch_size" in record.params
    assert record.metrics["loss"].count == 3


def test_a_pipe_in_place_of_a_file_is_not_waited_for(source: Executions, run: ExecutionFolder) -> None:
    run.environment.unlink()
    os.mkfifo(run.environment)
    assert "not a regular file" in " ".join(source.read(key_of(source, run)).problems)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folders_that_cannot_be_read_keep_what_is_known(source: Executions, run: ExecutionFolder) -> None:
    known = source.scan({}).changed
    run.path.parent.chmod(0)
    scan = source.scan(known)
    run.path.parent.chmod(0o755)
    assert (scan.changed, scan.gone) == ({}, frozenset())
    assert str(run.path.parent) in scan.problems[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Executions, ExecutionFolder, dict[str, bytes]]:
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    run = record_run(workspace)
    run.environment.write_bytes(to_json(ENVIRONMENT))
    (run.path / "annotations.json").write_bytes(b'{"tags": {"a": {"value": "b", "time": 1}}}')
    names = [path.relative_to(run.path).as_posix() for path in run.path.rglob("*.json")] + ["series/loss.npy"]
    return Executions(workspace.root), run, {name: (run.path / name).read_bytes() for name in names}


@settings(max_examples=150)
@given(data=st.data())
def test_no_damage_to_any_file_raises(
    whole: tuple[Executions, ExecutionFolder, dict[str, bytes]], data: st.DataObject
) -> None:
    source, run, files = whole
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (run.path / name).write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        key = key_of(source, run)
        source.scan(source.scan({}).changed)
        for record in source.read_many([key]):
            for metric in record.metrics:
                with suppress(KeyError, RecordError):
                    source.series(key, metric)
            source.media(key)
    finally:
        (run.path / name).write_bytes(files[name])


def test_what_an_older_system_left_is_there_at_once_and_a_folder_that_is_being_made_is_not(
    workspace: Workspace, source: Executions
) -> None:
    copied, made = (workspace.new_execution("Boston Housing", "") for _ in range(2))
    copied.metrics.write_text('{"metrics": {"loss": [1.0]}}')
    made.document.write_text("{}")
    assert list(source.scan({}).changed) == [key_of(source, copied)]
    age(made.path)
    assert len(source.scan({}).changed) == 2

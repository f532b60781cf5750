"""A folder with a small record of every kind that can be read, for tests that do harm to all of them."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

from app.records.files import to_json
from app.records.layout import Workspace
from tests.records.sources import event_logs
from tests.records.sources.test_wandb_runs import RECORDS
from tests.records.sources.test_wandb_runs import write as write_wandb
from tests.ui.recording import record_run

#: The kinds of all sources that are found there.
KINDS = {"execution", "mlflow", "tensorboard", "comet", "wandb", "csv"}
RUN, OTHER_RUN = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
OLD = "trainings/old/executions/06-16-31__08-04-2019"
MODEL = "m-0123456789abcdef0123456789abcdef"
TABLES = f"""
CREATE TABLE experiments (experiment_id INTEGER, name TEXT, artifact_location TEXT, lifecycle_stage TEXT);
CREATE TABLE runs (run_uuid TEXT, name TEXT, status TEXT, start_time BIGINT, end_time BIGINT, lifecycle_stage TEXT,
    artifact_uri TEXT, experiment_id INTEGER);
CREATE TABLE metrics (key TEXT, value REAL, timestamp BIGINT, run_uuid TEXT, step BIGINT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
INSERT INTO experiments VALUES (0, 'Default', '/srv/0', 'active');
INSERT INTO runs VALUES
 ('{OTHER_RUN}', 'first', 'FINISHED', 1550000000000, 1550000009000, 'active', '/srv/0', 0);
INSERT INTO metrics VALUES
 ('loss', 0.5, 1550000000000, '{OTHER_RUN}', 1), ('loss', 0.25, 1550000001000, '{OTHER_RUN}', 2);
INSERT INTO params VALUES ('lr', '0.1', '{OTHER_RUN}');
INSERT INTO tags VALUES ('mlflow.runName', 'first', '{OTHER_RUN}');
"""


def write_everything(root: Path) -> None:
    """Leave a run of every kind in a folder."""
    run = record_run(Workspace.at(root))
    run.environment.write_bytes(to_json({"python": "3.11", "packages": {"numpy": "2.4"}, "code": {"commit": "a"}}))
    _put(run.path / "annotations.json", '{"tags": {"a": {"value": "b", "time": 1}}}')
    _put(run.path / "media" / "sample" / "1.png", "png")
    record_run(Workspace.at(root), "running", batches=2)
    old = root / OLD
    _put(old / "training_config.json", '{"model": {"network": [{"type": "dense"}]}}')
    _put(old / "metrics.json", '{"elapsed": {"fit_model": 1}, "metrics": {"loss": [3, null, NaN]}, "platform": {}}')
    _put(old / "execution.log", "2019-04-08 06:16:31,749 - gymnos - INFO - Trainer - Running experiment\n")
    settle(root)
    _write_store(root / "mlruns")
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:
        connection.executescript(TABLES)
    event_logs.log(root / "lightning_logs" / "version_0", "loss", 3.0, 2.0, 1.0)
    _put(root / "lightning_logs" / "version_0" / "hparams.yaml", "lr: 0.1\nbetas: !!python/tuple [1, 2]\n")
    _put(root / "table" / "log.csv", "epoch,loss,acc\n0,3,0.5\n1,2,0.75\n")
    _put(root / "lines" / "metrics.json", '{"iteration": 1, "loss": 3.0}\n{"iteration": 2, "loss": 2.0}\n')
    _write_archive(root / "archives" / "5d1c4cb62a3c4b1e9a5e0c35b7a1f1aa.zip")
    (root / "wandb").mkdir()
    write_wandb(root / "wandb", RECORDS)


def settle(root: Path) -> None:
    """Let the old execution not be one that is just being made."""
    os.utime(root / OLD, (1_600_000_000, 1_600_000_000))


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _write_store(root: Path) -> None:
    experiment, run = root / "0", root / "0" / RUN
    _put(experiment / "meta.yaml", "artifact_location: file:///srv/0\nexperiment_id: '0'\nname: Default\n")
    _put(run / "meta.yaml", f"artifact_uri: file:///srv/0/{RUN}/artifacts\nrun_id: {RUN}\nrun_name: first\nstatus: 3\n")
    _put(run / "metrics" / "val" / "loss", "1550000000000 0.5 1\n1550000001000 nan 2\n")
    _put(run / "params" / "lr", "0.1")
    _put(run / "tags" / "note", "words")
    _put(run / "artifacts" / "plot.svg", "<svg/>")
    _put(experiment / "models" / MODEL / "meta.yaml", f"name: net\nsource_run_id: {RUN}\n")
    _put(experiment / "models" / MODEL / "artifacts" / "weights.bin", "w")


def _write_archive(path: Path) -> None:
    path.parent.mkdir()
    metric = {"metricName": "loss", "metricValue": 0.5, "step": 1}
    messages = [
        {"type": "metric_msg", "payload": {"metric": metric, "local_timestamp": 1_700_000_000_000}},
        {"type": "parameter_msg", "payload": {"param": {"paramName": "lr", "paramValue": 0.1}}},
        {"type": "file_upload", "payload": {"file_path": "a.png", "upload_type": "image"}},
    ]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("experiment.json", json.dumps({"offline_id": "a", "project_name": "houses"}))
        archive.writestr("messages.json", "\n".join(map(json.dumps, messages)))
        archive.writestr("a.png", b"png")

"""Stores that MLflow itself writes, and what MLflow's own client then says of them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import app.trackers.mlflow  # noqa: F401 - before mlflow itself, whose settings it makes
from app.records.sources.base import RunRecord, Source
from app.records.sources.mlflow_values import local_path

from mlflow import MlflowClient  # isort: skip
from mlflow.entities import Metric, Param, Run, RunTag, ViewType  # isort: skip

STATES = {
    "RUNNING": "running",
    "SCHEDULED": "queued",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "stopped",
}
NAMED = "Опыт/ünï 1"


@dataclass
class Store:
    """A store, its client, and the ids of what was written there by a short name."""

    client: MlflowClient
    path: Path
    ids: dict[str, str] = field(default_factory=dict)


def write(uri: str, path: Path, artifacts: Path) -> Store:
    """Write one run of every kind that MLflow knows."""
    store = Store(MlflowClient(uri), path)
    client, ids = store.client, store.ids
    ids["named"] = client.create_experiment(NAMED, artifact_location=artifacts.as_uri())
    for status in STATES:
        run = ids[status] = _run(store, "named", status.lower())
        client.log_batch(run, [Metric("loss", 1 / step, 1_700_000_000_000 + step, step) for step in range(1, 101)])
        client.set_terminated(run, status, end_time=1_700_000_123_456)
    values = _run(store, "0", "values ü")
    odd = [math.nan, math.inf, -math.inf, 0.1 + 0.2, 5e-324, -1.7e308, 1e22, 3.0]
    client.log_batch(values, [Metric("odd", value, 1_700_000_000_000, step) for step, value in enumerate(odd)])
    client.log_batch(values, [Metric("nan", math.nan, 1_700_000_000_000 + step, step) for step in range(3)])
    client.log_batch(values, [Metric("val/deep er/acc.top-1", 0.5, 1_700_000_000_000, 2**53 + 1)])
    client.log_batch(
        values, [Metric("back", step / 8, 1_700_000_000_000 + i, step) for i, step in enumerate([5, -2, 3])]
    )
    params = {
        "lr": "0.001",
        "exact": "1e-3",
        "on": "True",
        "none": "None",
        "n": "12",
        "a/b c": "ü\nzwei\r\n",
        "empty": "",
    }
    client.log_batch(values, params=[Param(key, value) for key, value in params.items()])
    client.log_batch(values, tags=[RunTag("note/ж", "two\nlines é"), RunTag("baseline", "")])
    ids["values"] = values
    ids["child"] = _run(store, "0", "child", {"mlflow.parentRunId": values})
    ids["deleted"] = _run(store, "0", "deleted")
    client.delete_run(ids["deleted"])
    ids["trash"] = client.create_experiment("thrown away")
    ids["in trash"] = _run(store, "trash", "in trash")
    client.delete_experiment(ids["trash"])
    model = client.create_logged_model(ids["named"], "model", source_run_id=ids["FINISHED"], tags={"a": "b"})
    client.log_metric(ids["FINISHED"], "of/model", 0.25, step=3, model_id=model.model_id)
    killed = ids["KILLED"]
    client.log_text(killed, "# report", "reports/final.md")
    client.log_image(killed, np.zeros((4, 4, 3), np.uint8), key="val/sample", step=3, timestamp=1_700_000_000_000)
    net = client.create_logged_model(ids["named"], "net", source_run_id=killed)
    files = local_path(net.artifact_location)
    assert files is not None
    files.mkdir(parents=True)
    (files / "weights.bin").write_bytes(b"12345")
    client.create_registered_model("registered")
    client.create_model_version("registered", "s3://elsewhere/model", ids["FINISHED"])
    return store


def _run(store: Store, experiment: str, name: str, tags: dict[str, str] | None = None) -> str:
    experiment_id = store.ids.get(experiment, experiment)
    run = store.client.create_run(experiment_id, start_time=1_700_000_000_001, tags=tags, run_name=name)
    return run.info.run_id


def as_mlflow_says(client: MlflowClient) -> Iterator[tuple[str, bool, Run]]:
    """Yield (name of the experiment, whether that is deleted, run) of all runs."""
    for experiment in client.search_experiments(view_type=ViewType.ALL):
        for run in client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL):
            yield experiment.name, experiment.lifecycle_stage == "deleted", run


def history(client: MlflowClient, run: str, metric: str) -> list[tuple[int, float, str]]:
    """Return (step, time, value) of all points as MLflow's client has them, a value as text: NaN is no equal of NaN."""
    largest = {sys.float_info.max: math.inf, -sys.float_info.max: -math.inf}
    if not client.tracking_uri.startswith("sqlite"):
        largest = {}
    points = client.get_metric_history(run, metric)
    return [(p.step, p.timestamp / 1000, repr(largest.get(p.value, p.value))) for p in points]


def all_of(source: Source) -> dict[str, RunRecord]:
    """Return all runs of a source by their id."""
    scan = source.scan({})
    assert scan.problems == ()
    return {record.id: record for record in source.read_many(list(scan.changed))}


def find_real_records() -> Path | None:
    """Return the folder with records of other people's programs, where it lies beside the project."""
    for folder in Path(__file__).resolve().parents:
        real = folder / "shared" / "data" / "real"
        if real.is_dir():
            return real
    return None

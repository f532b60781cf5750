"""Leaves runs of other programs on disk, as these write them."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from pathlib import Path

from app.records.index import Index
from app.records.layout import Workspace
from app.records.sources.base import RunRecord
from app.records.sources.external import ExternalSources


def mlflow_run(
    store: Path, name: str = "lively-owl-1", *, experiment: str = "Default", params: Mapping[str, str] | None = None
) -> Path:
    """Leave a finished run in a file store of MLflow."""
    home = store / str(sum(map(ord, experiment)))
    home.mkdir(parents=True, exist_ok=True)
    (home / "meta.yaml").write_text(
        f"artifact_location: {home}\nexperiment_id: '{home.name}'\nlifecycle_stage: active\nname: {experiment}\n"
    )
    run = home / name.encode().hex()[:32].ljust(32, "0")
    for folder in ("metrics", "params", "tags", "artifacts"):
        (run / folder).mkdir(parents=True)
    now = round(time.time() * 1000)
    (run / "meta.yaml").write_text(
        f"run_id: {run.name}\nrun_uuid: {run.name}\nrun_name: {name}\nexperiment_id: '{home.name}'\nstatus: 3\n"
        f"start_time: {now - 90_000}\nend_time: {now - 30_000}\nlifecycle_stage: active\n"
        f"artifact_uri: {run}/artifacts\n"
    )
    (run / "metrics" / "val_loss").write_text("".join(f"{now} {8.0 / step} {step}\n" for step in range(1, 4)))
    for key, value in (params or {}).items():
        (run / "params" / key).write_text(value)
    return run


def csv_log(path: Path, rows: int = 3) -> Path:
    """Leave a table of a training's losses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("step,loss\n" + "".join(f"{step},{1 / (step + 1)}\n" for step in range(rows)))
    return path


def index_runs(workspace: Workspace, away: Path, runs: Collection[RunRecord]) -> None:
    """Put runs into the index as of an added folder that is away for now, so that nobody looks for them."""
    ExternalSources(workspace).add(away)
    with Index(workspace) as index:
        index.update(f"mlflow-files:{away}", runs)

"""What it takes to know a workspace of 10,000 executions: read into an index, and looked at again."""

from __future__ import annotations

import gc
import json
import os
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from app.config.loading import load
from app.config.resolve import resolve
from app.records.environment import describe_platform, describe_python, installed_packages
from app.records.files import to_json
from app.records.index import Progress
from app.records.layout import TRAININGS, Workspace
from app.records.library import OWN, Library
from app.records.metrics import Metrics
from app.records.status import Status
from app.resources import resource
from tests.bench.report import Benchmark, Row

RUNS = 10_000
EXPERIMENTS = 10
EPOCHS = 25
METRICS = ("loss", "mean_absolute_error", "mean_squared_error", "r2_score")
#: 10,000 runs at 2,500 a second, and their part of a start at half a second.
FIRST_GOAL = RUNS / 2500
AGAIN_GOAL = 0.4
#: The files of a run are older than this, as those of nearly every run are.
AGE_SECONDS = 3600.0


def fill(workspace: Path, count: int) -> None:
    """Leave finished executions as the program does, without training anything."""
    document = resolve(load(resource("experiments", "boston_housing.json")))
    versions = {"tensorflow": "2.21.0", "keras": "3.15.1", "numpy": "2.4.6"}
    environment = {**describe_python(), "packages": installed_packages(), "platform": describe_platform()}
    environment["code"] = {"commit": "0" * 40, "branch": "main", "dirty": False, "diff": ""}
    platform = describe_platform(versions)
    then = time.time() - AGE_SECONDS
    for number in range(count):
        experiment = workspace / TRAININGS / f"experiment_{number % EXPERIMENTS}"
        clock = time.strftime("%H-%M-%S__%d-%m-%Y", time.localtime(then - 60 * number))
        folder = experiment / "executions" / clock
        folder.mkdir(parents=True)
        document["training"]["batch_size"] = 2 ** (number % 8)
        environment["seed"] = number % 5
        metrics = Metrics(platform=platform)
        for kind in ("", "val_", "test_"):
            for name in METRICS:
                for epoch in range(1, 2 if kind == "test_" else EPOCHS + 1):
                    metrics.set(kind + name, epoch, (number % 97 + 1) / epoch)
        metrics.elapsed["fit_model"] = 2.0 + number % 7
        status = Status(state="finished", submitted=then, started=then, ended=then + 30)
        files = {
            "config.resolved.json": to_json(document),
            "environment.json": to_json(environment),
            "metrics.json": metrics.encode(),
            "status.json": to_json({"id": str(uuid.UUID(int=number)), "state": status.state, "started": then}),
            "execution.log": b"",
        }
        for name, content in files.items():
            (folder / name).write_bytes(content)
            os.utime(folder / name, (then, then))
        os.utime(folder, (then, then))
    for experiment in (workspace / TRAININGS).iterdir():
        (experiment / "experiment.json").write_bytes(to_json({"name": experiment.name}))


def _parse(workspace: Path) -> float:
    """Return the seconds that it takes to do no more than parse the same files."""
    began = time.perf_counter()
    for status in workspace.glob(f"{TRAININGS}/*/executions/*/status.json"):
        for name in ("status.json", "config.resolved.json", "metrics.json", "environment.json"):
            json.loads(status.with_name(name).read_bytes())
    return time.perf_counter() - began


def _times(steps: Iterator[Progress]) -> Iterator[float]:
    """Yield the seconds that each step took."""
    began = time.perf_counter()
    for _ in steps:
        yield time.perf_counter() - began
        began = time.perf_counter()


def measure(quick: bool) -> list[Row]:
    """Reading 10,000 executions of 12 metrics each into an index, and looking whether any has changed."""
    count = 200 if quick else RUNS
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as folder:
        workspace = Path(folder).resolve()
        fill(workspace, count)
        os.sync()  # what writes them to the disk in the background is not what is measured
        gc.collect()
        peer = _parse(workspace)
        with Library(Workspace.at(workspace)) as library:
            library.search()
            began = time.perf_counter()
            slowest = max(_times(library.update_source(OWN)))
            first = time.perf_counter() - began
            found = len(library.index.query())
            began = time.perf_counter()
            changed = sum(progress.total for progress in library.update_source(OWN))
            unchanged = time.perf_counter() - began
            size = os.path.getsize(Workspace(workspace).private / "index.db") / count
        if found != count or changed:
            raise RuntimeError(f"{found} of {count} are in the index, {changed} seem to have changed")
    print(
        f"  {count} executions: in the index after {first:.2f} s, {count / first:.0f} a second; "
        f"{size:.0f} B each; the longest slice {slowest:.2f} s"
    )
    return [
        Row(ROWS[0], first, peer, "parsing the same JSON", "s", FIRST_GOAL * count / RUNS, "ours"),
        Row(ROWS[1], unchanged, peer, "parsing the same JSON", "s", AGAIN_GOAL * count / RUNS, "ours"),
    ]


ROWS = ("10,000 executions, read and indexed for the first time", "10,000 executions, looked at again")
BENCHMARK = Benchmark("executions", ROWS, measure)

"""What it costs to read the runs of an MLflow store, the first time and again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.bench.report import Benchmark, Row, spread

RUNS = 2000
METRICS = ("accuracy", "loss", "val_accuracy", "val_loss")
POINTS = 10
PARAMS = 10
ROUNDS = 7
#: At least 3 times and 50 times as fast as mlflow.search_runs.
COLD_GOAL, AGAIN_GOAL = 1 / 3, 1 / 50
STORES = ("files", "database")


def measure(quick: bool) -> list[Row]:
    """Read 2,000 runs of 4 metrics and 10 params, beside mlflow.search_runs; again when one point was added."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        for store in STORES:
            path = Path(home) / ("mlruns" if store == "files" else "mlflow.db")
            subprocess.run([sys.executable, "-m", __name__, "write", str(path)], check=True, env=_environment())
            _multiply(path, 100 if quick else RUNS)
            rows += _measure_store(store, path, 1 if quick else ROUNDS)
    return rows


def _measure_store(store: str, path: Path, rounds: int) -> list[Row]:
    ours: dict[str, list[float]] = {"cold": [], "again": []}
    theirs: list[float] = []
    with _program("ours", path) as trackside, _program("mlflow", path) as mlflow:
        _ask(mlflow, "search")  # its connections and caches are made
        for number in range(rounds):
            theirs.append(_ask(mlflow, "search"))
            ours["cold"].append(_ask(trackside, "cold"))
            _add_point(path, number)
            ours["again"].append(_ask(trackside, "again"))
    rows = []
    for kind, goal in (("cold", COLD_GOAL), ("again", AGAIN_GOAL)):
        name = f"mlflow_stores.{store}.{kind}"
        figures = [figure * 1000 for figure in ours[kind]]
        peers = [figure * 1000 for figure in theirs]
        ratio = statistics.median(our / peer for our, peer in zip(figures, peers, strict=True))
        print(f"{name}: {spread(figures, 'ms')}; search_runs {spread(peers, 'ms')}; {1 / ratio:.1f} times as fast")
        our, peer = statistics.median(figures), statistics.median(peers)
        rows.append(Row(name, our, peer, "mlflow.search_runs", "ms", goal, "ratio", ratio))
    return rows


def _environment() -> dict[str, str]:
    return {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}


@contextmanager
def _program(name: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run one of the two in a process of its own: what the other has imported must not slow it."""
    command = [sys.executable, "-m", __name__, name, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=_environment()
    ) as process:
        try:
            yield process
        finally:
            process.stdin.close()  # type: ignore[union-attr]


def _ask(process: subprocess.Popen[str], what: str) -> float:
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(f"{what}\n")
    answer = stdout.readline()
    if not answer:
        raise RuntimeError(f"{what}: the program has ended")
    return float(answer)


def _uri(path: Path) -> str:
    return path.as_uri() if path.suffix != ".db" else f"sqlite:///{path}"


def write(path: Path) -> None:
    """Let MLflow write one run."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(_uri(path))
    run = client.create_run("0", start_time=1_700_000_000_000, run_name="a run").info.run_id
    points = [
        Metric(name, 1 / (step + 3), 1_700_000_000_000 + step * 1000, step)
        for step in range(POINTS)
        for name in METRICS
    ]
    client.log_batch(run, points, [Param(f"param {number}", str(number / 7)) for number in range(PARAMS)])
    client.set_terminated(run)


def _multiply(path: Path, runs: int) -> None:
    """Copy the run that MLflow wrote: to let it write thousands takes minutes."""
    if path.is_dir():
        (folder,) = (each for each in (path / "0").iterdir() if each.is_dir() and len(each.name) == 32)
        for copy in (uuid.uuid4().hex for _ in range(runs - 1)):
            shutil.copytree(folder, folder.with_name(copy))
            meta = folder.with_name(copy) / "meta.yaml"
            meta.write_text(meta.read_text().replace(folder.name, copy))
        return
    with closing(sqlite3.connect(path)) as connection, connection:
        for table in ("runs", "metrics", "latest_metrics", "params", "tags"):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join("copies.id" if name == "run_uuid" else f'{table}."{name}"' for name in names)
            if table == "runs":
                connection.execute("CREATE TEMP TABLE copies (id)")
                copies = [(uuid.uuid4().hex,) for _ in range(runs - 1)]
                connection.executemany("INSERT INTO copies VALUES (?)", copies)
                (original,) = connection.execute("SELECT run_uuid FROM runs").fetchone()
            connection.execute(
                f"INSERT INTO {table} SELECT {values} FROM copies, {table} WHERE run_uuid = ? ORDER BY copies.rowid",
                (original,),
            )


def _add_point(path: Path, number: int) -> None:
    """Add a point as MLflow does, without the seconds that it takes to import it."""
    step = 1000 + number
    if path.is_dir():
        metric = next((path / "0").glob(f"*/metrics/{METRICS[number % len(METRICS)]}"))
        with open(metric, "a") as file:
            file.write(f"1700000000000 0.5 {step}\n")
        return
    with closing(sqlite3.connect(path)) as connection, connection:
        (run,) = connection.execute("SELECT run_uuid FROM runs LIMIT 1").fetchone()
        connection.execute(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)",
            (METRICS[number % len(METRICS)], 0.5, 1_700_000_000_000, run, step),
        )


def answer_as_mlflow(path: Path) -> None:
    import mlflow

    mlflow.set_tracking_uri(_uri(path))
    for _ in sys.stdin:
        start = time.perf_counter()
        found = mlflow.search_runs(experiment_ids=["0"], max_results=100_000)
        print(time.perf_counter() - start, flush=True)
        if not len(found):
            raise RuntimeError("MLflow found no run")


def answer_as_ours(path: Path) -> None:
    from app.records.sources.mlflow_database import MLflowDatabase
    from app.records.sources.mlflow_files import MLflowFiles

    kind = MLflowFiles if path.is_dir() else MLflowDatabase
    source = kind(path)
    known: dict[str, bytes] = {}
    for line in sys.stdin:
        if line.strip() == "cold":
            source, known = kind(path), {}
        start = time.perf_counter()
        scan = source.scan(known)
        records = list(source.read_many(list(scan.changed)))
        print(time.perf_counter() - start, flush=True)
        known.update(scan.changed)
        if line.strip() == "cold":
            if not all(len(record.metrics) == len(METRICS) and len(record.params) == PARAMS for record in records):
                raise RuntimeError("a run was not read whole")
        elif len(records) != 1 or not any(summary.last == 0.5 for summary in records[0].metrics.values()):
            raise RuntimeError("the point that was added is not in the second answer")


BENCHMARK = Benchmark(
    "mlflow_stores",
    tuple(f"mlflow_stores.{store}.{kind}" for store in STORES for kind in ("cold", "again")),
    measure,
)

if __name__ == "__main__":
    {"write": write, "mlflow": answer_as_mlflow, "ours": answer_as_ours}[sys.argv[1]](Path(sys.argv[2]))

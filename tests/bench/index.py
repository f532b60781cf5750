"""How fast the index takes runs in, opens and answers, beside a plain SQLite file and MLflow's own search."""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from app.records.index import Index
from app.records.layout import Workspace
from app.records.sources.base import Param, RunRecord
from app.records.summary import MetricSummary
from tests.bench.report import Benchmark, Row, spread

RUNS, MANY = 10_000, 100_000
#: MLflow takes seconds for an answer over as many as that.
MLFLOW_RUNS = 2_000
BATCH = 1_024
ROUNDS = 7
METRICS = (
    *("loss", "val_loss", "accuracy", "val_accuracy", "mean_absolute_error", "val_mean_absolute_error"),
    *("test_loss", "test_mean_absolute_error", "lr", "grad/norm"),
)
STARTED = 1_750_000_000.0
QUERY = 'val_loss < 16 and optimizer = adam and tags.stage != "debug" and age < 9000d'
MLFLOW_QUERY = (
    "metrics.val_loss < 16 and params.`model.compilation.optimizer` = 'adam' and tags.stage != 'debug' "
    f"and attributes.start_time > {int(STARTED * 1000) - 1}"
)
COLUMNS = (
    *("state", "name", "experiment", "started", "duration", "val_loss", "val_loss.best", "test_loss"),
    *("optimizer", "learning_rate", "stage", "star"),
)
#: A row a value, as trackers' own databases have it, with what makes its queries fast.
PLAIN = """
CREATE TABLE runs (id INTEGER PRIMARY KEY, key TEXT UNIQUE, name TEXT, state TEXT, started REAL, ended REAL,
    stamp BLOB);
CREATE TABLE metrics (name TEXT, run INTEGER, first REAL, last REAL, min REAL, max REAL, mean REAL, count INTEGER,
    min_step INTEGER, max_step INTEGER, trend BLOB, PRIMARY KEY (name, run)) WITHOUT ROWID;
CREATE TABLE params (name TEXT, run INTEGER, value, PRIMARY KEY (name, run)) WITHOUT ROWID;
CREATE TABLE tags (name TEXT, run INTEGER, value TEXT, PRIMARY KEY (name, run)) WITHOUT ROWID;
"""
PLAIN_QUERY = """
SELECT id FROM runs WHERE id IN (SELECT run FROM metrics WHERE name = 'val_loss' AND last < 16)
AND id IN (SELECT run FROM params WHERE name = 'model.compilation.optimizer' AND value = 'adam')
AND id IN (SELECT run FROM tags WHERE name = 'stage' AND value != 'debug') AND started > 0
"""
PLAIN_SORT = """
SELECT id FROM runs LEFT JOIN metrics ON metrics.name = 'val_loss' AND run = id ORDER BY last IS NULL, last DESC
"""
PLAIN_GROUP = """
SELECT value, count(*), min(last), avg(last) FROM params JOIN metrics USING (run)
WHERE params.name = 'model.compilation.optimizer' AND metrics.name = 'val_loss' GROUP BY value
"""


def make_record(number: int, root: Path, luck: random.Random) -> RunRecord:
    """Return a run of 10 metrics of 25 epochs and 30 params."""
    name = f"{number % 24:02d}-{number % 60:02d}-{number // 60 % 60:02d}__18-{number % 12 + 1:02d}-2026-{number}"
    metrics = {}
    for metric in METRICS:
        end = luck.random() * 20
        trend = tuple([end * (1 + 1 / epoch) for epoch in range(1, 26)])
        metrics[metric] = MetricSummary(trend[0], trend[-1], trend[-1], trend[0], 25, trend, sum(trend) / 25, 25, 1)
    params: dict[str, Param] = {
        "model.compilation.optimizer": luck.choice(("adam", "sgd", "rmsprop")),
        "model.compilation.optimizer.learning_rate": 10 ** luck.uniform(-5, -1),
        "training.batch_size": 32 << luck.randrange(4),
        "training.epochs": 25,
        "dataset.name": "boston_housing",
        "dataset.seed": number,
    }
    for each in range(6):
        params[f"elapsed.stage_{each}"] = luck.random()
        params[f"model.network.{each}.activation"] = "relu"
        params[f"model.network.{each}.units"] = 2 ** luck.randrange(10)
        params[f"env.package_{each}"] = f"1.{luck.randrange(20)}.0"
    folder = root / "trainings" / "boston_housing" / "executions" / name
    return RunRecord(
        "execution",
        f"boston_housing/executions/{name}",
        f"{luck.getrandbits(128):032x}",
        name,
        "Boston Housing",
        folder,
        "finished",
        STARTED + number,
        STARTED + number + 30,
        params,
        {"stage": "debug" if number % 5 == 0 else "train"},
        metrics,
        folder / "artifacts",
        folder / "execution.log",
    )


def measure(quick: bool) -> list[Row]:
    """Runs of 10 metrics and 30 params taken in, listed, queried, sorted and grouped; beside plain SQLite and MLflow.

    The plain file is in the same journal mode and written in transactions of as many runs, which alone are timed.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        for name, count in (("index", 500 if quick else RUNS), ("index_100k", 1_000 if quick else MANY)):
            root = Path(home) / name
            ours, plain = write_both(root, count)
            rounds = 2 if quick else ROUNDS
            figures = [*figures_of(root, name, rounds)]
            if name == "index":
                size, plain_size = (
                    (root / path).stat().st_size / count for path in (".trackside/index.db", "plain.db")
                )
                rows += [
                    Row("index.write", ours, plain, "SQLite, a row a value", "us/run", 200.0, "ours"),
                    Row("index.size", size, plain_size, "SQLite, a row a value", "B/run", 3 * 1024.0, "ours"),
                    *figures,
                    *mlflow_figures(Path(home) / "mlflow", 50 if quick else MLFLOW_RUNS, rounds),
                ]
            else:
                rows += figures[1:]
    return rows


def write_both(root: Path, count: int) -> tuple[float, float]:
    """Write runs into an index and into a plain file, a batch at a time; return the microseconds a run took."""
    luck = random.Random(5)
    ours = plain = 0.0
    root.mkdir()
    with Index(Workspace.at(root)) as index, closing(sqlite3.connect(root / "plain.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.executescript(PLAIN)
        for start in range(0, count, BATCH):
            records = [make_record(number, root, luck) for number in range(start, min(start + BATCH, count))]
            stamps = {record.key: os.urandom(24) for record in records}
            begin = time.perf_counter()
            index.update("", records, stamps)
            ours += time.perf_counter() - begin
            begin = time.perf_counter()
            write_plain(db, start, records, stamps)
            plain += time.perf_counter() - begin
    print(f"{count} runs: {count / ours:,.0f} a second, plain SQLite {count / plain:,.0f} a second", flush=True)
    return ours / count * 1e6, plain / count * 1e6


def write_plain(db: sqlite3.Connection, start: int, records: list[RunRecord], stamps: dict[str, bytes]) -> None:
    runs: list[tuple[Any, ...]] = []
    metrics: list[tuple[Any, ...]] = []
    params: list[tuple[Any, ...]] = []
    tags: list[tuple[Any, ...]] = []
    for run, each in enumerate(records, start):
        runs.append((run, each.key, each.name, each.state, each.started, each.ended, stamps[each.key]))
        for name, m in each.metrics.items():
            numbers = (m.first, m.last, m.min, m.max, m.mean, m.count, m.min_step, m.max_step)
            metrics.append((name, run, *numbers, bytes(32)))
        params += [(name, run, value) for name, value in each.params.items()]
        tags += [(name, run, value) for name, value in each.tags.items()]
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", runs)
    db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", metrics)
    db.executemany("INSERT INTO params VALUES (?, ?, ?)", params)
    db.executemany("INSERT INTO tags VALUES (?, ?, ?)", tags)
    db.execute("COMMIT")


def figures_of(root: Path, name: str, rounds: int) -> list[Row]:
    """Return the figures of opening, asking, sorting and grouping, each beside the same question to the plain file."""
    workspace = Workspace.at(root)
    goal = 200.0 if name == "index_100k" else 50.0
    with Index(workspace) as index, closing(sqlite3.connect(root / "plain.db")) as db:
        chosen, plainly = len(index.query(QUERY)), len(db.execute(PLAIN_QUERY).fetchall())
        if chosen != plainly:
            raise RuntimeError(f"{chosen} runs meet the query, but {plainly} in plain SQLite")
        everything = index.query()
        asked: list[tuple[str, float, Callable[[], object], Callable[[], object]]] = [
            ("open", 500.0, lambda: fill(workspace), lambda: fill_plain(root / "plain.db")),
            ("query", goal, lambda: index.query(QUERY), lambda: db.execute(PLAIN_QUERY).fetchall()),
            ("sort", goal, lambda: index.query(None, ("val_loss", True)), lambda: db.execute(PLAIN_SORT).fetchall()),
            (
                "group",
                goal,
                lambda: index.group(everything, "optimizer", "val_loss"),
                lambda: db.execute(PLAIN_GROUP).fetchall(),
            ),
        ]
        rows = []
        for what, most, ours, theirs in asked:
            figures = [
                milliseconds(each, rounds, f"{name}.{what}, {who}") for each, who in ((ours, "ours"), (theirs, "plain"))
            ]
            rows.append(Row(f"{name}.{what}", *figures, "SQLite, a row a value", "ms", most, "ours"))
    return rows


def fill(workspace: Workspace) -> None:
    """Do what a start with nothing changed does until the table has its values."""
    with Index(workspace) as index:
        index.known("")
        ids = index.query(sort=("started", True))
        for column in index.table(ids, COLUMNS).values():
            list(column)
        index.trends(ids[:60], "val_loss")


def fill_plain(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        dict(db.execute("SELECT key, stamp FROM runs"))
        db.execute("SELECT id, name, state, started, ended FROM runs ORDER BY started DESC").fetchall()
        for metric in ("val_loss", "test_loss"):
            db.execute("SELECT run, last, min FROM metrics WHERE name = ?", (metric,)).fetchall()
        for param in ("model.compilation.optimizer", "model.compilation.optimizer.learning_rate"):
            db.execute("SELECT run, value FROM params WHERE name = ?", (param,)).fetchall()
        db.execute("SELECT run, value FROM tags WHERE name = 'stage'").fetchall()


def mlflow_figures(home: Path, count: int, rounds: int) -> list[Row]:
    """Return our query and sort over as many runs as MLflow's SQLite store then has, beside its search."""
    write_both(home, count)
    client = fill_mlflow(home, count)
    experiments = [client.get_experiment_by_name("bench").experiment_id]
    rows = []
    with Index(Workspace.at(home)) as index:
        asked = (
            ("query", lambda: index.query(QUERY), MLFLOW_QUERY, None),
            ("sort", lambda: index.query(None, ("val_loss", True)), "", ["metrics.val_loss DESC"]),
        )
        for what, ours, text, order in asked:

            def theirs(text: str = text, order: list[str] | None = order) -> list[Any]:
                return list(client.search_runs(experiments, text, max_results=count, order_by=order))

            if len(ours()) != len(theirs()):
                raise RuntimeError(f"{len(ours())} runs are found, but {len(theirs())} by MLflow")
            figures = [
                milliseconds(each, rounds, f"{what} of {count}, {who}")
                for each, who in ((ours, "ours"), (theirs, "MLflow"))
            ]
            rows.append(Row(f"index.mlflow_{what}", *figures, "MLflow's search_runs, SQLite", "ms", 0.1, "ratio"))
    return rows


def fill_mlflow(home: Path, count: int) -> Any:
    """Return a client of an MLflow store with as many runs: one that MLflow wrote, and copies with other values."""
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    experiment = client.create_experiment("bench", artifact_location=str(home / "artifacts"))
    luck = random.Random(5)
    first, *others = [make_record(number, home, luck) for number in range(count)]
    run = client.create_run(experiment, start_time=int(STARTED * 1000)).info.run_id
    client.log_batch(
        run,
        [Metric(name, each.last, int(STARTED * 1000), 25) for name, each in first.metrics.items()],
        [Param(name, str(value)) for name, value in first.params.items()],
        [RunTag(name, text) for name, text in first.tags.items()],
    )
    client.set_terminated(run)
    with closing(sqlite3.connect(home / "mlflow.db")) as db, db:
        for table in ("runs", "metrics", "latest_metrics", "params", "tags"):
            cursor = db.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run,))
            names = [column[0] for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            marks = ", ".join("?" * len(names))
            copies = (tuple((row | of_other(other, row)).values()) for other in others for row in rows)
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", copies)
    return client


def of_other(record: RunRecord, row: dict[str, Any]) -> dict[str, Any]:
    """Return what differs in another run's row of a table of MLflow's."""
    changed: dict[str, Any] = {"run_uuid": record.id}
    key = row.get("key")
    if "start_time" in row:
        changed |= {"start_time": int((record.started or 0) * 1000), "name": record.name}
    elif key in record.metrics:
        changed["value"] = record.metrics[key].last
    elif key in record.params:
        changed["value"] = str(record.params[key])
    elif key in record.tags:
        changed["value"] = record.tags[key]
    return changed


def milliseconds(work: Callable[[], object], rounds: int, what: str) -> float:
    """Return the median of the milliseconds that some work takes, the first time among them."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1000)
    print(f"{what}: {spread(times, 'ms')}", flush=True)
    return statistics.median(times)


BENCHMARK = Benchmark(
    "index",
    (
        *("index.write", "index.size", "index.open", "index.query", "index.sort", "index.group"),
        *("index.mlflow_query", "index.mlflow_sort"),
        *("index_100k.query", "index_100k.sort", "index_100k.group"),
    ),
    measure,
)

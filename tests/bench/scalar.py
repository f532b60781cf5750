"""What one scalar costs the thread that trains."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.report import Benchmark, Row, spread

ROUNDS = 3
GOAL = 3.0
#: Calls come in blocks with a pause between them, as scalars do between the steps of a training: in the pause whoever
#: writes behind the caller's back can work, and does, so that its work is in the figures as it is in a training.
BLOCK = 100
PAUSE_SECONDS = 0.002

Log = Callable[[str, float, int], object]


@contextmanager
def trackside(folder: Path, calls: int) -> Iterator[Log]:
    from app.records.layout import ExecutionFolder
    from app.records.log import LogFile
    from app.records.recorder import Recorder
    from app.records.series import read_series, series_files

    execution = ExecutionFolder(folder)
    recorder = Recorder(execution, LogFile(execution.log))
    yield recorder.log
    recorder.close("finished", None, None)
    written = len(read_series(series_files(execution.series)["loss"]))
    if written != calls:
        raise RuntimeError(f"{calls} points were logged, but {written} are in the series")


@contextmanager
def mlflow_files(folder: Path, calls: int) -> Iterator[Log]:
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    with _mlflow((folder / "mlruns").as_uri()) as log:
        yield log


@contextmanager
def mlflow_sqlite(folder: Path, calls: int) -> Iterator[Log]:
    with _mlflow(f"sqlite:///{folder / 'mlflow.db'}") as log:
        yield log


@contextmanager
def _mlflow(store: str) -> Iterator[Log]:
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    import mlflow

    mlflow.set_tracking_uri(store)
    with mlflow.start_run():
        yield mlflow.log_metric


@contextmanager
def tf_summary(folder: Path, calls: int) -> Iterator[Log]:
    import tensorflow

    with tensorflow.summary.create_file_writer(str(folder)).as_default():
        yield tensorflow.summary.scalar


@contextmanager
def comet_offline(folder: Path, calls: int) -> Iterator[Log]:
    os.environ.update(COMET_DISABLE_AUTO_LOGGING="1", COMET_LOGGING_CONSOLE="critical")
    import comet_ml

    experiment = comet_ml.OfflineExperiment(offline_directory=str(folder), log_code=False, log_git_patch=False)
    yield lambda name, value, step: experiment.log_metric(name, value, step=step)
    experiment.end()


#: By name: how to log there, how often, and what that is called.
PEERS: dict[str, tuple[int, str]] = {
    "mlflow_files": (2_000, "mlflow.log_metric, file store"),
    "mlflow_sqlite": (300, "mlflow.log_metric, SQLite"),
    "tf_summary": (10_000, "tf.summary.scalar"),
    "comet_offline": (20_000, "comet_ml log_metric, offline"),
}
OUR_CALLS = 100_000
_LOGGERS = {each.__name__: each for each in (trackside, mlflow_files, mlflow_sqlite, tf_summary, comet_offline)}


def measure(quick: bool) -> list[Row]:
    """One scalar logged on the training thread, which alone is timed, beside mlflow, tf.summary and Comet.

    Everyone logs in a process of its own, one after another in each round, with TensorFlow imported, because what is
    in memory has its price in every garbage collection.
    """
    calls = {"trackside": OUR_CALLS} | {name: count for name, (count, _) in PEERS.items()}
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(1 if quick else ROUNDS):
        for name, count in calls.items():
            found[name].append(_measure_apart(name, max(BLOCK, count // 50) if quick else count))
    for name, values in found.items():
        print(f"{name}: {spread(values, 'us')}")
    ours = statistics.median(found["trackside"])
    return [
        Row(f"scalar.{name}", ours, statistics.median(found[name]), peer_name, "us", GOAL, "ours")
        for name, (_, peer_name) in PEERS.items()
    ]


def _measure_apart(name: str, calls: int) -> float:
    """Return the microseconds a call takes, measured in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.scalar", name, str(calls)]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{name} failed:\n{process.stderr[-4000:]}")
    result = json.loads(process.stdout.splitlines()[-1])
    print(f"{name}: {calls} calls, {result['mean']:.3g} us a call; {result['blocks']}", flush=True)
    return float(result["mean"])


def time_calls(log: Log, calls: int) -> list[float]:
    """Return the microseconds a call took in each block of calls, after a block that is not timed."""
    for _ in range(BLOCK):
        log("warm-up", 0.5, 1)
    blocks = []
    for first in range(0, calls, BLOCK):
        steps = range(first + 1, first + 1 + BLOCK)
        begin = time.perf_counter()
        for step in steps:
            log("loss", 0.5, step)
        blocks.append((time.perf_counter() - begin) / BLOCK * 1e6)
        time.sleep(PAUSE_SECONDS)
    return blocks


def main(name: str, calls: int) -> None:
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        if name == "comet_offline":
            import comet_ml  # noqa: F401 - it asks to be imported before TensorFlow
        import tensorflow  # noqa: F401

        with _LOGGERS[name](Path(home), calls) as log:
            blocks = time_calls(log, calls)
    # The mean, in which every wait for the writing thread counts; the median block shows what there was without.
    text = f"blocks of {BLOCK}: {spread(blocks, 'us a call')}"
    print(json.dumps({"mean": statistics.mean(blocks), "blocks": text}))


BENCHMARK = Benchmark("scalar", tuple(f"scalar.{name}" for name in PEERS), measure)

if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

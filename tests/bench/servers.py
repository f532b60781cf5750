"""How long a person waits for a run in TensorBoard's or MLflow's own page."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.jobs.servers import TrackingServers
from app.records.layout import ExecutionFolder, Workspace
from app.records.mirrored import find_mlflow, find_tensorboard
from tests.bench.report import Benchmark, Row, spread
from tests.mirroring import mirror_run
from tests.ui.recording import record_run

ROUNDS = 5
RUNS = 20
EPOCHS = 200
GOAL_FIRST, GOAL_SECOND, GOAL_COLD, GOAL_WARM = 2.0, 0.3, 1.0, 1.0
_GIVE_UP_SECONDS = 180.0


def measure(quick: bool) -> list[Row]:
    """From the wish to see a run in TensorBoard or MLflow to the moment when its page answers with that run in it.

    A round is one start of our server and one of the stock command on the same store of 20 runs, by turns; a first
    round warms the disk's cache and is left out. "Again" is the same wish once the server runs; "ahead" is the first
    one where a server was started beforehand and had the time to import its library.
    """
    rounds = 1 if quick else ROUNDS
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        runs = _record(Workspace.at(Path(home)), 2 if quick else RUNS)
        for number in range(rounds + (not quick)):
            times: dict[str, float] = {}
            for kind in ("tensorboard", "mlflow"):
                times |= asyncio.run(_ours(kind, runs))
                times[f"{kind}, stock"] = _stock(kind, runs[0])
            name = f"round {number}" if number or quick else "warm-up"
            print(f"{name}: " + "; ".join(f"{part} {seconds:.3f} s" for part, seconds in times.items()), flush=True)
            for part, seconds in times.items() if number or quick else ():
                found.setdefault(part, []).append(seconds)
    for part, values in found.items():
        print(f"{part}: {spread(values, 's')}")
    middle = {part: statistics.median(values) for part, values in found.items()}
    stock = {"tensorboard": "tensorboard --logdir", "mlflow": "mlflow server"}

    def row(name: str, part: str, kind: str, goal: float | None, bound: Any) -> Row:
        return Row(f"servers.{name}", middle[part], middle[f"{kind}, stock"], stock[kind], "s", goal, bound)

    return [
        row("tensorboard", "tensorboard, first", "tensorboard", GOAL_FIRST, "ours"),
        row("tensorboard_again", "tensorboard, again", "tensorboard", GOAL_SECOND, "ours"),
        row("tensorboard_ahead", "tensorboard, ahead", "tensorboard", None, None),
        row("mlflow", "mlflow, first", "mlflow", GOAL_COLD, "ratio"),
        row("mlflow_again", "mlflow, again", "mlflow", GOAL_WARM, "ours"),
        row("mlflow_ahead", "mlflow, ahead", "mlflow", GOAL_WARM, "ours"),
    ]


def _record(workspace: Workspace, count: int) -> list[ExecutionFolder]:
    curve = [500 / epoch for epoch in range(1, EPOCHS + 1)]
    runs = [record_run(workspace, metrics={"loss": curve, "val_loss": curve}) for _ in range(count)]
    for run in runs:
        mirror_run(run, {"type": "tensorboard"}, {"type": "mlflow"})
    return runs


async def _ours(kind: str, runs: list[ExecutionFolder]) -> dict[str, float]:
    times: dict[str, float] = {}

    async def timed(part: str, pages: TrackingServers, run: ExecutionFolder) -> None:
        began = time.perf_counter()
        await pages.open(kind, run)
        times[f"{kind}, {part}"] = time.perf_counter() - began

    pages = TrackingServers()
    try:
        await timed("first", pages, runs[0])
        await timed("again", pages, runs[0])
    finally:
        pages.close()
    pages = TrackingServers()
    try:
        pages.prestart(kind)
        await asyncio.sleep(2 * times[f"{kind}, first"])
        await timed("ahead", pages, runs[-1])
    finally:
        pages.close()
    return times


def _stock(kind: str, run: ExecutionFolder) -> float:
    """Start the tracker's own command on the store of a run, and wait for the same answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module, options, path, has_run = _asked(kind, run)
    arguments = [sys.executable, "-P", "-m", *module, "--host", "127.0.0.1", "--port", str(port), *options]
    began = time.perf_counter()
    with _started(arguments, run.path) as process:
        while not _answers(f"http://127.0.0.1:{port}", path, has_run):
            if process.poll() is not None or time.perf_counter() > began + _GIVE_UP_SECONDS:
                raise RuntimeError(f"{' '.join(arguments)} does not answer")
            time.sleep(0.02)
        return time.perf_counter() - began


def _asked(kind: str, run: ExecutionFolder) -> tuple[list[str], list[str], str, Callable[[Any], bool]]:
    if kind == "tensorboard":
        board = find_tensorboard(run)
        assert board is not None
        return ["tensorboard.main"], ["--logdir", str(board.logdir)], "/data/runs", lambda runs: board.run in runs
    mirror = find_mlflow(run)
    assert mirror is not None
    path = f"/api/2.0/mlflow/runs/get?run_id={mirror.run_id}"
    return ["mlflow", "server"], ["--backend-store-uri", mirror.uri], path, lambda answer: "run" in answer


@contextmanager
def _started(arguments: list[str], cwd: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        arguments, cwd=cwd, env=environment, stdout=nowhere, stderr=nowhere, start_new_session=True
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(address: str, path: str, has_run: Callable[[Any], bool]) -> bool:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=_GIVE_UP_SECONDS)
    try:
        connection.request("GET", path)
        return has_run(json.loads(connection.getresponse().read()))
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()


BENCHMARK = Benchmark(
    "servers",
    (
        "servers.tensorboard",
        "servers.tensorboard_again",
        "servers.tensorboard_ahead",
        "servers.mlflow",
        "servers.mlflow_again",
        "servers.mlflow_ahead",
    ),
    measure,
)

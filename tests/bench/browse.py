"""How long the table of 10,000 runs makes a person wait, and how the window bears it when they are indexed."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from app.records.layout import PRIVATE
from tests.bench.executions import fill
from tests.bench.report import Benchmark, Row, spread
from tests.bench.told import times_told

RUNS = 10_000
ROUNDS = 5
GOAL_FILLED = 0.5
GOAL_STALL = 0.033
GOAL_ANSWER = 0.05


def measure(quick: bool) -> list[Row]:
    """From opening a workspace of 10,000 executions to a filled table; the longest stall while they are indexed.

    The first round indexes them; the others find them unchanged, by turns with a bare PySide6 window.
    """
    count = 200 if quick else RUNS
    rounds = 1 if quick else ROUNDS
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        workspace = Path(home).resolve() / "workspace"
        fill(workspace, count)
        os.sync()  # what writes 10,000 runs to the disk in the background is not what is measured
        for _ in range(1 if quick else 3):
            shutil.rmtree(workspace / PRIVATE, ignore_errors=True)
            told = times_told("browsed_window.py", "index", str(workspace), str(count))
            found.setdefault("longest stall", []).append(told["stall"])
            found.setdefault("first index", []).append(told["indexed"])
        for number in range(rounds + 1):
            begun = time.time()
            bare = times_told("bare_window.py")["key"] - begun
            begun = time.time()
            ours = times_told("browsed_window.py", "start", str(workspace), str(count))
            if not number:
                continue
            found.setdefault("bare window", []).append(bare)
            found.setdefault("filled, from exec", []).append(ours["filled"] - begun)
            found.setdefault("filled, from opening", []).append(ours["filled"] - ours["opened"])
            for name in ("query", "words", "all", "sort"):
                found.setdefault(name, []).append(ours[name])
    for part, values in found.items():
        print(f"{part}: {spread(values, 's')}", flush=True)
    middle = {part: statistics.median(values) for part, values in found.items()}
    bare = middle["bare window"]
    name = "a bare PySide6 and pyqtgraph window"
    return [
        Row("browse.start", middle["filled, from exec"], bare, name, "s"),
        Row("browse.filled", middle["filled, from opening"], bare, name, "s", GOAL_FILLED, "ours"),
        Row("browse.stall", max(found["longest stall"]), bare, name, "s", GOAL_STALL, "ours"),
        Row("browse.query", middle["query"], bare, name, "s", GOAL_ANSWER, "ours"),
        Row("browse.sort", middle["sort"], bare, name, "s", GOAL_ANSWER, "ours"),
    ]


BENCHMARK = Benchmark(
    "browse", ("browse.start", "browse.filled", "browse.stall", "browse.query", "browse.sort"), measure
)

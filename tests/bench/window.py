"""How long the window makes a person wait."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from app.records.layout import Workspace
from app.resources import resource
from tests.bench.report import Benchmark, Row, spread
from tests.bench.told import times_told
from tests.ui.recording import record_run

ROUNDS = 7
RUNS = 100
GOAL_START = 1.5
GOAL_PAGE = 0.3
GOAL_RUN = 0.15


def measure(quick: bool) -> list[Row]:
    """From exec to a painted window that has handled a key, to the editor, the first chart, to a run that is shown.

    A round is one start of our window on a workspace of 100 runs and one of a bare PySide6 window with an empty
    pyqtgraph plot, by turns; a first round warms the disk's cache and is left out.
    """
    rounds = 1 if quick else ROUNDS
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="trackside-bench-") as home:
        workspace = Workspace.at(Path(home) / "workspace")
        for _ in range(RUNS):
            curve = [500 / epoch for epoch in range(1, 26)]
            record_run(workspace, metrics={"loss": curve, "val_loss": curve, "mean_absolute_error": curve})
        experiments = workspace.root / "experiments"
        experiments.mkdir()
        shutil.copy(resource("experiments", "boston_housing.json"), experiments)
        for number in range(rounds + 1):
            bare = _start("bare_window.py")
            ours = _start("probed_window.py", "start", str(workspace.root))
            pages = _start("probed_window.py", "pages", str(workspace.root))
            times = {
                "ours": ours["key"],
                "ours, all runs listed": ours["listed"],
                "bare": bare["key"],
                "editor": pages["editor"],
                "bare form": bare["form"],
                "first chart": pages["chart"],
                "bare chart": bare["chart"],
            }
            name = f"round {number}" if number else "warm-up"
            print(f"{name}: " + "; ".join(f"{part} {seconds:.3f} s" for part, seconds in times.items()), flush=True)
            for part, seconds in times.items() if number else ():
                found.setdefault(part, []).append(seconds)
        shown = [_start("probed_window.py", "run", str(workspace.root))["run"] for _ in range(1 if quick else 5)]
    found["Run pressed to shown as running"] = shown
    for part, values in found.items():
        print(f"{part}: {spread(values, 's')}")
    middle = {part: statistics.median(values) for part, values in found.items()}
    bare_name = "a bare PySide6 and pyqtgraph window"
    return [
        Row("window.start", middle["ours"], middle["bare"], bare_name, "s", GOAL_START, "ratio"),
        Row("window.listed", middle["ours, all runs listed"], middle["bare"], bare_name, "s"),
        Row("window.editor", middle["editor"], middle["bare form"], "a bare form of 80 fields", "s", GOAL_PAGE, "ours"),
        Row(
            "window.chart", middle["first chart"], middle["bare chart"], "a bare pyqtgraph plot", "s", GOAL_PAGE, "ours"
        ),
        Row("window.run", statistics.median(shown), middle["bare"], bare_name, "s", GOAL_RUN, "ours"),
    ]


def _start(program: str, *arguments: str) -> dict[str, float]:
    """Start a probed program; return its times, those of its start counted from the exec."""
    begun = time.time()
    told = times_told(program, *arguments, timeout=180)
    return {name: value - begun if name in ("painted", "key", "listed") else value for name, value in told.items()}


BENCHMARK = Benchmark(
    "window", ("window.start", "window.listed", "window.editor", "window.chart", "window.run"), measure
)

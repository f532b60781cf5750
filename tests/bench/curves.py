"""Whether the window stays awake while points pour into its curves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.bench.report import Benchmark, Row, spread

ROUNDS = 3
SECONDS = 30.0
METRICS = 10
POINTS_A_SECOND = 10_000
GOAL_STALL = 33.0
GOAL_MEMORY = 200.0

#: Points come when the follower has looked, as in the window (ms); both sides may repaint this often (ms).
_LOOK_MS, _FRAME_MS = 100, 33
#: How often the event loop is asked whether it is awake (ms).
_PROBE_MS = 2
#: All charts in sight at once: 5 rows of 2.
_SIZE = (1440, 1240)
#: The first seconds make the charts; they are the business of another benchmark.
_WARM_UP = 2.0

Feed = Callable[[int, int], None]


def measure(quick: bool) -> list[Row]:
    """10,000 points a second into 20 visible curves: the longest stall of the event loop, and the memory.

    The peer is pyqtgraph: a PlotWidget a chart, whose PlotDataItems get all of their points at each frame and thin
    them out by themselves. Each side has a process of its own, one after the other; a stall is how late a timer is.
    """
    found: dict[str, list[dict[str, float]]] = {"trackside": [], "pyqtgraph": []}
    for _ in range(1 if quick else ROUNDS):
        for name, results in found.items():
            results.append(_measure_apart(name, 3.0 if quick else SECONDS))
    for name, results in found.items():
        for key, unit in (("stall", "ms"), ("usual", "ms"), ("frames", "frames/s a chart"), ("memory", "MB")):
            print(f"{name}, {key}: {spread([result[key] for result in results], unit)}")
    rows = []
    for key, unit, goal in (("stall", "ms", GOAL_STALL), ("memory", "MB", GOAL_MEMORY)):
        ours, peer = (max(result[key] for result in results) for results in found.values())
        rows.append(Row(f"curves.{key}", ours, peer, "PlotDataItem.setData", unit, goal, "ours"))
    return rows


def _measure_apart(name: str, seconds: float) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.curves", name, str(seconds)]
    root = Path(__file__).resolve().parents[2]
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    process = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{name} failed:\n{process.stderr[-4000:]}")
    result: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    print(f"{name}: {result}", flush=True)
    return result


def _values(count: int) -> np.ndarray:
    """Return what a curve shows: one that falls and is noisy, as a loss is."""
    rng = np.random.default_rng(7)
    steps = np.arange(1, count + 1)
    return (2 * np.exp(-steps / (count / 5)) + 0.05) * np.exp(0.3 * rng.standard_normal(count))


def trackside(values: np.ndarray) -> tuple[Any, Feed, Callable[[], float]]:
    from app.records.series import POINT_DTYPE
    from app.ui.charts.metric_charts import MetricCharts

    points = np.zeros(len(values), POINT_DTYPE)
    points["step"] = np.arange(1, len(values) + 1)
    points["time"] = points["step"] / 500
    points["value"] = values
    page = MetricCharts()
    page.set_running(True)
    names = [prefix + f"metric_{number}" for number in range(METRICS) for prefix in ("", "val_")]

    def feed(begin: int, end: int) -> None:
        page.add_points([(name, points[begin:end]) for name in names])

    def frames() -> float:
        shown = page.charts()
        if len(shown) != METRICS or any(chart.visibleRegion().isEmpty() for chart in shown):
            raise RuntimeError("not all charts are in sight")
        return sum(chart.paints for chart in shown) / METRICS

    return page, feed, frames


def pyqtgraph(values: np.ndarray) -> tuple[Any, Feed, Callable[[], float]]:
    import pyqtgraph
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QGridLayout, QWidget

    painted = 0

    class Plot(pyqtgraph.PlotWidget):
        def paintEvent(self, event: Any) -> None:
            nonlocal painted
            painted += 1
            super().paintEvent(event)

    page = QWidget()
    grid = QGridLayout(page)
    curves = []
    for number in range(METRICS):
        plot = Plot()
        plot.showGrid(x=True, y=True)
        grid.addWidget(plot, number // 2, number % 2)
        curves += [plot.plot(pen=pyqtgraph.mkPen(colour), autoDownsample=True) for colour in ("#0167DA", "#D68028")]
    steps = np.arange(1.0, len(values) + 1)
    known = drawn = 0

    def feed(begin: int, end: int) -> None:
        nonlocal known
        known = end

    def draw() -> None:
        nonlocal drawn
        if known > drawn:
            drawn = known
            for curve in curves:
                curve.setData(steps[:known], values[:known])

    timer = QTimer(page)
    timer.timeout.connect(draw)
    timer.start(_FRAME_MS)
    return page, feed, lambda: painted / METRICS


def main(name: str, seconds: float) -> None:
    from PySide6.QtCore import Qt, QTimer
    from PySide6.QtWidgets import QApplication

    from app.ui.theme import theme

    application = QApplication([])
    theme().start(application, "light")
    rate = POINTS_A_SECOND // (2 * METRICS)
    page, feed, frames = {"trackside": trackside, "pyqtgraph": pyqtgraph}[name](_values(int(rate * (seconds + 60))))
    page.resize(*_SIZE)
    page.show()
    begin = time.perf_counter()
    fed = 0
    last = begin
    lateness: list[float] = []

    def look() -> None:
        nonlocal fed
        wanted = int((time.perf_counter() - begin) * rate)
        feed(fed, wanted)
        fed = wanted

    def probe() -> None:
        nonlocal last
        now = time.perf_counter()
        if now - begin > _WARM_UP:
            lateness.append((now - last) * 1000 - _PROBE_MS)
        last = now

    timers = []
    for interval, called in ((_LOOK_MS, look), (_PROBE_MS, probe)):
        timer = QTimer(timerType=Qt.TimerType.PreciseTimer, interval=interval)
        timer.timeout.connect(called)
        timer.start()
        timers.append(timer)
    # Not quit, which closes the window.
    QTimer.singleShot(int((seconds + _WARM_UP) * 1000), application.exit)
    application.exec()
    result = {
        "stall": max(lateness),
        "usual": float(np.percentile(lateness, 99)),
        "frames": frames() / (seconds + _WARM_UP),
        "memory": psutil.Process().memory_info().rss / 1e6,
    }
    print(json.dumps({key: round(value, 2) for key, value in result.items()}))


BENCHMARK = Benchmark("curves", ("curves.stall", "curves.memory"), measure)

if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

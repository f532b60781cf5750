"""The real window on many runs, timed from within: ``python tests/bench/browsed_window.py WHAT WORKSPACE RUNS``.

It prints seconds as JSON. WHAT is ``start`` (when the workspace was opened and when all RUNS were in the table, times
of the clock; how long a query and a sort take from being asked for to being shown) or ``index`` (how long the first
index takes, and the longest time in which the window handled nothing meanwhile).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QTimer

from app.ui import start
from app.ui.runs.page import RunsPage
from app.ui.session import Session
from app.ui.window import MainWindow

_TICK = 2
#: What is asked for in turn: a query of metrics, one of params, a sort.
_ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("query", {"text": "val_loss < 2 and batch_size in (8, 16) and state = finished"}),
    ("words", {"text": "experiment_3 finished"}),
    ("all", {"text": ""}),
    ("sort", {"sort": ("best:val_loss", False)}),
)


class BrowsedWindow(MainWindow):
    """The window itself, with someone who looks at the clock."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.told: dict[str, float] = {}
        self._runs = int(sys.argv[3])
        self._waits = list(_ASKED)
        self._last_tick = 0.0
        self.worker.problem = "no run is started here"

    def open_workspace(self, root: Path, then: Callable[[Session], object] | None = None) -> None:
        self.told["opened"] = time.time()
        super().open_workspace(root, then)
        QTimer.singleShot(0, self._watch)

    @property
    def table(self) -> RunsPage:
        page = self.documents.page_of("runs")
        assert isinstance(page, RunsPage)
        return page

    def when(self, condition: Callable[[], bool], then: Callable[[], None]) -> None:
        """Call ``then`` as soon as a condition holds."""
        if condition():
            then()
        else:
            QTimer.singleShot(_TICK, lambda: self.when(condition, then))

    def _watch(self) -> None:
        if sys.argv[1] == "start":
            self.when(lambda: self.table.model.rowCount() == self._runs, self._on_filled)
            return
        self.told["stall"] = 0.0
        self._ticks = QTimer(self, interval=0)
        self._ticks.timeout.connect(self._tick)
        # What the window itself needs to be there is another benchmark's.
        QTimer.singleShot(1000, self._ticks.start)
        self.when(self._is_indexed, self._on_indexed)

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._last_tick:
            self.told["stall"] = max(self.told["stall"], now - self._last_tick)
        self._last_tick = now
        time.sleep(0.0005)  # somebody who only looks must not take the processor from those who index

    def _is_indexed(self) -> bool:
        complete = self.session is not None and self.session.indexing.is_complete
        return complete and self.table.model.rowCount() == self._runs

    def _on_indexed(self) -> None:
        self.told["indexed"] = time.time() - self.told.pop("opened")
        self._end()

    def _on_filled(self) -> None:
        self.told["filled"] = time.time()
        # At rest: the process that indexes looks at all runs first.
        self.when(self._is_indexed, lambda: QTimer.singleShot(1000, self._ask_next))

    def _ask_next(self) -> None:
        if not self._waits:
            self._end()
            return
        name, changes = self._waits.pop(0)
        begun = time.perf_counter()

        def arrived(_snapshot: object) -> None:
            self.table.reading.arrived.disconnect(arrived)
            self.told[name] = time.perf_counter() - begun
            QTimer.singleShot(200, self._ask_next)

        self.table.reading.arrived.connect(arrived)
        self.table.reading.ask(**changes)

    def _end(self) -> None:
        print(json.dumps(self.told), flush=True)
        self.close()


if __name__ == "__main__":
    start.MainWindow = BrowsedWindow  # type: ignore[misc]
    sys.exit(start.open_window(Path(sys.argv[2])))

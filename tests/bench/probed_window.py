"""The real window, timed from within: ``python tests/bench/probed_window.py WHAT WORKSPACE`` prints seconds as JSON.

WHAT is ``start`` (when the window was painted and had handled a key, when all runs were listed), ``pages`` (how long
the editor and the first chart take from being asked for to being painted) or ``run`` (from Run pressed to shown as
running, once a worker is warm). Times of ``start`` are the clock's, so that they can be compared with that of the exec.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from first_paint import FirstPaint
from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QPaintEvent

from app.ui import start
from app.ui.window import MainWindow

_TICK = 5


class ProbedWindow(MainWindow):
    """The window itself, with someone who looks at the clock."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.told: dict[str, float] = {}
        self._what = sys.argv[1]
        self.memory.set(said_runs_go_on=True)  # nobody is there to answer when the window closes beside a run
        FirstPaint(self, self._on_painted)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F24:
            self.told["key"] = time.time()
            self.when(self._has_rows, self._on_listed)

    def _has_rows(self) -> bool:
        page = self.documents.page_of("runs")
        return page is not None and page.model.rowCount() >= 100  # type: ignore[attr-defined]

    def when(self, condition: Callable[[], bool], then: Callable[[], None]) -> None:
        """Call ``then`` as soon as a condition holds."""
        if condition():
            then()
        else:
            QTimer.singleShot(_TICK, lambda: self.when(condition, then))

    def _on_painted(self) -> None:
        self.told["painted"] = time.time()
        QCoreApplication.postEvent(
            self, QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_F24, Qt.KeyboardModifier.NoModifier)
        )

    def _on_listed(self) -> None:
        self.told["listed"] = time.time()
        if self._what == "start":
            self._end()
        else:
            # At rest: with two cores, a worker that imports TensorFlow meanwhile slows everything.
            then = self._open_editor if self._what == "pages" else self._press_run
            self.when(lambda: self.worker.is_warm, lambda: QTimer.singleShot(1000, then))

    def _open_editor(self) -> None:
        assert self.session is not None
        config = next(iter(self.session.experiments.glob("*.json")))
        begun = time.perf_counter()
        self.open_config(config)
        assert self.documents.page is not None
        FirstPaint(self.documents.page, lambda: self._tell("editor", begun, self._open_run))

    def _open_run(self) -> None:
        from app.ui.charts.canvas import Canvas

        assert self.session is not None
        paint, painted = Canvas.paintEvent, []

        def note(canvas: Canvas, event: QPaintEvent) -> None:
            paint(canvas, event)
            if not painted:
                painted.append(canvas)
                QTimer.singleShot(0, lambda: self._tell("chart", begun, self._end))

        Canvas.paintEvent = note  # type: ignore[method-assign]
        begun = time.perf_counter()
        page = self.documents.page_of("runs")
        self.open_run(page.model.run_at(0).path)  # type: ignore[union-attr]

    def _tell(self, name: str, begun: float, then: Callable[[], None]) -> None:
        self.told[name] = time.perf_counter() - begun
        QTimer.singleShot(500, then)

    def _press_run(self) -> None:
        assert self.session is not None
        before = set(self.session.runs)
        config = next(iter(self.session.experiments.glob("*.json")))
        self.open_config(config)
        page = self.documents.page
        assert page is not None

        def pressed() -> None:
            begun = time.perf_counter()

            def is_shown() -> bool:
                session = self.session
                new = [run for path, run in session.runs.items() if path not in before] if session else []
                return any(run.state == "running" for run in new)

            def shown() -> None:
                self.told["run"] = time.perf_counter() - begun
                self._end()

            page.run()  # type: ignore[attr-defined]
            self.when(is_shown, shown)

        QTimer.singleShot(1500, pressed)

    def _end(self) -> None:
        print(json.dumps(self.told), flush=True)
        self.close()


if __name__ == "__main__":
    start.MainWindow = ProbedWindow  # type: ignore[misc]
    sys.exit(start.open_window(Path(sys.argv[2])))

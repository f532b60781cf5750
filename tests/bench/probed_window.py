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

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from app.ui import start
from app.ui.window import MainWindow

_TICK = 5


class Watch(QObject):
    """Sees every event of the program; ``wanted`` picks the widgets whose first paint counts."""

    def __init__(self, window: ProbedWindow) -> None:
        super().__init__(window)
        self.wanted: Callable[[QWidget], bool] = lambda widget: widget is window
        self.on_paint: Callable[[], None] = lambda: None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and isinstance(watched, QWidget) and self.wanted(watched):
            self.wanted = lambda widget: False
            # The event is only on its way: what it paints is there when the next one comes.
            QTimer.singleShot(0, self.on_paint)
        return False


class ProbedWindow(MainWindow):
    """The window itself, with someone who looks at the clock."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.told: dict[str, float] = {}
        self.watch = Watch(self)
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self.watch)
        self.watch.on_paint = self._on_painted
        self._what = sys.argv[1]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_F24:
            self.told["key"] = time.time()
            self.when(lambda: bool(self.session and self.session.is_listed), self._on_listed)

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
        elif self._what == "pages":
            # The window has had the time that a hand needs to reach the mouse.
            QTimer.singleShot(3000, self._open_editor)
        else:
            self.when(lambda: self.worker.is_warm, lambda: QTimer.singleShot(1000, self._press_run))

    def _open_editor(self) -> None:
        assert self.session is not None
        config = next(iter(self.session.experiments.glob("*.json")))
        self._time("editor", lambda widget: type(widget).__name__ == "EditorPage", lambda: self.open_config(config),
                   self._open_run)  # fmt: skip

    def _open_run(self) -> None:
        assert self.session is not None
        path = next(iter(self.session.runs))
        self._time("chart", _is_in_chart, lambda: self.open_run(path), self._end)

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

    def _time(
        self, name: str, wanted: Callable[[QWidget], bool], ask: Callable[[], None], then: Callable[[], None]
    ) -> None:
        begun = time.perf_counter()

        def painted() -> None:
            self.told[name] = time.perf_counter() - begun
            QTimer.singleShot(500, then)

        self.watch.wanted, self.watch.on_paint = wanted, painted
        ask()

    def _end(self) -> None:
        print(json.dumps(self.told), flush=True)
        self.close()


def _is_in_chart(widget: QWidget) -> bool:
    parent: QObject | None = widget
    while parent is not None:
        if type(parent).__name__ == "Chart":
            return type(widget).__name__ != "Chart"
        parent = parent.parent()
    return False


if __name__ == "__main__":
    start.MainWindow = ProbedWindow  # type: ignore[misc]
    sys.exit(start.open_window(Path(sys.argv[2])))

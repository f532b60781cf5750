"""The real program, and a thread in it that tells where things are on the screen, so that a test can click there.

Started as ``python tests/e2e/guided.py open ...``, like ``main.py``. It answers requests on standard input, a JSON
object a line: ``{"find": NAME, "kind": CLASS, "nth": 0}`` gives where a visible widget, tab or cell of that name is
and what it says, ``{"window": true}`` what is in front, ``{"main": true}`` the number X knows the main window by,
``{"shot": PATH}`` grabs the window, ``{"modules": true}`` tells what has been imported. It never touches a widget but
to look at it.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


class Guide:
    """Looks around in the window's own thread."""

    def answer(self, request: dict[str, Any]) -> Any:
        from PySide6.QtWidgets import QApplication

        from app.ui.window import MainWindow

        if "modules" in request:
            return sorted(sys.modules)
        application = QApplication.instance()
        if not isinstance(application, QApplication):
            return None
        if "shot" in request:
            window = application.activeWindow() or next(w for w in application.topLevelWidgets() if w.isVisible())
            return window.grab().save(request["shot"])
        if "main" in request:
            return next(int(each.winId()) for each in application.topLevelWidgets() if type(each) is MainWindow)
        if "window" in request:
            window = application.activeWindow()
            focus = application.focusWidget()
            return {
                "title": window.windowTitle() if window else None,
                "focus": _name_of(focus) if focus else None,
                "focus_class": type(focus).__name__ if focus else None,
            }
        return self._find(request)

    def _find(self, request: dict[str, Any]) -> Any:
        from PySide6.QtCore import QPoint
        from PySide6.QtWidgets import QAbstractItemView, QApplication, QTabBar, QWidget

        found = []
        for widget in QApplication.allWidgets():
            if not widget.isVisible() or (request.get("kind") and type(widget).__name__ != request["kind"]):
                continue
            if isinstance(widget, QTabBar):
                for index in range(widget.count()):
                    if request["find"] in widget.tabText(index):
                        found.append((widget.mapToGlobal(widget.tabRect(index).center()), widget.tabText(index), True))
            elif isinstance(widget, QAbstractItemView) and (place := _place_in(widget, request["find"])):
                found.append((widget.viewport().mapToGlobal(place), request["find"], True))
            elif isinstance(widget, QWidget) and _name_of(widget) == request["find"]:
                found.append((widget.mapToGlobal(QPoint(widget.width() // 2, widget.height() // 2)),
                              _text_of(widget), widget.isEnabled()))  # fmt: skip
        nth = request.get("nth", 0)
        if len(found) <= nth:
            return None
        where, text, enabled = found[nth]
        return {"x": where.x(), "y": where.y(), "text": text, "enabled": enabled, "count": len(found)}


def _place_in(view: Any, text: str) -> Any:
    """Return the middle of the first visible item of a view with that text, None where there is none."""
    model, area = view.model(), view.viewport().rect()
    for row in range(min(model.rowCount(), 100) if model else 0):
        for column in range(model.columnCount()):
            index = model.index(row, column)
            if index.data() == text and area.contains(place := view.visualRect(index).center()):
                return place
    return None


def _name_of(widget: Any) -> str:
    return str(widget.accessibleName() or _said(widget, "text")).replace("&", "")


def _text_of(widget: Any) -> str:
    return next((said for name in ("toPlainText", "text", "currentText") if (said := _said(widget, name))), "")


def _said(widget: Any, name: str) -> str:
    """Return what a getter of a widget says, "" where that is none (a signal, or a method that wants arguments)."""
    try:
        said = getattr(widget, name)()
    except (AttributeError, TypeError):
        return ""
    return said if isinstance(said, str) else ""


def _listen() -> None:
    from PySide6.QtCore import QObject, Qt, Signal
    from PySide6.QtWidgets import QApplication

    class Voice(QObject):
        asked = Signal(object)

        def __init__(self) -> None:
            super().__init__()
            self.asked.connect(self._answer, Qt.ConnectionType.QueuedConnection)

        def _answer(self, request: dict[str, Any]) -> None:
            print(json.dumps(Guide().answer(request)), flush=True)

    while QApplication.instance() is None:
        threading.Event().wait(0.02)
    voice = Voice()
    application = QApplication.instance()
    assert application is not None
    voice.moveToThread(application.thread())
    for line in sys.stdin:
        voice.asked.emit(json.loads(line))


if __name__ == "__main__":
    threading.Thread(target=_listen, daemon=True).start()
    import trackside_entry

    sys.exit(trackside_entry.main(sys.argv[1:]))

"""Opens the window: the application, its event loop, its look."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from pathlib import Path
from types import TracebackType

import qasync
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from app.records.layout import Workspace
from app.ui.background import finish_background_work
from app.ui.focus import FocusRing
from app.ui.icons import app_icon
from app.ui.preferences import Memory, default_home, recent_workspaces, user_memory
from app.ui.theme import theme
from app.ui.window import MainWindow

#: How long a thread that reads may hold Python while the window wants to paint: for Python's own 5 ms it would wait
#: several times in a frame.
_SWITCH_SECONDS = 0.001
#: How long what was cancelled may take to end.
_FAREWELL_SECONDS = 2.0


def open_window(root: Path | None = None) -> int:
    """Show the main window until it is closed; return the exit status.

    Args:
        root: the workspace; without one the one around the current folder, else the one that was open last, else the
            welcome page.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("Trackside")
    application.setDesktopFileName("trackside")
    application.setWindowIcon(app_icon())
    memory = user_memory()
    theme().start(application, memory.get("theme", "system"))
    FocusRing(application)

    loop = qasync.QEventLoop(application)
    window = MainWindow(memory, root or default_home(), warms_pages=True)
    _report_errors_in(window)
    workspace = _workspace(root, memory)
    if workspace is None:
        window.show_welcome()
        QTimer.singleShot(0, lambda: window.worker.warm(()))
    else:
        window.open_workspace(workspace)
    window.show()
    # Python sees Ctrl+C in the terminal only when it gets to run.
    signal.signal(signal.SIGINT, lambda *_: window.close())
    pulse = QTimer(application, interval=500)
    pulse.timeout.connect(lambda: None)
    pulse.start()
    application.lastWindowClosed.connect(loop.stop)
    with loop:
        loop.run_forever()
        # What was cancelled when the window closed has yet to notice.
        if waiting := asyncio.all_tasks(loop):
            loop.run_until_complete(asyncio.wait(waiting, timeout=_FAREWELL_SECONDS))
    finish_background_work()
    return 0


def _workspace(root: Path | None, memory: Memory) -> Path | None:
    if root is not None:
        there = Workspace.at(root)
        return there.root if os.path.isdir(there.root) else None
    around = Workspace.around(Path.cwd())
    if os.path.isdir(around.private) or os.path.isdir(around.trainings):
        return around.root
    return next(iter(recent_workspaces(memory)), None)


def _report_errors_in(window: MainWindow) -> None:
    """Say an error that nobody caught in the window, and in full on standard error."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        traceback.print_exception(kind, error, trace)
        if QGuiApplication.instance() is not None and issubclass(kind, Exception):
            window.notify("error", f"Something went wrong here: {kind.__name__}: {error}")

    sys.excepthook = report

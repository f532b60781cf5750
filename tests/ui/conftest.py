"""What every test of the window stands on: the look, a workspace, and nothing left behind."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

# Before Qt is imported anywhere; a screen that is there is not used.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.records.layout import ExecutionFolder, Workspace
from app.ui.background import finish_background_work
from app.ui.session import Session
from app.ui.theme import theme
from app.ui.training_worker import TrainingWorker
from tests.ui.recording import record_run


@pytest.fixture(scope="session", autouse=True)
def dressed(qapp: QApplication) -> Iterator[None]:
    theme().start(qapp, "light")
    yield
    finish_background_work()


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """A thread that follows a workspace, or runs of other programs, must end with its window."""
    yield
    assert not [thread for thread in threading.enumerate() if thread.name in ("follower", "record follower")]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.at(tmp_path / "workspace")


@pytest.fixture
def record(workspace: Workspace) -> Callable[..., ExecutionFolder]:
    """Return a function that leaves a run in the workspace; see ``tests.ui.recording.record_run``."""
    return lambda *arguments, **options: record_run(workspace, *arguments, **options)


@pytest.fixture
def session(qtbot: QtBot, workspace: Workspace) -> Iterator[Session]:
    """A session on the workspace whose worker is never started: no test of a widget needs TensorFlow."""
    worker = TrainingWorker()
    worker.problem = "not started in tests"
    found = Session(workspace, worker)
    found.start()
    yield found
    found.close()

"""The first page."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.ui.preferences import Memory, remember_workspace
from app.ui.training_worker import TrainingWorker
from app.ui.welcome import WelcomePage


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "window.json")


def shown(qtbot: QtBot, worker: TrainingWorker, memory: Memory, tmp_path: Path) -> WelcomePage:
    page = WelcomePage(worker, memory, tmp_path / "Trackside")
    qtbot.addWidget(page)
    page.resize(1200, 800)
    page.show()
    return page


def button(page: QWidget, text: str) -> QPushButton:
    return next(each for each in page.findChildren(QPushButton) if each.text() == text)


def texts(page: QWidget) -> list[str]:
    return [each.text() for each in page.findChildren(QLabel) if each.isVisibleTo(page)]


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Run example", "example_requested"),
        ("View config", "example_config_requested"),
        ("Open or create a folder…", "workspace_requested"),
        ("Choose a folder…", "existing_runs_requested"),
    ],
)
def test_every_button_asks_for_what_it_says(
    qtbot: QtBot, memory: Memory, tmp_path: Path, text: str, signal: str
) -> None:
    page = shown(qtbot, TrainingWorker(), memory, tmp_path)
    with qtbot.waitSignal(getattr(page, signal)):
        qtbot.mouseClick(button(page, text), Qt.MouseButton.LeftButton)


def test_the_example_is_one_key_away(qtbot: QtBot, memory: Memory, tmp_path: Path) -> None:
    page = shown(qtbot, TrainingWorker(), memory, tmp_path)
    page.setFocus()
    with qtbot.waitSignal(page.example_requested):
        qtbot.keyClick(button(page, "Run example"), Qt.Key.Key_Space)


def test_a_worker_that_cannot_start_is_told_with_what_to_do(qtbot: QtBot, memory: Memory, tmp_path: Path) -> None:
    worker = TrainingWorker()
    worker.problem = "Traceback ...\nModuleNotFoundError: No module named 'tensorflow'"
    page = shown(qtbot, worker, memory, tmp_path)
    assert "ModuleNotFoundError: No module named 'tensorflow'" in texts(page)
    assert "Run “trackside doctor”" in texts(page)
    assert button(page, "Check again").isVisibleTo(page)


def test_what_the_worker_found_is_shown_when_it_is_warm(qtbot: QtBot, memory: Memory, tmp_path: Path) -> None:
    worker = TrainingWorker()
    page = shown(qtbot, worker, memory, tmp_path)
    assert "Starting the worker" in texts(page)
    worker.found = {"versions": {"tensorflow": "2.21.0", "keras": "3.15.1"}, "gpus": []}
    worker.changed.emit()
    qtbot.waitUntil(lambda: "TensorFlow 2.21.0, Keras 3.15.1" in texts(page))
    assert "No GPU in use" in texts(page)


def test_recent_workspaces_are_there_again_and_those_that_are_gone_are_not(
    qtbot: QtBot, memory: Memory, tmp_path: Path
) -> None:
    there = tmp_path / "lab"
    there.mkdir()
    remember_workspace(memory, tmp_path / "gone")
    remember_workspace(memory, there)
    page = shown(qtbot, TrainingWorker(), memory, tmp_path)
    links = [each for each in page.findChildren(QPushButton) if each.property("kind") == "link"]
    assert [each.toolTip() for each in links] == [str(there)]
    with qtbot.waitSignal(page.path_requested, check_params_cb=lambda path: path == there):
        qtbot.mouseClick(links[0], Qt.MouseButton.LeftButton)


def test_there_is_room_for_all_of_it_on_a_small_screen(qtbot: QtBot, memory: Memory, tmp_path: Path) -> None:
    page = shown(qtbot, TrainingWorker(), memory, tmp_path)
    page.resize(700, 500)
    qtbot.waitUntil(
        lambda: button(page, "Choose a folder…").mapTo(page, button(page, "Choose a folder…").rect().center()).y() > 500
    )
    assert all(
        each.width() >= each.minimumSizeHint().width() for each in page.findChildren(QPushButton) if each.isVisible()
    )

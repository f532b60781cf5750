"""The frame: one workspace at a time, documents in tabs, what is remembered, what is said."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.records.layout import ExecutionFolder, Workspace
from app.records.sources.base import RunAddress
from app.ui.editor.page import EditorPage
from app.ui.preferences import Memory, recent_workspaces
from app.ui.theme import theme
from app.ui.window import MainWindow
from tests.records.sources.event_logs import Writer
from tests.running import EXAMPLE
from tests.ui.recording import end_run, record_run

Record = Callable[..., ExecutionFolder]
MakeWindow = Callable[[], MainWindow]


@pytest.fixture
def memory_file(tmp_path: Path) -> Path:
    return tmp_path / "user" / "window.json"


@pytest.fixture
def make_window(qtbot: QtBot, memory_file: Path, tmp_path: Path) -> Iterator[MakeWindow]:
    windows: list[MainWindow] = []

    def make() -> MainWindow:
        window = MainWindow(Memory(memory_file), tmp_path / "home" / "Trackside")
        # No test of the frame needs TensorFlow.
        window.worker.problem = "not started in tests"
        qtbot.addWidget(window)
        window.show()
        windows.append(window)
        return window

    yield make
    for window in windows:
        window.memory.set(said_runs_go_on=True)
        window.close()


def action(window: MainWindow, text: str) -> QAction:
    return next(each for each in window.actions() if each.text().replace("&", "") == text)


def titles(window: MainWindow) -> list[str]:
    return [page.title for page in window.documents.pages()]


def test_without_a_workspace_there_is_a_welcome(make_window: MakeWindow) -> None:
    window = make_window()
    window.show_welcome()
    window.show_welcome()
    assert titles(window) == ["Welcome"]
    assert window.windowTitle() == "Welcome — Trackside"


def test_a_workspace_brings_its_runs_and_takes_the_welcome_away(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, record: Record
) -> None:
    record()
    window = make_window()
    window.show_welcome()
    window.open_workspace(workspace.root)
    assert titles(window) == ["Runs"]
    qtbot.waitUntil(lambda: window.documents.page is not None and window.documents.page.status == ("1 run",))
    assert window.windowTitle() == "Runs — workspace — Trackside"
    assert recent_workspaces(window.memory) == [workspace.root]
    window.close_tab()
    assert titles(window) == ["Runs"]


def test_looking_at_a_workspace_writes_nothing_into_it(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, record: Record
) -> None:
    folder = record()
    before = sorted(path.name for path in folder.path.rglob("*"))
    window = make_window()
    window.open_workspace(workspace.root)
    qtbot.waitUntil(lambda: window.session is not None and window.session.is_listed)
    assert sorted(path.name for path in folder.path.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_cannot_be_read_is_said(make_window: MakeWindow, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    window = make_window()
    window.open_workspace(closed)
    assert "cannot be opened as a workspace" in window.notices.banners[0].text
    assert window.session is None


def test_a_file_in_the_place_of_a_workspace_is_said(make_window: MakeWindow, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    window = make_window()
    window.open_workspace(file)
    assert "cannot be opened as a workspace" in window.notices.banners[0].text
    assert window.session is None


def test_the_window_is_as_it_was_left(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, record: Record
) -> None:
    record()
    first = make_window()
    first.open_workspace(workspace.root)
    action(first, "Sidebar").trigger()
    page = first.documents.page_of("runs")
    assert page is not None
    page.restore_view({"sort": "name", "descending": False, "columns": ["name", "state"], "widths": {}, "order": []})
    first.close()

    second = make_window()
    second.open_workspace(workspace.root)
    assert not second.sidebar.isVisible()
    again = second.documents.page_of("runs")
    assert again is not None
    assert again.view_state()["sort"] == "name"
    assert again.view_state()["columns"] == ["name", "state"]


def test_a_memory_that_is_broken_is_like_none(make_window: MakeWindow, memory_file: Path, workspace: Workspace) -> None:
    memory_file.parent.mkdir(parents=True)
    memory_file.write_text('{"recent": 3, "geometry": "no geometry", "theme"', encoding="utf-8")
    workspace.private.mkdir(parents=True)
    (workspace.private / "window.json").write_text('{"views": 3, "documents": "x", "splitter": []}', encoding="utf-8")
    window = make_window()
    window.open_workspace(workspace.root)
    assert titles(window) == ["Runs"]


def test_the_same_is_not_said_twice_and_no_more_than_three_things_at_once(make_window: MakeWindow) -> None:
    window = make_window()
    for text in ("a", "a", "b", "c", "d"):
        window.notify("warning", text)
    assert [banner.text for banner in window.notices.banners] == ["b", "c", "d"]


def test_what_is_only_to_know_goes_by_itself(make_window: MakeWindow) -> None:
    window = make_window()
    window.notify("info", "The command is in the clipboard.")
    window.notify("warning", "MLflow does not answer.")
    (timer,) = window.notices.findChildren(QTimer)
    timer.timeout.emit()
    assert [banner.text for banner in window.notices.banners] == ["MLflow does not answer."]


def test_closing_beside_a_run_says_once_that_it_goes_on(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, record: Record
) -> None:
    record("running")
    window = make_window()
    window.open_workspace(workspace.root)
    qtbot.waitUntil(lambda: window.session is not None and len(window.session.runs) == 1)
    window.close()
    assert window.isVisible()
    box = window.findChild(QMessageBox)
    assert box is not None
    assert box.text() == "1 run will go on in the background."
    close = next(each for each in box.findChildren(QPushButton) if each.text() == "Close the window")
    qtbot.mouseClick(close, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.isVisible())

    again = make_window()
    again.open_workspace(workspace.root)
    qtbot.waitUntil(lambda: again.session is not None and len(again.session.runs) == 1)
    again.close()
    assert not again.isVisible()


def test_a_run_that_has_ended_just_now_is_not_asked_about(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, record: Record
) -> None:
    folder = record("running")
    window = make_window()
    window.open_workspace(workspace.root)
    qtbot.waitUntil(lambda: window.session is not None and len(window.session.runs) == 1)
    end_run(folder)
    window.close()
    assert not window.isVisible()


def test_all_runs_are_stopped_when_that_is_chosen(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, record: Record
) -> None:
    folder = record("running")
    window = make_window()
    window.open_workspace(workspace.root)
    qtbot.waitUntil(lambda: window.session is not None and len(window.session.runs) == 1)
    window.close()
    box = window.findChild(QMessageBox)
    assert box is not None
    stop = next(each for each in box.findChildren(QPushButton) if each.text() == "Stop all and close")
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.isVisible())
    assert list(folder.commands.glob("*.json"))


def test_the_theme_changes_at_once_and_is_remembered(make_window: MakeWindow) -> None:
    window = make_window()
    menu = next(each for each in window.menuBar().actions() if each.text() == "&View").menu()
    themes = next(each for each in menu.actions() if each.text() == "&Theme").menu()
    dark = next(each for each in themes.actions() if each.text() == "&Dark")
    try:
        dark.trigger()
        assert theme().tokens.is_dark
        assert window.memory.get("theme") == "dark"
    finally:
        theme().prefer("light")


def test_every_key_is_listed_once(make_window: MakeWindow) -> None:
    window = make_window()
    keys = [key.toString() for each in window.actions() for key in each.shortcuts()]
    assert len(keys) == len(set(keys))
    assert {"Ctrl+N", "Ctrl+O", "Ctrl+W", "F5", "F6", "F11", "Ctrl+B", "Ctrl+/"} <= set(keys)


def test_panes_are_reached_by_keyboard(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, record: Record
) -> None:
    record()
    window = make_window()
    window.open_workspace(workspace.root)
    window.activateWindow()
    qtbot.waitUntil(lambda: window.documents.page is not None and window.documents.page.status == ("1 run",))
    page = window.documents.page
    assert page is not None
    page.setFocus()
    seen = []
    for _ in range(3):
        window.step_pane(1)
        focus = window.focusWidget()
        seen.append("sidebar" if window.sidebar.isAncestorOf(focus) else "page" if page.isAncestorOf(focus) else "tabs")
    assert seen == ["sidebar", "tabs", "page"]


def test_what_is_dropped_is_opened_for_what_it_is(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, record: Record, tmp_path: Path
) -> None:
    window = make_window()
    paper = tmp_path / "paper.pdf"
    paper.write_text("", encoding="utf-8")
    window.open_path(paper)
    assert "is no folder, no config (.json) and no data" in window.notices.banners[0].text
    folder = record()
    window.open_path(folder.path)
    qtbot.waitUntil(lambda: window.documents.page_of(f"run:{folder.path}") is not None)
    assert window.session is not None
    assert window.session.workspace.root == workspace.root


def answer(window: MainWindow, button: QMessageBox.StandardButton) -> None:
    """Answer the question that is asked about the document in front."""
    page = window.documents.page
    assert page is not None
    box = page.findChildren(QMessageBox)[-1]
    box.button(button).click()


def change(window: MainWindow, epochs: int) -> None:
    """Change the config in front."""
    page = window.documents.page
    assert isinstance(page, EditorPage)
    page.document.set(("training", "epochs"), epochs)
    assert page.is_modified


def config_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(EXAMPLE.read_bytes())
    return path


def test_another_workspace_is_not_opened_before_it_is_known_what_becomes_of_unsaved_configs(
    make_window: MakeWindow, workspace: Workspace, tmp_path: Path
) -> None:
    window = make_window()
    window.open_workspace(workspace.root)
    window.open_config(config_at(workspace.root / "experiments" / "one.json"))
    change(window, 7)
    opened: list[Path] = []
    other = tmp_path / "other"

    def ask() -> None:
        window.open_workspace(other, lambda session: opened.append(session.workspace.root))

    ask()
    answer(window, QMessageBox.StandardButton.Cancel)
    assert opened == []
    assert titles(window)[1:] == ["one.json"]
    ask()
    answer(window, QMessageBox.StandardButton.Discard)
    assert opened == [other]
    assert titles(window) == ["Runs"]


def test_the_workspace_that_is_open_is_not_opened_again(make_window: MakeWindow, workspace: Workspace) -> None:
    window = make_window()
    window.open_workspace(workspace.root)
    window.new_experiment()
    session = window.session
    opened: list[object] = []
    window.open_workspace(workspace.root, opened.append)
    assert opened == [session]
    assert len(titles(window)) == 2
    window.documents.clear_all()


def test_changes_that_were_given_up_are_still_there_when_closing_is_given_up(
    make_window: MakeWindow, workspace: Workspace
) -> None:
    window = make_window()
    window.open_workspace(workspace.root)
    for name in ("one.json", "two.json"):
        window.open_config(config_at(workspace.root / "experiments" / name))
        change(window, 7)
    window.close()
    answer(window, QMessageBox.StandardButton.Discard)
    answer(window, QMessageBox.StandardButton.Cancel)
    assert window.isVisible()
    assert titles(window)[1:] == ["one.json", "two.json"]

    # It is asked about both again, and both tabs are there the next time.
    window.close()
    answer(window, QMessageBox.StandardButton.Discard)
    answer(window, QMessageBox.StandardButton.Discard)
    assert not window.isVisible()
    again = make_window()
    again.open_workspace(workspace.root)
    again.documents.page_changed.emit()
    assert sorted(path.name for _, path in again._arrangement.documents) == ["one.json", "two.json"]  # type: ignore[union-attr]


def test_what_is_asked_for_stands_before_what_was_open(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace
) -> None:
    one, two = (config_at(workspace.root / "experiments" / name) for name in ("one.json", "two.json"))
    first = make_window()
    first.open_workspace(workspace.root)
    first.open_config(one)
    first.close()

    second = make_window()
    second.open_workspace(workspace.root, lambda _: second.open_config(two))
    qtbot.waitUntil(lambda: len(titles(second)) == 3)
    assert second.documents.page is not None
    assert second.documents.page.title == "two.json"


def test_the_window_keeps_its_size(make_window: MakeWindow, workspace: Workspace) -> None:
    first = make_window()
    first.open_workspace(workspace.root)
    first.resize(800, 600)
    first.close()
    assert make_window().size() == QSize(800, 600)


def test_paths_that_cannot_be_looked_at_are_passed_over(make_window: MakeWindow, memory_file: Path) -> None:
    window = make_window()
    window.memory.set(recent=["/" + "n" * 300, "no\0path"])
    assert recent_workspaces(window.memory) == []
    window.open_path(Path("/" + "n" * 300))
    assert window.session is None


def test_a_run_of_another_program_is_opened_once_and_is_there_after_a_restart(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace
) -> None:
    writer = Writer(workspace.root / "logs" / "first run")
    writer.log("loss", 1.0)
    writer.close()
    address = RunAddress("tensorboard:logs", "first run")
    window = make_window()
    window.open_workspace(workspace.root)
    assert window.session is not None
    window.session.record_requested.emit(address)
    window.session.record_requested.emit(address)
    qtbot.waitUntil(lambda: titles(window) == ["Runs", "first run"])
    page = window.documents.page
    qtbot.waitUntil(lambda: page is not None and page.status[:1] == ("Running, step 0",))
    window.close()
    other = make_window()
    other.open_workspace(workspace.root)
    qtbot.waitUntil(lambda: titles(other) == ["Runs", "first run"])
    assert other.documents.page is not None
    assert other.documents.page.address == {"kind": "record", "source": "tensorboard:logs", "key": "first run"}


def test_an_execution_of_another_workspace_has_the_page_of_our_own_runs(
    qtbot: QtBot, make_window: MakeWindow, workspace: Workspace, tmp_path: Path
) -> None:
    elsewhere = Workspace.at(tmp_path / "elsewhere")
    folder = record_run(elsewhere)
    window = make_window()
    window.open_workspace(workspace.root)
    key = folder.path.relative_to(elsewhere.root).as_posix()
    window.open_record(RunAddress(f"execution:{elsewhere.root}", key))
    assert window.documents.page is not None
    assert window.documents.page.key == f"run:{folder.path}"


def test_many_runs_can_be_told_apart_by_their_tabs(
    make_window: MakeWindow, workspace: Workspace, record: Record
) -> None:
    folders = [record() for _ in range(8)]
    window = make_window()
    window.resize(800, 540)
    window.open_workspace(workspace.root)
    for folder in folders:
        window.open_run(folder.path)
    bar = window.documents.tabBar()
    for index, folder in enumerate(folders, 1):
        text = bar.tabText(index)
        assert folder.execution_id[:8] == text.replace(":", "-")[:8]
        assert bar.tabToolTip(index) == folder.execution_id
        assert bar.tabRect(index).width() >= bar.fontMetrics().horizontalAdvance(text) + 70


def test_a_workspace_that_is_called_like_the_program_is_not_named_twice(
    make_window: MakeWindow, tmp_path: Path
) -> None:
    window = make_window()
    window.open_workspace(tmp_path / "Trackside")
    assert window.windowTitle() == "Runs — Trackside"

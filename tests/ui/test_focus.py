"""Keys: where the keyboard is and that it can be seen, what keys do wherever it is, and where they are listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QMainWindow, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.records.layout import ExecutionFolder, Workspace
from app.ui.focus import FocusRing
from app.ui.menus import EDITOR_KEYS
from app.ui.preferences import Memory
from app.ui.runs.page import RunsPage
from app.ui.sidebar_tree import WHAT
from app.ui.window import MainWindow

Record = Callable[..., ExecutionFolder]


@pytest.fixture
def ring(qapp: QApplication) -> Iterator[FocusRing]:
    found = FocusRing(qapp)
    yield found
    qapp.focusWindowChanged.disconnect(found._listen_to)
    qapp.focusChanged.disconnect(found._on_focus)
    found.deleteLater()


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, workspace: Workspace, record: Record) -> Iterator[MainWindow]:
    """A window of the smallest usual size with a run that goes on in front."""
    folder = record("running")
    found = MainWindow(Memory(tmp_path / "user" / "window.json"), tmp_path / "home")
    found.worker.problem = "not started in tests"
    found.memory.set(said_runs_go_on=True)
    qtbot.addWidget(found)
    found.resize(1024, 700)
    with qtbot.waitActive(found):
        found.show()
        found.activateWindow()
    found.open_workspace(workspace.root)
    qtbot.waitUntil(lambda: found.session is not None and len(found.session.runs) == 1)
    found.open_run(folder.path)
    page = found.documents.page_of(f"run:{folder.path}")
    assert page is not None
    qtbot.waitUntil(lambda: bool(page.status))
    yield found
    found.close()


def press(qtbot: QtBot, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key as the system does: it comes to the window, not to the widget."""
    focus = QApplication.focusWidget()
    assert focus is not None
    QTest.keyClick(focus.window().windowHandle(), key, modifier)


def shown_ring(ring: FocusRing) -> QRect:
    assert ring._ring is not None
    assert ring._ring.isVisible()
    return ring._ring.geometry()


def test_every_pane_shows_that_it_has_the_keyboard(qtbot: QtBot, ring: FocusRing, window: MainWindow) -> None:
    panes: list[QWidget] = []
    for _ in range(3):
        press(qtbot, Qt.Key.Key_F6)
        assert shown_ring(ring).isValid()
        focus = QApplication.focusWidget()
        assert ring.target is focus
        assert focus is not None
        panes.append(
            next(
                pane
                for pane in (window.sidebar, window.documents.tabBar(), window.documents.page)
                if pane is not None and (pane is focus or pane.isAncestorOf(focus))
            )
        )
    assert len(set(panes)) == 3


def test_the_ring_goes_along_and_goes_away_with_a_click(qtbot: QtBot, ring: FocusRing, window: MainWindow) -> None:
    press(qtbot, Qt.Key.Key_F6)
    before = shown_ring(ring)
    window.resize(1324, 900)
    qtbot.waitUntil(lambda: shown_ring(ring) != before)
    handle = window.windowHandle()
    QTest.mouseClick(handle, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, window.rect().center())
    assert ring.target is None
    window.documents.tabBar().setFocus()
    assert ring.target is None  # nobody has used a key since


def test_a_window_that_is_destroyed_while_it_is_shown_takes_its_ring_along(qtbot: QtBot, ring: FocusRing) -> None:
    for _ in range(10):
        window = QMainWindow()
        box = QWidget()
        fields = [QLineEdit(box), QLineEdit(box)]
        window.setCentralWidget(box)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        fields[0].setFocus()
        QTest.keyClick(window.windowHandle(), Qt.Key.Key_Tab)
        assert ring.target is fields[1]
        window.deleteLater()  # whoever destroys it does not close it first
        qtbot.waitUntil(lambda window=window: not shiboken6.isValid(window))  # type: ignore[misc]


def test_a_ring_that_was_let_go_does_not_come_back(qtbot: QtBot, ring: FocusRing, window: MainWindow) -> None:
    press(qtbot, Qt.Key.Key_F6)
    shown = ring._ring
    ring._show(None)
    window.resize(1100, 750)
    assert shown is not None
    assert not shown.isVisible()


def test_an_experiment_is_chosen_in_the_sidebar_by_keys(qtbot: QtBot, window: MainWindow) -> None:
    model = window.sidebar._model
    qtbot.waitUntil(lambda: any(model.index(row, 0).data(WHAT) is not None for row in range(model.rowCount())))
    press(qtbot, Qt.Key.Key_F6)
    while not window.sidebar.isAncestorOf(QApplication.focusWidget()):
        press(qtbot, Qt.Key.Key_F6)
    with qtbot.waitSignal(window.sidebar.scope_requested):
        press(qtbot, Qt.Key.Key_Down)
        press(qtbot, Qt.Key.Key_Return)


@pytest.mark.parametrize("steps", range(3))
def test_the_keys_of_a_page_work_wherever_the_keyboard_is(qtbot: QtBot, window: MainWindow, steps: int) -> None:
    for _ in range(steps):
        press(qtbot, Qt.Key.Key_F6)
    press(qtbot, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    boxes = window.findChildren(QMessageBox)
    assert [box.text() for box in boxes] == ["Stop this run?"]
    boxes[0].close()


def test_the_table_is_worked_by_keys_as_soon_as_it_is_in_front(qtbot: QtBot, window: MainWindow) -> None:
    press(qtbot, Qt.Key.Key_Tab, Qt.KeyboardModifier.ControlModifier)
    page = window.documents.page
    assert isinstance(page, RunsPage)
    press(qtbot, Qt.Key.Key_Down)
    assert len(page.view.selected) == 1


def test_the_document_behind_one_that_is_closed_has_the_keyboard(qtbot: QtBot, window: MainWindow) -> None:
    press(qtbot, Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
    page = window.documents.page
    assert isinstance(page, RunsPage)
    press(qtbot, Qt.Key.Key_Down)
    assert len(page.view.selected) == 1


def test_a_document_has_the_keyboard_where_it_had_it_last(qtbot: QtBot, window: MainWindow) -> None:
    page = window.documents.page
    assert page is not None
    press(qtbot, Qt.Key.Key_Tab)
    focus = QApplication.focusWidget()
    for _ in range(2):
        press(qtbot, Qt.Key.Key_Tab, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.focusWidget() is focus


def test_the_ring_around_a_button_of_a_question_is_whole(qtbot: QtBot, ring: FocusRing, window: MainWindow) -> None:
    press(qtbot, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    box = window.findChild(QMessageBox)
    assert box is not None
    button = box.defaultButton()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is button)
    around = QRect(button.mapTo(box, button.rect().topLeft()), button.size())
    assert shown_ring(ring) == around.adjusted(-3, -3, 3, 3)
    box.close()


def test_the_list_of_keys_has_those_of_tabs_and_of_the_editor_everywhere(window: MainWindow) -> None:
    window.menus._show_keys()
    dialog = window.findChild(QDialog)
    assert dialog is not None
    texts = {each.text() for each in dialog.findChildren(QLabel)}
    assert {"Ctrl+1 … Ctrl+9", "Ctrl+S", "Ctrl+Return", "Save (in a config)"} <= texts
    dialog.close()
    window.new_experiment()
    page = window.documents.page
    assert page is not None
    keys = {(each.text().replace("&", ""), key.toString()) for each in page.actions() for key in each.shortcuts()}
    assert set(EDITOR_KEYS) <= keys

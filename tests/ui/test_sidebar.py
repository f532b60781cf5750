"""The left side: what is in the workspace, and how the worker is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import QTreeView
from pytestqt.qtbot import QtBot

from app.records.layout import ExecutionFolder
from app.ui.session import Session
from app.ui.sidebar import Sidebar

Record = Callable[..., ExecutionFolder]


@pytest.fixture
def sidebar(qtbot: QtBot, session: Session) -> Iterator[Sidebar]:
    found = Sidebar(session.worker)
    qtbot.addWidget(found)
    found.resize(232, 700)
    found.set_session(session)
    found.show()
    yield found
    found.set_session(None)


def tree(sidebar: Sidebar) -> QTreeView:
    found = sidebar.findChild(QTreeView)
    assert found is not None
    return found


def rows(sidebar: Sidebar) -> list[str]:
    model = tree(sidebar).model()
    return [model.index(number, 0).data() for number in range(model.rowCount())]


def row(sidebar: Sidebar, text: str) -> QModelIndex:
    return tree(sidebar).model().index(rows(sidebar).index(text), 0)


def click(qtbot: QtBot, sidebar: Sidebar, text: str, *, double: bool = False) -> None:
    view = tree(sidebar)
    place = view.visualRect(row(sidebar, text)).center()
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
    if double:
        qtbot.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_a_workspace_without_runs_says_where_they_will_be(qtbot: QtBot, sidebar: Sidebar) -> None:
    assert rows(sidebar) == ["Experiments", "Runs are listed here by experiment."]


def test_experiments_are_listed_with_their_counts(
    qtbot: QtBot, session: Session, sidebar: Sidebar, record: Record
) -> None:
    for experiment in ("iris", "Boston Housing", "Boston Housing"):
        record(experiment=experiment)
    qtbot.waitUntil(lambda: "iris" in rows(sidebar) and len(session.runs) == 3)
    qtbot.waitUntil(lambda: row(sidebar, "All runs").data(Qt.ItemDataRole.AccessibleTextRole) == "All runs, 3")
    assert rows(sidebar)[:4] == ["Experiments", "All runs", "Boston Housing", "iris"]
    with qtbot.waitSignal(sidebar.experiment_requested, check_params_cb=lambda name: name == "iris"):
        click(qtbot, sidebar, "iris")


def test_a_config_is_opened_by_a_double_click_or_enter(
    qtbot: QtBot, session: Session, sidebar: Sidebar, record: Record
) -> None:
    session.experiments.mkdir(parents=True)
    config = session.experiments / "mine.json"
    config.write_text("{}", encoding="utf-8")
    sidebar.refresh()
    qtbot.waitUntil(lambda: "mine.json" in rows(sidebar))
    with qtbot.waitSignal(sidebar.config_requested, check_params_cb=lambda path: path == config):
        click(qtbot, sidebar, "mine.json", double=True)
    with qtbot.waitSignal(sidebar.config_requested):
        qtbot.keyClick(tree(sidebar), Qt.Key.Key_Return)


def test_what_was_tracked_is_listed_by_tracker(
    qtbot: QtBot, session: Session, sidebar: Sidebar, record: Record
) -> None:
    folder = record()
    (folder.trackings / "tensorboard" / folder.execution_id).mkdir(parents=True)
    (folder.trackings / "mlruns").mkdir()
    sidebar.refresh()
    qtbot.waitUntil(lambda: "Trackings" in rows(sidebar) and "All runs" in rows(sidebar))
    assert rows(sidebar)[-3:] == ["Trackings", "TensorBoard", "MLflow"]
    click(qtbot, sidebar, "TensorBoard")
    assert tree(sidebar).isExpanded(row(sidebar, "TensorBoard"))
    assert row(sidebar, "TensorBoard").model().index(0, 0, row(sidebar, "TensorBoard")).data() == "Boston Housing"


def test_a_row_that_is_chosen_stays_so_when_runs_come(
    qtbot: QtBot, session: Session, sidebar: Sidebar, record: Record
) -> None:
    record()
    qtbot.waitUntil(lambda: "Boston Housing" in rows(sidebar))
    click(qtbot, sidebar, "Boston Housing")
    record(experiment="another")
    qtbot.waitUntil(lambda: "another" in rows(sidebar))
    assert tree(sidebar).currentIndex().data() == "Boston Housing"


def test_the_worker_line_tells_health_and_load(
    qtbot: QtBot, session: Session, sidebar: Sidebar, record: Record
) -> None:
    assert sidebar.worker_line.health == "Not found · click to see why"
    session.worker.problem = ""
    session.worker.found = {"versions": {"tensorflow": "2.21.0"}, "gpus": []}
    record("running")
    record("queued")
    qtbot.waitUntil(lambda: sidebar.worker_line.load == "1 running, 1 waiting")
    assert sidebar.worker_line.health == "Busy · TensorFlow 2.21 · CPU"
    session.worker.problem = "not started in tests"


def test_a_worker_that_cannot_start_is_explained(qtbot: QtBot, session: Session, sidebar: Sidebar) -> None:
    from PySide6.QtWidgets import QApplication, QPlainTextEdit

    session.worker.problem = "ModuleNotFoundError: No module named 'tensorflow'"
    qtbot.mouseClick(sidebar.worker_line, Qt.MouseButton.LeftButton)
    popup = QApplication.activePopupWidget()
    assert popup is not None
    output = popup.findChild(QPlainTextEdit)
    assert output is not None
    assert "No module named 'tensorflow'" in output.toPlainText()
    popup.close()

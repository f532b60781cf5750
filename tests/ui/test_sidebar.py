"""The left side: what is in the workspace, and how the worker is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QModelIndex, QPoint, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QTreeView
from pytestqt.qtbot import QtBot

from app.records.layout import ExecutionFolder
from app.ui.runs.scope import Scope
from app.ui.session import Session
from app.ui.sidebar import Sidebar
from app.ui.sidebar_tree import PROBLEMS
from app.ui.sources import add_source, remove_source
from tests.ui.others import csv_log, mlflow_run

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
    assert rows(sidebar) == [
        *("Experiments", "Runs are listed here by experiment."),
        *("Trackings", "Runs of other programs are listed here."),
    ]


def test_experiments_are_listed_with_their_counts(
    qtbot: QtBot, session: Session, sidebar: Sidebar, record: Record
) -> None:
    for experiment in ("iris", "Boston Housing", "Boston Housing"):
        record(experiment=experiment)
    qtbot.waitUntil(lambda: {"iris", "All runs"} <= set(rows(sidebar)))
    qtbot.waitUntil(lambda: row(sidebar, "All runs").data(Qt.ItemDataRole.AccessibleTextRole) == "All runs, 3")
    assert rows(sidebar)[:4] == ["Experiments", "All runs", "Boston Housing", "iris"]
    with qtbot.waitSignal(sidebar.scope_requested, check_params_cb=lambda scope: scope == Scope.of_experiment("iris")):
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
    qtbot.waitUntil(lambda: rows(sidebar)[-3:] == ["Trackings", "TensorBoard", "MLflow"])
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
    record("running")
    record("queued")
    qtbot.waitUntil(lambda: sidebar.worker_line.load == "1 running, 1 waiting")
    session.worker.problem = ""
    session.worker.found = {"versions": {"tensorflow": "2.21.0"}, "gpus": []}
    session.worker.changed.emit()
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


def said(index: QModelIndex) -> str:
    return str(index.data(Qt.ItemDataRole.AccessibleTextRole))


def below(index: QModelIndex) -> list[QModelIndex]:
    return [index.model().index(number, 0, index) for number in range(index.model().rowCount(index))]


def test_runs_of_other_programs_are_a_tree_with_counts(
    qtbot: QtBot, session: Session, sidebar: Sidebar, record: Record
) -> None:
    record()
    root = session.workspace.root
    for name in ("a", "b"):
        mlflow_run(root / "mlruns", name, experiment="Default")
    mlflow_run(root / "mlruns", "c", experiment="houses")
    csv_log(root / "logs" / "mine.csv")
    session.rescan()
    qtbot.waitUntil(lambda: "MLflow" in rows(sidebar) and "CSV" in rows(sidebar))
    assert said(row(sidebar, "All runs")) == "All runs, 5"
    assert said(row(sidebar, "Boston Housing")) == "Boston Housing, 1"
    mlflow = row(sidebar, "MLflow")
    assert said(mlflow) == "MLflow, 3"
    assert [said(each) for each in below(mlflow)] == ["Default, 2", "houses, 1"]
    assert str(root / "mlruns") in mlflow.data(Qt.ItemDataRole.ToolTipRole)
    with qtbot.waitSignal(sidebar.scope_requested) as asked:
        click(qtbot, sidebar, "MLflow")
    assert asked.args == [Scope("MLflow", ("mlflow-files:mlruns",))]
    assert tree(sidebar).isExpanded(row(sidebar, "MLflow"))
    with qtbot.waitSignal(sidebar.scope_requested) as asked:
        qtbot.keyClick(tree(sidebar), Qt.Key.Key_Down)
        qtbot.keyClick(tree(sidebar), Qt.Key.Key_Return)
    assert asked.args == [Scope("MLflow · Default", ("mlflow-files:mlruns",), "Default")]


def test_what_cannot_be_read_is_told_where_it_belongs(qtbot: QtBot, session: Session, sidebar: Sidebar) -> None:
    run = mlflow_run(session.workspace.root / "mlruns")
    (run / "meta.yaml").write_text("{ broken", encoding="utf-8")
    session.rescan()
    qtbot.waitUntil(lambda: "MLflow" in rows(sidebar))
    mlflow = row(sidebar, "MLflow")
    assert mlflow.data(PROBLEMS)
    assert "1 run cannot be read whole" in mlflow.data(Qt.ItemDataRole.ToolTipRole)


def test_a_folder_is_added_and_removed_again(qtbot: QtBot, session: Session, sidebar: Sidebar, tmp_path: Path) -> None:
    there = tmp_path / "elsewhere"
    mlflow_run(there / "mlruns")
    csv_log(there / "logs" / "mine.csv")
    qtbot.waitUntil(lambda: session.indexing.is_complete)
    add_source(session, there)
    qtbot.waitUntil(lambda: "elsewhere" in rows(sidebar) and said(row(sidebar, "elsewhere")) == "elsewhere, 2")
    assert sorted(said(each) for each in below(row(sidebar, "elsewhere"))) == ["logs, 1", "mlruns, 1"]
    remove_source(session, there)
    qtbot.waitUntil(lambda: "elsewhere" not in rows(sidebar) and "All runs" not in rows(sidebar))


def test_a_folder_without_runs_is_not_added_and_aim_is_named(
    qtbot: QtBot, session: Session, sidebar: Sidebar, tmp_path: Path
) -> None:
    (tmp_path / "empty" / ".aim").mkdir(parents=True)
    with qtbot.waitSignal(session.notice) as told:
        add_source(session, tmp_path / "empty")
    level, text = told.args
    assert level == "warning"
    assert "no runs that can be read were found" in text
    assert "Aim" in text
    assert not (session.workspace.private / "sources.json").exists()


def test_a_folder_that_is_away_keeps_its_runs_and_says_so(
    qtbot: QtBot, session: Session, sidebar: Sidebar, tmp_path: Path
) -> None:
    there = tmp_path / "elsewhere"
    mlflow_run(there / "mlruns")
    add_source(session, there)
    qtbot.waitUntil(lambda: "elsewhere" in rows(sidebar) and said(row(sidebar, "elsewhere")) == "elsewhere, 1")
    there.rename(tmp_path / "unplugged")
    session.rescan()
    qtbot.waitUntil(lambda: said(row(sidebar, "elsewhere")) == "elsewhere, 1, 1 problem")
    assert "not there now" in row(sidebar, "elsewhere").data(Qt.ItemDataRole.ToolTipRole)


def test_a_folder_that_is_dropped_on_the_sidebar_is_added(qtbot: QtBot, sidebar: Sidebar, tmp_path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    actions, buttons, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    with qtbot.waitSignal(sidebar.source_added, check_params_cb=lambda path: path == tmp_path):
        sidebar.dropEvent(QDropEvent(QPoint(5, 5), actions, data, buttons, keys))

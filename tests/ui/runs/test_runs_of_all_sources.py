"""What the table of runs shows of other programs, and what it is asked: queries, completion, columns of any param."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from app.records.layout import ExecutionFolder, Workspace
from app.records.library import RunAddress
from app.ui.runs.columns_popup import ColumnsPopup
from app.ui.runs.page import RunsPage
from app.ui.runs.scope import Scope
from app.ui.session import Session
from tests.ui.others import csv_log, mlflow_run
from tests.ui.runs.reading import cell, names, titles

Record = Callable[..., ExecutionFolder]


def test_runs_of_other_programs_are_listed_beside_ours_with_their_source(
    qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage, record: Record
) -> None:
    folder = record(started=time.time() - 500)
    mlflow_run(workspace.root / "mlruns", params={"lr": "0.01", "optimizer": "adam"})
    csv_log(workspace.root / "logs" / "mine.csv")
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 3)
    assert "Source" in titles(page)
    assert {cell(page, row, "Source") for row in range(3)} == {"Trackside", "MLflow", "CSV"}
    row = names(page).index("lively-owl-1")
    assert cell(page, row, "State") == "Finished"
    assert cell(page, row, "Time") == "1:00"
    assert float(cell(page, row, "val_loss")) == pytest.approx(8 / 3, abs=0.01)
    page.show_scope(Scope("MLflow", ("mlflow-files:mlruns",)))
    qtbot.waitUntil(lambda: names(page) == ["lively-owl-1"])
    assert "Source" not in titles(page)
    page.show_scope(Scope.of_experiment("Boston Housing"))
    qtbot.waitUntil(lambda: names(page) == [folder.execution_id])


def test_a_run_of_another_program_is_opened_by_its_address_and_has_no_actions_of_ours(
    qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage
) -> None:
    run_folder = mlflow_run(workspace.root / "mlruns")
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.view.selectRow(0)
    enabled = {action.text() for action in page.actions() if action.isEnabled()}
    assert {"Open", "Copy", "Open folder", "Copy path"} <= enabled
    assert not enabled & {"Stop", "Run again", "Edit as new", "Open in TensorBoard", "Open in MLflow"}
    with qtbot.waitSignal(session.record_requested) as asked:
        qtbot.keyClick(page.view, Qt.Key.Key_Return)
    assert asked.args is not None
    assert asked.args[0] == RunAddress("mlflow-files:mlruns", f"{run_folder.parent.name}/{run_folder.name}")


def test_a_query_chooses_runs_by_metrics_and_params(
    qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage
) -> None:
    mlflow_run(workspace.root / "mlruns", "good", params={"optimizer": "adam"})
    mlflow_run(workspace.root / "mlruns", "bad", params={"optimizer": "sgd"})
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    page.filter.setFocus()
    qtbot.keyClicks(page.filter, "val_loss < 16 and optimizer = adam")
    qtbot.waitUntil(lambda: names(page) == ["good"])
    assert page.status[:2] == ("2 runs", "1 match")


def test_a_mistake_in_a_query_is_pointed_at_while_the_last_good_one_stays(
    qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage
) -> None:
    mlflow_run(workspace.root / "mlruns", "good", params={"optimizer": "adam"})
    mlflow_run(workspace.root / "mlruns", "bad", params={"optimizer": "sgd"})
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    page.filter.setText("optimizer = adam")
    qtbot.waitUntil(lambda: names(page) == ["good"])
    page.filter.setText("optimizer = adam and nothing < 3")
    mistake = page.mistake
    qtbot.waitUntil(mistake.isVisible)
    assert mistake.text().startswith("Column 22: no run has a metric, param or tag called 'nothing'")
    assert page.filter.mistake == (21, 28)
    assert names(page) == ["good"]
    # What is true of the last good query goes on while the mistake stands.
    page.model.sort_by("name", descending=False)
    qtbot.wait(200)
    assert mistake.isVisible()
    page.filter.setText("optimizer != adam")
    qtbot.waitUntil(lambda: names(page) == ["bad"])
    assert not mistake.isVisible()
    assert page.filter.mistake is None


def test_names_and_values_are_completed_while_a_query_is_typed(
    qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage
) -> None:
    mlflow_run(workspace.root / "mlruns", params={"optimizer": "adam"})
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.filter.setFocus()
    qtbot.waitUntil(page.filter.hasFocus)
    qtbot.keyClicks(page.filter, "opti")
    qtbot.waitUntil(lambda: page.filter.is_offering and page.filter.offers == ["optimizer"])
    popup = page.filter.popup
    qtbot.keyClick(popup, Qt.Key.Key_Tab)
    qtbot.waitUntil(lambda: page.filter.text() == "optimizer ")
    qtbot.keyClicks(page.filter, "= a")
    qtbot.waitUntil(lambda: page.filter.is_offering and page.filter.offers == ["adam"])
    qtbot.keyClick(popup, Qt.Key.Key_Down)
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert page.filter.text() == "optimizer = adam "
    assert page.filter.hasFocus()
    qtbot.keyClick(page.filter, Qt.Key.Key_Return)
    assert page.view.hasFocus()


@pytest.fixture
def offering(qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage) -> RunsPage:
    """A page with a list of what can come next under its query."""
    mlflow_run(workspace.root / "mlruns", params={"optimizer": "adam", "lr": "0.25"})
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.filter.setFocus()
    qtbot.waitUntil(page.filter.hasFocus)
    qtbot.keyClicks(page.filter, "lr < 1 and opti")
    qtbot.waitUntil(lambda: page.filter.is_offering)
    return page


def test_return_keeps_a_query_of_whose_completions_none_was_chosen(qtbot: QtBot, offering: RunsPage) -> None:
    qtbot.keyClick(offering.filter.popup, Qt.Key.Key_Return)
    assert offering.filter.text() == "lr < 1 and opti"
    assert not offering.filter.is_offering
    assert offering.view.hasFocus()


def test_escape_closes_the_list_first_and_then_clears_the_query(qtbot: QtBot, offering: RunsPage) -> None:
    qtbot.keyClick(offering.filter, Qt.Key.Key_Escape)
    assert not offering.filter.is_offering
    assert offering.filter.text() == "lr < 1 and opti"
    qtbot.keyClick(offering.filter, Qt.Key.Key_Escape)
    assert offering.filter.text() == ""


def test_a_number_is_what_it_is(qtbot: QtBot, offering: RunsPage) -> None:
    offering.filter.setText("")
    qtbot.keyClicks(offering.filter, "lr = 0.2")
    qtbot.waitUntil(lambda: offering.filter.offers == ["0.25"])  # what there would be
    assert not offering.filter.is_offering


def test_any_param_can_be_a_column_and_is_found_by_its_name(
    qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage
) -> None:
    mlflow_run(workspace.root / "mlruns", params={"optimizer": "adam", "lr": "0.01"})
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.view.choose_columns(QPoint(0, 0))
    popup = page.findChild(ColumnsPopup)
    assert popup is not None
    qtbot.keyClicks(popup.search, "optim")
    assert [popup.list.model().index(0, 0).data(), popup.list.model().rowCount()] == ["params.optimizer", 1]
    qtbot.keyClick(popup.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: titles(page)[-1] == "optimizer")
    assert cell(page, 0, "optimizer") == "adam"
    popup.close()

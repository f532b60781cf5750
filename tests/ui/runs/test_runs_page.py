"""The table of runs: what it shows of all sources, how it is worked."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.records.layout import ExecutionFolder, Workspace
from app.records.sources.base import RunRecord
from app.records.summary import summary_of
from app.ui.runs.columns import common_metrics, key_metric, shown_at_first
from app.ui.runs.page import RunsPage
from app.ui.runs.scope import Scope
from app.ui.session import Session
from tests.ui.others import index_runs, mlflow_run
from tests.ui.recording import DOCUMENT, end_run
from tests.ui.runs.reading import cell, names, titles

Record = Callable[..., ExecutionFolder]


def run(name: str, *, state: str = "finished", **metrics: float) -> RunRecord:
    summaries = {metric: summary_of([value]) for metric, value in metrics.items()}
    return RunRecord("mlflow", name, name, name, "e", Path("/w") / name, state, 1.0, 2.0, metrics=summaries)  # type: ignore[arg-type]


def test_a_row_tells_state_name_time_and_metrics(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    folder = record(started=time.time() - 60, seconds=2.5)
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    assert cell(page, 0, "State") == "Finished"
    assert cell(page, 0, "Name") == folder.execution_id
    assert cell(page, 0, "Experiment") == "Boston Housing"
    assert cell(page, 0, "Started").startswith(("Today", time.strftime("%a", time.localtime(time.time() - 60))))
    assert cell(page, 0, "Time") == "2.5 s"
    assert cell(page, 0, "val_loss") == "14.00"
    assert cell(page, 0, "best val_loss") == "13.50"
    assert cell(page, 0, "test_loss") == "11.00"
    assert page.status == ("1 run",)


def test_every_cell_has_something_to_say(
    qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage, record: Record
) -> None:
    record("running")
    record()
    mlflow_run(workspace.root / "mlruns")
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 3)
    for row in range(3):
        for column, each in enumerate(page.model.columns):
            index = page.model.index(row, column)
            assert isinstance(index.data(), str)
            assert index.data(Qt.ItemDataRole.AccessibleTextRole).startswith(each.title)
            assert index.data(Qt.ItemDataRole.ToolTipRole) != ""
        page.view.horizontalHeader().sectionHandleDoubleClicked.emit(row)


def test_active_runs_are_on_top_whatever_is_sorted_and_filtered(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    done, queued, running = record(), record("queued"), record("running")
    qtbot.waitUntil(lambda: names(page) == [running.execution_id, queued.execution_id, done.execution_id])
    page.model.sort_by("best:val_loss", descending=False)
    page.filter.setText("finished")
    qtbot.wait(300)
    assert names(page) == [running.execution_id, queued.execution_id, done.execution_id]
    page.filter.setText("no such run")
    qtbot.waitUntil(lambda: names(page) == [running.execution_id, queued.execution_id])


def test_a_run_that_ends_joins_the_others_and_stays_selected(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    record(started=time.time())
    folder = record("running", started=time.time() - 500)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2 and names(page)[0] == folder.execution_id)
    assert page.view.select(folder.path)
    end_run(folder)
    qtbot.waitUntil(lambda: names(page)[-1] == folder.execution_id)
    assert [each.path for each in page.view.selected] == [folder.path]
    assert page.view.selected[0].state == "finished"


def test_what_has_no_value_is_last_in_both_directions(
    qtbot: QtBot, workspace: Workspace, tmp_path: Path, page: RunsPage
) -> None:
    index_runs(
        workspace, tmp_path / "away", [run("a", loss=2.0), run("b"), run("c", loss=1.0), run("d", loss=math.nan)]
    )
    qtbot.waitUntil(lambda: page.model.rowCount() == 4)
    for descending, first in ((False, ["c", "a"]), (True, ["a", "c"])):
        page.model.sort_by("last:loss", descending=descending)
        qtbot.waitUntil(lambda first=first: names(page)[:2] == first)


def test_metrics_choose_their_columns_and_the_user_chooses_others(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    shown = titles(page)
    assert shown == [
        "State",
        "Name",
        "Experiment",
        "Started",
        "Time",
        "val_loss",
        "best val_loss",
        "Trend",
        "test_loss",
    ]
    page.model.choose_columns({"name", "last:loss"})
    qtbot.waitUntil(lambda: titles(page) == ["Name", "loss"])
    state = page.view_state()
    page.model.choose_columns(None)
    qtbot.waitUntil(lambda: titles(page) == shown)
    page.restore_view(state)
    qtbot.waitUntil(lambda: titles(page) == ["Name", "loss"])


def test_a_view_that_is_broken_is_passed_over(page: RunsPage) -> None:
    page.restore_view({"sort": 3, "columns": "all", "widths": {"name": "wide"}, "order": [1]})
    assert page.model.sorting == ("started", True)


def test_the_best_of_an_accuracy_is_its_highest(qtbot: QtBot, session: Session, page: RunsPage, record: Record) -> None:
    record(metrics={"accuracy": (0.5, 0.9, 0.8)})
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    assert cell(page, 0, "best accuracy") == "0.9000"


def test_the_filter_finds_words_of_name_experiment_and_state(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    record(experiment="iris")
    failed = record("failed")
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    qtbot.keyClick(page.view, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    page.filter.setFocus()
    qtbot.keyClicks(page.filter, "BOSTON fail")
    qtbot.waitUntil(lambda: names(page) == [failed.execution_id])
    assert page.status == ("2 runs", "1 match")
    qtbot.keyClick(page.filter, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    assert page.filter.text() == ""


def test_an_experiment_alone_is_shown_when_it_is_asked_for(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    iris, _boston = record(experiment="iris"), record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    page.show_scope(Scope.of_experiment("iris"))
    qtbot.waitUntil(lambda: names(page) == [iris.execution_id])
    assert list(session.order) == [iris.path]
    assert session.order.index(iris.path) == 0


@pytest.mark.parametrize("how", ["double click", "Enter"])
def test_a_run_is_opened(qtbot: QtBot, session: Session, page: RunsPage, record: Record, how: str) -> None:
    folder = record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    place = page.view.visualRect(page.model.index(0, 1)).center()
    with qtbot.waitSignal(session.run_requested, check_params_cb=lambda path: path == folder.path):
        qtbot.mouseClick(page.view.viewport(), Qt.MouseButton.LeftButton, pos=place)
        if how == "Enter":
            qtbot.keyClick(page.view, Qt.Key.Key_Return)
        else:
            qtbot.mouseDClick(page.view.viewport(), Qt.MouseButton.LeftButton, pos=place)


@pytest.mark.parametrize("key", [Qt.Key.Key_Down, Qt.Key.Key_Up])
def test_the_first_step_in_the_table_selects_a_run(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record, key: Qt.Key
) -> None:
    folder = record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.view.setFocus()
    qtbot.waitUntil(page.view.hasFocus)
    qtbot.keyClick(page.view, key)
    with qtbot.waitSignal(session.run_requested, check_params_cb=lambda path: path == folder.path):
        qtbot.keyClick(page.view, Qt.Key.Key_Return)


def test_return_opens_the_row_that_has_the_frame(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    folder = record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.view.setFocus()
    page.view.selectionModel().setCurrentIndex(page.model.index(0, 0), QItemSelectionModel.SelectionFlag.NoUpdate)
    with qtbot.waitSignal(session.run_requested, check_params_cb=lambda path: path == folder.path):
        qtbot.keyClick(page.view, Qt.Key.Key_Return)


def test_a_run_that_is_started_with_ctrl_held_is_selected_alone(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    first, second = record(), record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    page.view.select(first.path)
    qtbot.keyPress(page.view, Qt.Key.Key_Control, Qt.KeyboardModifier.ControlModifier)
    session.submitted.emit(second)
    qtbot.keyRelease(page.view, Qt.Key.Key_Control)
    assert [run.folder.path for run in page.view.selected] == [second.path]


def test_the_config_of_a_run_is_edited_as_new(qtbot: QtBot, session: Session, page: RunsPage, record: Record) -> None:
    record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.view.selectRow(0)
    edit = next(action for action in page.actions() if action.text() == "Edit as new")
    with qtbot.waitSignal(session.draft_requested) as asked:
        edit.trigger()
    document, name = asked.args
    assert document["dataset"]["name"] == "boston_housing"
    assert name == "boston_housing.json"
    session.experiments.mkdir(parents=True, exist_ok=True)
    (session.experiments / name).touch()
    with qtbot.waitSignal(session.draft_requested) as asked:
        edit.trigger()
    assert asked.args[1] == "boston_housing_2.json"


def test_relative_paths_of_a_run_start_from_where_its_config_was(
    qtbot: QtBot, session: Session, record: Record, tmp_path: Path
) -> None:
    table = {"name": "csv", "parameters": {"path": "data/table.csv", "target": "y"}}
    folder = record(document={**DOCUMENT, "dataset": table})
    source = {"source": {"file": str(tmp_path / "elsewhere" / "config.json")}}
    folder.resolved.write_text(json.dumps({**DOCUMENT, "dataset": table, **source}))
    for again in (lambda: session.edit_as_new(folder), lambda: session.run_again([folder])):
        with qtbot.waitSignal(session.draft_requested) as asked:  # run again, as there is no such file
            again()
        assert asked.args[0]["dataset"]["parameters"]["path"] == str(tmp_path / "elsewhere" / "data" / "table.csv")


def test_stopping_asks_once_and_writes_the_command(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    folder = record("running")
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.view.selectRow(0)
    action = next(action for action in page.actions() if action.text() == "Stop")
    qtbot.waitUntil(action.isEnabled)
    action.trigger()
    box = page.findChild(QMessageBox)
    assert box is not None
    stop = next(each for each in box.findChildren(QPushButton) if each.text() == "Stop run")
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(list(folder.commands.glob("*.json"))))


def test_a_queued_run_is_cancelled_at_once(qtbot: QtBot, session: Session, page: RunsPage, record: Record) -> None:
    from app.jobs.queue import Queue

    folder = record("queued")
    Queue(session.workspace).add(folder)
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.view.selectRow(0)
    qtbot.waitUntil(lambda: "Cancel" in [action.text() for action in page.actions()])
    next(action for action in page.actions() if action.text() == "Cancel").trigger()
    qtbot.waitUntil(lambda: page.model.run_at(0).state == "stopped")


def test_selected_rows_are_copied_as_a_table(qtbot: QtBot, session: Session, page: RunsPage, record: Record) -> None:
    record()
    record(experiment="iris")
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    page.view.selectAll()
    QGuiApplication.clipboard().clear()
    next(action for action in page.actions() if action.text() == "Copy").trigger()
    qtbot.waitUntil(lambda: bool(QGuiApplication.clipboard().text()))
    lines = [line.split("\t") for line in QGuiApplication.clipboard().text().splitlines()]
    assert lines[0][:3] == ["State", "Name", "Experiment"]
    assert {line[2] for line in lines[1:]} == {"iris", "Boston Housing"}


def test_an_empty_workspace_offers_the_example(qtbot: QtBot, session: Session, page: RunsPage) -> None:
    qtbot.waitUntil(lambda: session.is_listed)
    example = next(each for each in page.findChildren(QPushButton) if each.text() == "Run the example")
    qtbot.waitUntil(example.isVisible)
    with qtbot.waitSignal(page.example_requested):
        qtbot.mouseClick(example, Qt.MouseButton.LeftButton)


def test_a_run_without_an_end_that_nobody_keeps_is_crashed_and_says_so(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    folder = record()
    folder.status.write_text("{ broken", encoding="utf-8")
    folder.metrics.unlink()
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1 and bool(page.model.run_at(0).problems))
    column = [each.id for each in page.model.columns].index("name")
    assert "status.json" in page.model.index(0, column).data(Qt.ItemDataRole.ToolTipRole)


def test_ten_thousand_runs_are_sorted_and_keep_their_selection(
    qtbot: QtBot, workspace: Workspace, tmp_path: Path, page: RunsPage
) -> None:
    runs = [run(f"run-{number:05}", loss=float(number * 7919 % 10_007)) for number in range(10_000)]
    index_runs(workspace, tmp_path / "away", runs)
    qtbot.waitUntil(lambda: page.model.rowCount() == 10_000, timeout=20_000)
    page.view.selectionModel().select(
        page.model.index(17, 0),
        QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows,
    )
    chosen = page.model.run_at(17).name
    page.model.sort_by("last:loss", descending=True)
    highest = max(runs, key=lambda each: each.metrics["loss"].last)
    qtbot.waitUntil(lambda: page.model.run_at(0).name == highest.name)
    values = [page.model.rows.value(row, "last:loss") for row in range(page.model.rowCount())]
    assert values == sorted(values, reverse=True)  # type: ignore[type-var]
    assert [each.name for each in page.view.selected] == [chosen]


def test_the_metric_that_tells_most_comes_first() -> None:
    counts = {"loss": 2, "val_loss": 1, "test_loss": 1, "rare": 1}
    assert key_metric(counts) == "val_loss"
    assert common_metrics(counts, 3) == ["val_loss", "test_loss", "loss", "rare"]
    assert "best:val_loss" in shown_at_first(common_metrics(counts, 3), 1)
    assert "source" not in shown_at_first([], 1)
    assert "source" in shown_at_first([], 2)
    assert key_metric({}) == ""


def test_the_workspace_may_be_empty_of_folders(qtbot: QtBot, workspace: Workspace, page: RunsPage) -> None:
    assert not workspace.trainings.exists()
    qtbot.waitUntil(lambda: page.model.rowCount() == 0)


def test_a_followed_run_shows_what_the_index_knows_of_it(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    record("running")
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.model.choose_columns({"state", "name", "param:model.compilation.optimizer"})
    qtbot.waitUntil(lambda: "optimizer" in titles(page))
    qtbot.waitUntil(lambda: cell(page, 0, "optimizer") == "adam")
    assert cell(page, 0, "State") == "Running"


def test_columns_that_were_moved_stay_so_when_others_come(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.view.horizontalHeader().moveSection(1, 0)
    page.model.choose_columns({"state", "name", "last:loss"})
    qtbot.waitUntil(lambda: titles(page) == ["State", "Name", "loss"])
    header = page.view.horizontalHeader()
    assert [header.logicalIndex(place) for place in range(3)] == [1, 0, 2]


def test_sorting_by_name_puts_executions_by_date(
    qtbot: QtBot, workspace: Workspace, tmp_path: Path, page: RunsPage
) -> None:
    names_by_date = ["09-00-00__02-01-2026", "08-00-00__03-01-2026", "10-00-00__01-02-2026"]
    index_runs(workspace, tmp_path / "away", [run(each) for each in names_by_date])
    qtbot.waitUntil(lambda: page.model.rowCount() == 3)
    page.model.sort_by("name", descending=False)
    qtbot.waitUntil(lambda: names(page) == names_by_date)


def test_an_experiment_that_is_gone_offers_all_runs(
    qtbot: QtBot, session: Session, page: RunsPage, record: Record
) -> None:
    record()
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    page.show_scope(Scope.of_experiment("gone"))
    back = next(each for each in page.findChildren(QPushButton) if each.text() == "Show all runs")
    qtbot.waitUntil(back.isVisible)
    qtbot.mouseClick(back, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)


def test_a_metric_is_in_sight_in_a_small_window_with_runs_of_several_programs(
    qtbot: QtBot, session: Session, workspace: Workspace, page: RunsPage, record: Record
) -> None:
    record()
    mlflow_run(workspace.root / "mlruns")
    session.rescan()
    qtbot.waitUntil(lambda: page.model.rowCount() == 2)
    page.resize(792, 600)
    section = titles(page).index("val_loss")
    view = page.view
    qtbot.waitUntil(lambda: view.columnViewportPosition(section) + view.columnWidth(section) <= view.viewport().width())
    widths = sum(view.columnWidth(each) for each in range(len(page.model.columns)))
    assert view.horizontalScrollBar().maximum() == max(0, widths - view.viewport().width())
    page.resize(1400, 800)
    qtbot.waitUntil(lambda: view.columnWidth(0) == page.model.columns[0].width)

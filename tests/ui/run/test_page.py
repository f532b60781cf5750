"""The page of a run, while it goes on and when it is over."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.records.events import append_event
from app.records.files import replace_file, to_json
from app.records.layout import ExecutionFolder
from app.ui.run.page import CONFIG, LOG, METRICS, OVERVIEW, RunPage
from app.ui.session import Session
from tests.ui.recording import DOCUMENT, end_run, log_metrics

Record = Callable[..., ExecutionFolder]
Opener = Callable[[ExecutionFolder], RunPage]


@pytest.fixture
def open_run(qtbot: QtBot, session: Session) -> Iterator[Opener]:
    pages = []

    def opener(folder: ExecutionFolder) -> RunPage:
        page = RunPage(session, folder.path)
        pages.append(page)
        qtbot.addWidget(page)
        page.resize(1208, 830)
        page.show()
        qtbot.waitUntil(lambda: page.model.status is not None)
        return page

    yield opener
    for page in pages:
        page.leave()


def buttons(page: RunPage) -> list[str]:
    return [found.text() for found in page.header.findChildren(QPushButton) if found.isVisibleTo(page)]


def texts(page: RunPage) -> list[str]:
    return [found.text() for found in page.findChildren(QLabel) if found.isVisibleTo(page)]


def test_a_run_that_is_over_shows_numbers_curves_and_facts(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("finished")
    platform = {"cpu": {"brand": "Some CPU", "threads": 8}, "memory": 16 << 30, "libraries": {"keras": "3.1"}}
    replace_file(folder.environment, to_json({"platform": platform, "code": {"commit": "3f9c2e1aa", "branch": "main"}}))
    page = open_run(folder)
    assert page.status == ("Finished, 3 epochs", "best val_loss 13.500 at epoch 2", folder_text(folder))
    assert buttons(page) == ["Open folder", "Edit as new", "Run again"]
    assert page.charts.metrics() == ["loss"]
    assert page.charts.isVisibleTo(page)
    assert not page.progress.isVisibleTo(page)
    qtbot.waitUntil(lambda: {"Some CPU, 8 threads", "16.0 GB", "main, no uncommitted changes"} <= set(texts(page)))
    assert "execution.log" in texts(page)


def folder_text(folder: ExecutionFolder) -> str:
    return folder.path.relative_to(folder.path.parents[3]).as_posix()


def test_a_run_that_goes_on_shows_progress_curves_and_log(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("running", batches=4)
    append_event(folder.events, {"time": 2.0, "kind": "checkpoint", "path": "x", "epoch": 2})
    page = open_run(folder)
    assert page.status == ("Running, epoch 3 of 3", "Metrics: 19 points", "Last checkpoint: epoch 2")
    assert page.progress.isVisibleTo(page)
    assert page.log.isVisibleTo(page)
    qtbot.waitUntil(lambda: page.log.model.rowCount() == 1)
    assert "Stop" in buttons(page)


def test_what_comes_appears_and_the_end_turns_the_page(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("running")
    page = open_run(folder)
    log_metrics(folder, {"loss": (8.0,)}, first_epoch=4)
    qtbot.waitUntil(lambda: page.model.metrics["loss"].values[-1] == 8.0)
    end_run(folder, "finished")
    qtbot.waitUntil(lambda: page.header._badge.state == "finished")
    assert not page.progress.isVisibleTo(page)
    assert "Run again" in buttons(page)
    assert not page.log.isVisibleTo(page)


def test_one_set_of_charts_and_one_log_serve_all_tabs(record: Record, open_run: Opener) -> None:
    page = open_run(record("running"))
    for tab, has_charts, has_log in ((METRICS, True, False), (LOG, False, True), (CONFIG, False, False)):
        page.tabs.setCurrentIndex(tab)
        assert (page.charts.isVisibleTo(page), page.log.isVisibleTo(page)) == (has_charts, has_log)
    page.tabs.setCurrentIndex(OVERVIEW)
    assert page.charts.isVisibleTo(page)
    assert page.log.isVisibleTo(page)


def answer(page: RunPage, text: str) -> None:
    box = page.findChild(QMessageBox)
    assert isinstance(box, QMessageBox)
    assert box.informativeText() == "Epoch 3 of 3. Metrics so far are kept, and so is the model."
    next(button for button in box.buttons() if button.text() == text).click()


def commands(folder: ExecutionFolder) -> list[dict[str, object]]:
    return [json.loads(path.read_text()) for path in sorted(folder.commands.glob("*.json"))]


def test_stop_asks_once_and_then_offers_to_end_it_now(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("running")
    page = open_run(folder)
    page.header.stop_button.click()
    answer(page, "Stop run")
    qtbot.waitUntil(lambda: [command["at_once"] for command in commands(folder)] == [False])
    assert page.header.stop_button.text() == "End it now"
    page.header.stop_button.click()
    qtbot.waitUntil(lambda: sorted(bool(command["at_once"]) for command in commands(folder)) == [False, True])
    assert page.findChild(QMessageBox) is None or not page.findChild(QMessageBox).isVisible()


def test_a_run_that_shall_go_on_is_left_alone(record: Record, open_run: Opener) -> None:
    folder = record("running")
    page = open_run(folder)
    page.header.stop_button.click()
    answer(page, "Keep running")
    assert commands(folder) == []
    assert page.header.stop_button.text() == "Stop"


def test_head_status_line_and_question_tell_the_same_epoch(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("running")
    page = open_run(folder)
    page.header.stop_button.click()
    box = page.findChild(QMessageBox)
    assert isinstance(box, QMessageBox)
    shown = next(each for each in page.progress.findChildren(QLabel) if each.accessibleName() == "Epoch")
    told: list[tuple[str, str]] = []
    page.changed.connect(lambda: told.append((page.status[0], shown.text())))
    for epoch in (4, 5, 6):
        log_metrics(folder, {"loss": (8.0,)}, first_epoch=epoch)
    qtbot.waitUntil(lambda: told[-1:] == [("Running, epoch 6 of 3", "6 / 3")])
    assert all(f"epoch {head.partition(' ')[0]} of" in line for line, head in told)
    assert box.informativeText().startswith("Epoch 6 of 3.")
    end_run(folder)
    qtbot.waitUntil(lambda: page.findChild(QMessageBox) is None)


def test_a_run_that_waits_can_be_cancelled(record: Record, open_run: Opener) -> None:
    page = open_run(record("queued"))
    assert buttons(page)[0] == "Cancel"
    assert not page.progress.isVisibleTo(page)
    assert page.status == ("Queued",)


def test_what_stands_before_the_first_curve_is_said(record: Record, open_run: Opener) -> None:
    def said(state: str) -> list[str]:
        page = open_run(record(state, metrics={}))
        return [each.text() for each in page.charts.findChildren(QLabel) if each.isVisibleTo(page.charts)]

    assert any("free slot" in text for text in said("queued"))
    assert any("Importing TensorFlow" in text for text in said("starting"))
    assert any("first batch" in text for text in said("running"))
    assert any("no metric" in text for text in said("stopped"))


def test_a_failure_is_said_above_and_shown_in_the_log(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    page = open_run(record("crashed", message="the worker was ended by signal 11 (SIGSEGV)\nFatal Python error"))
    assert page.banner_texts() == ["the worker was ended by signal 11 (SIGSEGV)"]
    next(found for found in page.findChildren(QPushButton) if found.text() == "Show in log").click()
    assert page.tabs.currentIndex() == LOG
    qtbot.waitUntil(lambda: page.log.model.rowCount() == 1)


def test_a_banner_that_was_closed_stays_closed(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    page = open_run(record("failed", message="no"))
    page._banners["failed"]._close()
    page._show_banners()
    assert page.banner_texts() == []


def test_a_warning_of_a_run_that_goes_on_is_said_until_it_is_closed(
    qtbot: QtBot, record: Record, open_run: Opener
) -> None:
    folder = record("running")
    page = open_run(folder)
    append_event(folder.events, {"time": 1.0, "kind": "warning", "message": "mlflow is offline"})
    qtbot.waitUntil(lambda: page.banner_texts() == ["mlflow is offline"])
    page._banners["warning"]._close()
    append_event(folder.events, {"time": 2.0, "kind": "warning", "message": "mlflow gave up"})
    qtbot.waitUntil(lambda: page.banner_texts() == ["mlflow gave up"])
    end_run(folder)
    qtbot.waitUntil(lambda: page.banner_texts() == [])


def test_a_run_that_gives_no_sign_of_life_can_be_ended(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("running")
    folder.heartbeat.touch()
    os.utime(folder.heartbeat, (time.time() - 60, time.time() - 60))
    page = open_run(folder)
    assert [text.startswith("No sign of life since ") for text in page.banner_texts()] == [True]
    next(found for found in page.findChildren(QPushButton) if found.text() == "End it now").click()
    qtbot.waitUntil(lambda: [command["at_once"] for command in commands(folder)] == [True])


def test_a_run_that_vanishes_keeps_what_was_read(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("running")
    page = open_run(folder)
    shutil.rmtree(folder.path)
    qtbot.waitUntil(lambda: page.model.is_gone)
    assert page.banner_texts() == ["The folder of this run is gone; what was read stays here."]
    assert page.charts.metrics() == ["loss"]
    assert "Stop" not in buttons(page)


def test_a_run_that_is_not_there_says_so(qtbot: QtBot, session: Session, tmp_path: Path) -> None:
    page = RunPage(session, tmp_path / "gone")
    qtbot.addWidget(page)
    assert page.banner_texts() == ["The folder of this run is gone; what was read stays here."]


def test_a_run_of_an_older_system_is_a_page_like_any_other(record: Record, open_run: Opener) -> None:
    folder = record("finished")
    for path in (folder.status, folder.events, folder.environment, folder.heartbeat, folder.resolved):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder.series)
    page = open_run(folder)
    assert page.status[0] == "Finished, 3 epochs"
    assert page.charts.metrics() == ["loss"]
    assert not page.progress.isVisibleTo(page)


def test_a_page_that_a_tracker_has_is_offered(qtbot: QtBot, session: Session, record: Record, open_run: Opener) -> None:
    folder = record("running")
    page = open_run(folder)
    qtbot.waitUntil(lambda: {"Open in TensorBoard", "Open in MLflow"} <= set(buttons(page)))
    with qtbot.waitSignal(session.tracker_requested) as asked:
        page.header._trackers["mlflow"].click()
    assert asked.args == [folder.path, "mlflow"]
    actions = {action.text(): action for action in page.header.menu_actions()}
    with qtbot.waitSignal(session.tracker_command_requested) as asked:
        actions["Copy TensorBoard command"].trigger()
    assert asked.args == [folder.path, "tensorboard"]
    actions["Copy path"].trigger()
    assert QGuiApplication.clipboard().text() == str(folder.path)


def test_a_page_that_no_tracker_has_is_absent(record: Record, open_run: Opener) -> None:
    page = open_run(record("running", document={**DOCUMENT, "tracking": {"trackers": []}}))
    assert buttons(page) == ["Stop", "Open folder"]


def test_what_finds_no_room_is_in_the_menu(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    page = open_run(record("finished"))
    page.resize(600, 600)
    assert page.width() == 600
    assert buttons(page) == ["Run again"]
    assert [action.text() for action in page.header.menu_actions()][:2] == ["Open folder", "Edit as new"]


def test_the_next_run_is_the_next_of_the_table(
    qtbot: QtBot, session: Session, record: Record, open_run: Opener
) -> None:
    folders = [record("finished") for _ in range(3)]
    session.order = [folder.path for folder in folders]
    page = open_run(folders[1])
    assert "run 2 of 3" in texts(page)
    for key, folder in ((Qt.Key.Key_Up, folders[0]), (Qt.Key.Key_Down, folders[2])):
        with qtbot.waitSignal(session.run_requested) as asked:
            qtbot.keyClick(page.tabs, key, Qt.KeyboardModifier.AltModifier)
        assert asked.args == [folder.path]


def test_a_run_alone_has_no_neighbours(record: Record, open_run: Opener) -> None:
    page = open_run(record("finished"))
    assert not any("run 1" in text for text in texts(page))


def test_edit_as_new_opens_the_config_as_a_draft(
    qtbot: QtBot, session: Session, record: Record, open_run: Opener
) -> None:
    page = open_run(record("finished"))
    with qtbot.waitSignal(session.draft_requested) as asked:
        qtbot.keyClick(page.tabs, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    assert asked.args[0]["dataset"]["name"] == "boston_housing"


def test_the_metrics_are_copied_as_they_are(record: Record, open_run: Opener) -> None:
    page = open_run(record("finished"))
    page.overview.summary.metrics.copy()
    lines = QGuiApplication.clipboard().text().split("\n")
    assert lines[0] == "Metric\tLast\tBest\tEpoch\tMax\tMean\tTest"
    assert lines[2] == "val_loss\t14.0\t13.5\t2\t22.0\t16.5\t"


def test_both_configs_can_be_read(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("finished")
    replace_file(folder.resolved, b'{"resolved": true}')
    page = open_run(folder)
    page.tabs.setCurrentIndex(CONFIG)
    config = page.tabs.widget(CONFIG)
    qtbot.waitUntil(lambda: '"boston_housing"' in config.editor.toPlainText())
    config._segments.button(1).click()
    qtbot.waitUntil(lambda: config.editor.toPlainText() == '{\n  "resolved": true\n}')
    config.copy()
    assert QGuiApplication.clipboard().text() == config.editor.toPlainText()


def test_an_early_end_is_explained(record: Record, open_run: Opener) -> None:
    folder = record("finished")
    status = json.loads(folder.status.read_text())
    replace_file(folder.status, to_json({**status, "reason": "early_stopping"}))
    assert "Finished, stopped early at epoch 3 by early_stopping" in texts(open_run(folder))
    replace_file(folder.status, to_json({**status, "state": "stopped", "reason": "user", "message": "stopped by ada"}))
    assert "Stopped by ada" in texts(open_run(folder))


def test_files_that_cannot_be_read_are_named(qtbot: QtBot, record: Record, open_run: Opener) -> None:
    folder = record("finished")
    folder.status.write_text("{oops")
    page = open_run(folder)
    qtbot.waitUntil(lambda: any("status.json" in text for text in page.banner_texts()))
    assert not any(str(folder.path) in text for text in page.banner_texts())
    assert "Open folder" in [found.text() for found in page.findChildren(QPushButton)]


def test_the_address_of_the_page_brings_it_back(record: Record, open_run: Opener) -> None:
    folder = record("finished")
    page = open_run(folder)
    assert page.key == f"run:{folder.path}"
    assert page.address == {"kind": "run", "path": str(folder.path)}
    page.restore_view({"charts": {"smoothing": 0.5}, "overview": {"sizes": "odd"}})
    assert page.view_state()["charts"]["smoothing"] == 0.5

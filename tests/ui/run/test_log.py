"""The log of a run: a million lines at hand, levels, search, following."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.records.log import append_entry, format_entry, parse_entries
from app.ui.run.log import LogView
from app.ui.run.log_index import DEBUG, ERROR, INFO, WARNING, find_lines, read_lines
from app.ui.run.log_model import COMPONENT, LEVEL, MESSAGE, TIME


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "execution.log"
    append_entry(path, "INFO", "Trainer", "Epoch 1 val_loss 3.0")
    append_entry(path, "WARNING", "ReduceLR", "val_loss has not improved")
    append_entry(path, "ERROR", "Comet", "Upload failed\nTraceback (most recent call last):\n  File x")
    append_entry(path, "DEBUG", "Trackers", "mlflow started")
    return path


@pytest.fixture
def view(qtbot: QtBot, log: Path) -> LogView:
    found = LogView(log)
    qtbot.addWidget(found)
    found.resize(700, 300)
    found._segments[DEBUG].click()
    found.show()
    qtbot.waitUntil(lambda: found.model.rowCount() == 6)
    return found


def shown(view: LogView) -> list[str]:
    model = view.model
    return [str(model.index(row, MESSAGE).data()) for row in range(model.rowCount())]


def test_the_chatter_of_libraries_is_shown_on_demand(qtbot: QtBot, log: Path) -> None:
    view = LogView(log)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitUntil(lambda: view.model.rowCount() == 5)
    assert view._segments[INFO].isChecked()
    view._segments[DEBUG].click()
    assert view.model.rowCount() == 6


def test_an_entry_is_shown_in_four_columns_with_the_time_of_day(view: LogView) -> None:
    model = view.model
    time, level, component, message = (model.index(1, column).data() for column in range(4))
    assert len(time) == len("15:10:48.480")
    assert (level, component, message) == ("WARNING", "ReduceLR", "val_loss has not improved")
    assert model.index(1, TIME).data(Qt.ItemDataRole.ToolTipRole).endswith(time.replace(".", ","))


def test_a_continuation_belongs_to_the_entry_before_it(view: LogView) -> None:
    view.model.show_from(ERROR)
    assert shown(view) == ["Upload failed", "Traceback (most recent call last):", "  File x"]
    assert view.model.index(1, LEVEL).data() == view.model.index(1, COMPONENT).data() == ""


def test_a_level_hides_what_is_below_it_and_names_how_many_there_are(qtbot: QtBot, view: LogView) -> None:
    segments = {button.text(): button for button in view._segments.values()}
    assert list(segments) == ["Debug", "Info", "Warning 1", "Error 1"]
    segments["Warning 1"].click()
    assert shown(view)[0] == "val_loss has not improved"


def test_the_search_counts_lines_and_goes_around(qtbot: QtBot, view: LogView) -> None:
    view.query.setText("VAL_LOSS")
    qtbot.waitUntil(lambda: view._place.text() == "1 of 2")
    assert view.table.currentIndex().row() == 0
    view.next_hit()
    assert (view._place.text(), view.table.currentIndex().row()) == ("2 of 2", 1)
    view.next_hit()
    assert view._place.text() == "1 of 2"
    assert not view.follow.isChecked()


def test_a_search_of_a_level_leaves_out_what_is_hidden(qtbot: QtBot, view: LogView) -> None:
    view.query.setText("val_loss")
    qtbot.waitUntil(lambda: len(view.model.hits()) == 2)
    view.model.show_from(WARNING)
    assert view.model.hits().tolist() == [0]


def test_what_is_nowhere_is_said(qtbot: QtBot, view: LogView) -> None:
    view.query.setText("tensor")
    qtbot.waitUntil(lambda: view._place.text() == "nothing")


def test_new_entries_appear_and_are_searched_too(qtbot: QtBot, view: LogView, log: Path) -> None:
    view.query.setText("val_loss")
    qtbot.waitUntil(lambda: len(view.model.hits()) == 2)
    append_entry(log, "INFO", "Trainer", "Epoch 2 val_loss 2.0")
    qtbot.waitUntil(lambda: view.model.hits().tolist() == [0, 1, 6])
    assert view.model.rowCount() == 7


def test_it_stays_at_the_end_until_it_is_scrolled_up(qtbot: QtBot, view: LogView, log: Path) -> None:
    with open(log, "a") as file:
        file.writelines(format_entry(0, "INFO", "Trainer", f"line {number}") for number in range(200))
    bar = view.table.verticalScrollBar()
    qtbot.waitUntil(lambda: view.model.rowCount() == 206 and bar.value() == bar.maximum() > 0)
    bar.setValue(10)
    assert not view.follow.isChecked()
    append_entry(log, "INFO", "Trainer", "one more")
    qtbot.waitUntil(lambda: view.model.rowCount() == 207)
    assert bar.value() == 10
    bar.setValue(bar.maximum())
    assert view.follow.isChecked()


def test_the_last_line_stays_in_view_when_there_is_less_room(qtbot: QtBot, view: LogView, log: Path) -> None:
    with open(log, "a") as file:
        file.writelines(format_entry(0, "INFO", "Trainer", f"line {number}") for number in range(200))
    qtbot.waitUntil(lambda: view.model.rowCount() == 206)

    def is_whole() -> bool:
        last = view.table.visualRect(view.model.index(view.model.rowCount() - 1, TIME))
        return view.table.viewport().rect().contains(last)

    qtbot.waitUntil(is_whole)
    view.resize(700, 207)
    qtbot.waitUntil(is_whole)
    append_entry(log, "INFO", "Trainer", "so long a line that a bar appears below the others " * 9)
    qtbot.waitUntil(lambda: view.model.rowCount() == 207 and view.table.horizontalScrollBar().maximum() > 0)
    qtbot.waitUntil(is_whole)
    assert view.follow.isChecked()


def test_a_line_that_is_led_to_is_shown_from_its_beginning(qtbot: QtBot, view: LogView, log: Path) -> None:
    append_entry(log, "ERROR", "Main", "a long message " * 40)
    view.show_last_error()
    qtbot.waitUntil(lambda: view.table.currentIndex().row() == 6)
    assert view.table.horizontalScrollBar().value() == 0


def test_selected_lines_are_copied_as_they_stand_in_the_file(qtbot: QtBot, view: LogView, log: Path) -> None:
    view.table.selectAll()
    qtbot.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == log.read_text().rstrip("\n")


def test_a_log_that_was_cut_is_read_anew(qtbot: QtBot, view: LogView, log: Path) -> None:
    log.write_text(format_entry(0, "INFO", "Main", "again"))
    qtbot.waitUntil(lambda: shown(view) == ["again"])


def test_the_last_error_is_shown_as_soon_as_it_is_read(qtbot: QtBot, log: Path) -> None:
    view = LogView(log)
    qtbot.addWidget(view)
    view.show()
    view.show_last_error()
    qtbot.waitUntil(lambda: view.table.currentIndex().row() == 2)


def test_bytes_that_are_no_text_do_no_harm(qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "execution.log"
    path.write_bytes(b"\xff\xfe\x00 - - - -\n" + b"x" * 100_000 + b"\nno newline at the end")
    view = LogView(path)
    qtbot.addWidget(view)
    view.show()
    qtbot.waitUntil(lambda: view.model.rowCount() == 2)
    assert len(shown(view)[1]) < 10_000


def test_lines_are_found_by_their_offsets(log: Path) -> None:
    lines = read_lines(log, 0)
    assert lines is not None
    assert lines.starts.tolist() == [True, True, True, False, False, True]
    assert lines.levels.tolist() == [INFO, WARNING, ERROR, ERROR, ERROR, 0]
    assert lines.ends[-1] == log.stat().st_size
    assert read_lines(log, int(lines.ends[-1])) is None
    assert find_lines(log, "VAL_loss", lines.ends, 0, lambda: False).tolist() == [0, 1]
    assert find_lines(log, "val_loss", lines.ends, 1, lambda: False).tolist() == [1]


def test_the_same_lines_begin_an_entry_as_for_every_other_reader(tmp_path: Path) -> None:
    path = tmp_path / "execution.log"
    stamp = "2019-04-08 06:16:31"
    lines = [
        f"{stamp},123 - trackside - INFO - Main - an entry",
        f"{stamp}.123 - A Program of 2019 - CRITICAL - Main - an entry of an older system",
        f"{stamp},123 - trackside - INFO -",
        f"{stamp},123 - trackside - NOTICE - Main - no level of ours",
        f"{stamp} - trackside - INFO - Main - no milliseconds",
        f"{stamp},123 -",
        f" {stamp},123 - trackside - INFO - Main - indented",
        f"{stamp},12x - trackside - INFO - Main - no number",
        "",
        f"{stamp},123 - trackside - DEBUG - Main - ",
    ]
    path.write_text("\n".join(lines) + "\n")
    found = read_lines(path, 0)
    assert found is not None
    expected = [entry for entry in parse_entries(lines) if entry.time]
    assert found.starts.sum() == len(expected) == 3
    assert found.levels[found.starts].tolist() == [INFO, ERROR, DEBUG]


def test_all_lines_are_copied_as_they_stand_in_the_file(qtbot: QtBot, view: LogView, log: Path) -> None:
    view.table.selectAll()
    qtbot.keyClick(view.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == log.read_text().rstrip("\n")

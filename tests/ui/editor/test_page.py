from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.config.documents import read_document
from app.config.settings import default_slots
from app.records.layout import ExecutionFolder
from app.ui.editor.chooser import Chooser, choose
from app.ui.editor.files import NameDialog, wrong_name
from app.ui.editor.page import EditorPage
from app.ui.session import Session
from tests.ui.editor.test_form import changed
from tests.ui.recording import DOCUMENT

Edit = Callable[..., EditorPage]


def set_epochs(page: EditorPage, epochs: Any) -> None:
    page.document.set(("training", "epochs"), epochs)


def link(page: EditorPage, text: str) -> QPushButton:
    return next(found for found in page.findChildren(QPushButton) if text in found.text() and found.isVisibleTo(page))


def test_a_new_experiment_is_a_config_that_can_be_run(edit: Edit, session: Session) -> None:
    page = EditorPage(session, document={})
    assert page.problems == []
    assert page.title == "New experiment"
    assert page.kind == "editor"
    assert page.address is None
    page.leave()
    page.deleteLater()


def test_a_problem_is_counted_listed_and_put_right_by_its_link(edit: Edit) -> None:
    page = edit(changed(model__compilation__optimizer="adm"))
    assert page.status == ("1 problem in Model", "Sequential · adm · mse")
    assert page.tabs.tabText(1) == "Problems 1"
    link(page, "Set optimizer to adam").click()
    assert page.problems == []
    assert page.document.get(("model", "compilation", "optimizer")) == "adam"


def test_a_key_that_is_misspelt_is_renamed_in_its_place(edit: Edit) -> None:
    page = edit(changed(training__shufle=False))
    page.form.show_section("training")
    link(page, "Rename it to shuffle").click()
    assert list(page.document.value["training"])[-1] == "shuffle"
    assert page.problems == []


def test_run_with_a_problem_leads_to_its_field(edit: Edit, qtbot: QtBot, session: Session) -> None:
    page = edit()
    set_epochs(page, 0)
    page.activateWindow()
    page.run_action.trigger()
    assert page.tabs.currentWidget() is page.problem_list
    field = page.form.row_for(("training", "epochs")).field_for(("training", "epochs"))
    qtbot.waitUntil(field.hasFocus)
    assert field.property("problem") == "true"


def test_data_that_is_missing_is_a_problem_at_its_field(edit: Edit, qtbot: QtBot, config: Path) -> None:
    table = {"name": "csv", "parameters": {"path": "data.csv", "target": "y"}}
    network = [{"type": "dense", "units": 1}]
    config.write_text(json.dumps(changed(dataset=table, model__input_shape=None, model__network=network)))
    page = edit(path=config)
    assert [problem.path for problem in page.problems] == ["dataset.parameters.path"]
    page.run_action.trigger()
    assert page.tabs.currentWidget() is page.problem_list
    (config.parent / "data.csv").touch()  # beside the config, which is what its relative paths start from
    page.check()
    assert page.problems == []


def test_run_submits_what_is_shown_without_saving(
    edit: Edit, qtbot: QtBot, session: Session, config: Path, record: Callable[..., ExecutionFolder]
) -> None:
    for _ in range(default_slots()):
        record("running")  # no slot is free: what is submitted waits, and nothing trains
    page = edit(path=config)
    set_epochs(page, 5)
    with qtbot.waitSignal(session.submitted) as submitted:
        page.run_action.trigger()
    folder = submitted.args[0]
    assert read_document(folder.document)["training"]["epochs"] == 5
    assert read_document(folder.resolved)["source"]["file"] == str(config)
    assert page.is_modified


def test_the_problem_keys_walk_through_all_problems(edit: Edit) -> None:
    page = edit(changed(training__epochs=0, training__batch_size=0))
    rows = []
    for _ in range(3):
        page.step_problem(1)
        rows.append(page.problem_list.table.currentIndex().row())
    assert rows == [0, 1, 0]


def test_saving_writes_the_text_as_it_is_shown(edit: Edit, config: Path) -> None:
    page = edit(path=config)
    assert not page.is_modified
    set_epochs(page, 5)
    assert page.is_modified
    page.save_action.trigger()
    assert not page.is_modified
    assert json.loads(config.read_text(encoding="utf-8"))["training"]["epochs"] == 5


def test_a_file_that_another_program_changed_is_not_overwritten_unasked(edit: Edit, config: Path) -> None:
    page = edit(path=config)
    set_epochs(page, 5)
    theirs = json.dumps(changed(training__epochs=9))
    config.write_text(theirs, encoding="utf-8")
    page.save()
    assert config.read_text(encoding="utf-8") == theirs
    link(page, "Reload").click()
    assert page.document.get(("training", "epochs")) == 9
    assert not page.is_modified
    page.undo_action.trigger()
    assert page.document.get(("training", "epochs")) == 5


def write_theirs(config: Path) -> None:
    config.write_text(json.dumps(changed(training__epochs=9)), encoding="utf-8")


def test_what_another_program_wrote_is_taken_in_when_the_tab_comes_to_the_front(edit: Edit, config: Path) -> None:
    page = edit(path=config)
    page.hide()
    write_theirs(config)
    page.show()
    assert page.document.get(("training", "epochs")) == 9
    assert not page.is_modified
    assert page.banner is not None
    assert "read again" in page.banner.text


def test_what_is_not_saved_is_not_given_up_for_what_another_program_wrote(edit: Edit, config: Path) -> None:
    page = edit(path=config)
    set_epochs(page, 5)
    write_theirs(config)
    page.look_again()
    assert page.document.get(("training", "epochs")) == 5
    link(page, "Keep mine").click()
    page.look_again()
    assert page.banner is None
    assert not page.file.has_changed()
    config.write_text(json.dumps(changed(training__epochs=10)), encoding="utf-8")
    page.look_again()
    link(page, "Reload").click()
    assert page.document.get(("training", "epochs")) == 10
    assert not page.is_modified


def test_a_file_that_is_gone_or_broken_now_takes_nothing_away(edit: Edit, config: Path) -> None:
    page = edit(path=config)
    config.unlink()
    page.look_again()
    assert page.banner is None
    assert page.document.get(("training", "epochs")) == 3
    config.write_text("{", encoding="utf-8")
    page.look_again()
    assert page.document.state.problem is not None


def test_a_draft_asks_for_a_name_and_becomes_that_file(edit: Edit, session: Session) -> None:
    page = edit(name="boston_housing.json")
    page.save()
    dialog = page.findChild(NameDialog)
    assert dialog is not None
    assert dialog.name.text() == "boston_housing"
    dialog.name.setText("a/b")
    assert not dialog.save.isEnabled()
    assert "/" in dialog.message.text()
    dialog.name.setText("mine")
    dialog.save.click()
    assert json.loads((session.experiments / "mine.json").read_text(encoding="utf-8")) == DOCUMENT
    assert page.key == f"config:{session.experiments / 'mine.json'}"
    assert page.address == {"kind": "config", "path": str(session.experiments / "mine.json")}


@pytest.mark.parametrize("name", [".json", "a:b.json", "nul.json", "x" * 300 + ".json", "a\nb.json", ".hidden.json"])
def test_a_name_that_some_system_refuses_is_refused(name: str) -> None:
    assert wrong_name(name)


def test_a_broken_file_opens_with_its_text_and_where_it_breaks(edit: Edit, config: Path) -> None:
    config.write_text('{\n  "model": {,}\n}', encoding="utf-8")
    page = edit(path=config)
    assert page.json.text == '{\n  "model": {,}\n}'
    assert page.json.error.text().startswith("line 2, column 13")
    page.json.edit.setPlainText(json.dumps(DOCUMENT))
    page.document.write(page.json.text)
    assert not page.json.error.isVisibleTo(page)
    page.check()
    assert page.problems == []


def test_a_file_that_is_gone_says_so(edit: Edit, session: Session) -> None:
    page = edit(path=session.experiments / "gone.json")
    assert "no such file" in page.banner.text


def test_a_file_that_could_not_be_read_is_not_written_over_unasked(edit: Edit, session: Session) -> None:
    path = session.experiments / "odd.json"
    path.mkdir(parents=True)  # what can be read neither as a file nor by anybody
    page = edit(path=path)
    path.rmdir()
    path.write_text("precious", encoding="utf-8")
    page.save()
    assert path.read_text(encoding="utf-8") == "precious"
    assert "Save anyway" in [button.text() for button in page.findChildren(QPushButton)]


def test_closing_with_changes_asks_and_saves(edit: Edit, config: Path) -> None:
    page = edit(path=config)
    closed: list[bool] = []
    page.ask_to_close(lambda: closed.append(True))
    assert closed == [True]
    set_epochs(page, 6)
    page.ask_to_close(lambda: closed.append(True))
    assert closed == [True]
    box = page.findChild(QMessageBox)
    assert box is not None
    box.button(QMessageBox.StandardButton.Save).click()
    assert closed == [True, True]
    assert json.loads(config.read_text(encoding="utf-8"))["training"]["epochs"] == 6


def test_a_layer_is_chosen_by_typing_a_part_of_its_name(edit: Edit, qtbot: QtBot) -> None:
    page = edit()
    chosen: list[str] = []
    popup: Chooser = choose(link(page, "Run"), "layer", chosen.append)
    qtbot.keyClicks(popup.search, "global max pooling2d")
    qtbot.keyClick(popup.search, Qt.Key.Key_Return)
    assert chosen == ["global_max_pooling2d"]


def test_the_look_of_a_page_is_kept(edit: Edit) -> None:
    page = edit()
    page.form.sections["dataset"].fold(False)
    page.tabs.setCurrentIndex(1)
    other = edit()
    other.restore_view(page.view_state())
    assert other.form.sections["dataset"].is_open
    assert other.tabs.currentIndex() == 1
    other.restore_view({"panes": "no", "folded": 3, "tab": None})


def test_problems_are_told_whole_where_there_is_no_room_for_columns(edit: Edit, qtbot: QtBot) -> None:
    page = edit(changed(training__epochs=0, training__batch_size=0))
    listed, table = page.problem_list, page.problem_list.table
    page.tabs.setCurrentWidget(listed)
    listed.select(1)
    page.splitter.restore([1000, 200])
    qtbot.waitUntil(lambda: table.isColumnHidden(1) and table.isColumnHidden(2))
    told = table.model().index(0, 0).data().replace("\u200b", "")
    assert told == "training.batch_size\nis 0\n1 or more"
    assert table.currentIndex().row() == 1
    qtbot.waitUntil(lambda: table.rowHeight(0) >= 3 * table.fontMetrics().height())
    page.splitter.restore([600, 600])
    qtbot.waitUntil(lambda: not table.isColumnHidden(1) and not table.isColumnHidden(2))
    assert table.model().index(0, 1).data() == "is 0"

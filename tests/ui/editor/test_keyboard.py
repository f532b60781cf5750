from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.ui.editor.fields import ChoiceField
from app.ui.editor.page import EditorPage
from tests.ui.recording import DOCUMENT

Edit = Callable[..., EditorPage]
ALT, CONTROL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def page(edit: Edit, qtbot: QtBot) -> EditorPage:
    found = edit()
    found.activateWindow()
    qtbot.waitUntil(found.isActiveWindow)
    return found


def focused() -> QWidget:
    found = QApplication.focusWidget()
    assert found is not None
    return found


def units(page: EditorPage) -> list[int]:
    return [layer["units"] for layer in page.document.get(("model", "network"))]


def test_undo_in_a_field_undoes_what_was_done_elsewhere(page: EditorPage, qtbot: QtBot) -> None:
    for path in (("training", "epochs"), ("model", "compilation", "loss", "type")):
        page.document.set(("experiment", "name"), "another")
        page.form.go_to(path)
        qtbot.keyClick(focused(), Qt.Key.Key_Z, CONTROL)
        assert page.document.value == DOCUMENT


def test_undo_in_the_json_takes_back_what_was_typed_there(page: EditorPage, qtbot: QtBot) -> None:
    edit = page.json.edit
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, '{"training": {}}')
    page.json.finish()
    assert page.document.value == {"training": {}}
    qtbot.keyClick(edit, Qt.Key.Key_Z, CONTROL)
    assert page.document.value == DOCUMENT
    assert not page.is_modified


def test_what_was_typed_in_the_json_a_moment_ago_is_saved(edit: Edit, config: Path) -> None:
    page = edit(path=config)
    changed = {**DOCUMENT, "training": {**DOCUMENT["training"], "epochs": 7}}
    page.json.edit.setPlainText(json.dumps(changed))
    page.save()
    assert json.loads(config.read_text(encoding="utf-8")) == changed
    assert not page.is_modified


def test_alt_down_moves_a_layer_from_any_of_its_fields_and_stays_there(page: EditorPage, qtbot: QtBot) -> None:
    before = units(page)
    page.form.go_to(("model", "network", 0, "units"))
    qtbot.keyClick(focused(), Qt.Key.Key_Down, ALT)
    assert units(page) == before[::-1]
    assert page.form.path_of(focused()) == ("model", "network", 1, "units")
    page.form.go_to(("model", "network", 0, "type"))
    assert isinstance(focused(), ChoiceField)
    qtbot.keyClick(focused(), Qt.Key.Key_Down, ALT)
    assert units(page) == before


def test_tab_goes_through_the_rows_as_they_are_read(page: EditorPage, qtbot: QtBot) -> None:
    page.form.go_to(("model", "network", 0, "type"))
    reached = []
    for _ in range(30):
        reached.append(page.form.path_of(focused()))
        qtbot.keyClick(focused(), Qt.Key.Key_Tab)
    stops = [path for path in dict.fromkeys(reached) if len(path) > 3]
    assert stops[:2] == [("model", "network", 0, "type"), ("model", "network", 0, "units")]
    assert stops == sorted(stops, key=lambda path: ["network", "compilation"].index(str(path[1])))

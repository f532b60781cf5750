from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from app.config.models import TrainingConfig
from app.config.schema import is_model, schema_at
from app.ui.editor.component_list import ListRow
from app.ui.editor.components import ComponentRow
from app.ui.editor.fields import CheckField, TextField
from app.ui.editor.page import EditorPage
from tests.ui.recording import DOCUMENT

Edit = Callable[..., EditorPage]


def changed(**sections: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    for path, value in sections.items():
        *keys, last = path.split("__")
        at = document
        for key in keys:
            at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
        at[last] = value
    return document


def leaves(path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    schema = schema_at(TrainingConfig, path) if path else TrainingConfig
    if not is_model(schema) or ("options" in schema.model_fields and "type" in schema.model_fields):
        return [path]
    return [leaf for name in schema.model_fields if name != "source" for leaf in leaves((*path, name))]


@pytest.mark.parametrize("path", leaves(), ids=".".join)
def test_every_key_of_the_schema_has_a_place_in_the_form(edit: Edit, path: tuple[str, ...]) -> None:
    row = edit().form.row_for(path)
    assert row is not None
    assert path in row.paths or row.path_of(row.field_for(path)) == path


def test_what_is_typed_in_a_field_is_in_the_json_at_once(edit: Edit, qtbot: QtBot) -> None:
    page = edit()
    field = page.form.row_for(("training", "epochs")).field_for(("training", "epochs"))
    field.selectAll()
    qtbot.keyClicks(field, "250")
    assert '"epochs": 250' in page.json.text
    assert page.document.stack.count() == 1
    page.undo_action.trigger()
    assert field.text() == "3"


def test_an_edit_of_the_json_is_in_the_form_at_once(edit: Edit, qtbot: QtBot) -> None:
    page = edit()
    page.json.edit.setPlainText(json.dumps(changed(training__epochs=77)))
    field = page.form.row_for(("training", "epochs")).field_for(("training", "epochs"))
    qtbot.waitUntil(lambda: field.text() == "77")


def test_clearing_an_optional_field_takes_its_key_away(edit: Edit) -> None:
    page = edit()
    field = page.form.row_for(("training", "batch_size")).field_for(("training", "batch_size"))
    field.clear()
    field.textEdited.emit("")
    assert "batch_size" not in page.document.value["training"]
    assert field.placeholderText() == "32"


def test_a_default_is_shown_and_not_written(edit: Edit, qtbot: QtBot) -> None:
    page = edit()
    shuffle = page.form.row_for(("training", "shuffle")).field_for(("training", "shuffle"))
    assert isinstance(shuffle, CheckField)
    assert shuffle.isChecked()
    shuffle.click()
    assert page.document.get(("training", "shuffle")) is False
    shuffle.click()
    assert "shuffle" not in page.document.value["training"]


def network(page: EditorPage) -> ListRow:
    row = page.form.row_for(("model", "network"))
    assert isinstance(row, ListRow)
    return row


def test_layers_are_moved_doubled_and_removed(edit: Edit, qtbot: QtBot) -> None:
    page = edit()
    rows = network(page).rows
    page.activateWindow()
    qtbot.waitUntil(page.isActiveWindow)
    rows[0].type_field.setFocus()
    qtbot.keyClick(rows[0].type_field, Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
    assert [layer["units"] for layer in page.document.get(("model", "network"))] == [1, 8]
    rows[1].copy_requested.emit()
    assert len(rows) == 3
    rows[0].removal_requested.emit()
    assert [layer["units"] for layer in page.document.get(("model", "network"))] == [8, 8]
    for _ in range(3):
        page.undo_action.trigger()
    assert page.document.value == DOCUMENT


def test_a_layer_that_is_added_begins_with_its_required_parameter_in_focus(edit: Edit, qtbot: QtBot) -> None:
    page = edit()
    page.activateWindow()
    network(page).add("dropout")
    assert page.document.get(("model", "network", 2)) == {"type": "dropout"}
    row = network(page).rows[2]
    assert "rate" in row.fields
    qtbot.keyClicks(row.fields["rate"], "0.5")
    assert page.document.get(("model", "network", 2, "rate")) == 0.5


def test_another_type_keeps_the_parameters_that_both_have(edit: Edit) -> None:
    page = edit()
    row = network(page).rows[0]
    row.type_field.edited.emit("simple_rnn")
    assert page.document.get(("model", "network", 0)) == {"type": "simple_rnn", "units": 8, "activation": "relu"}
    row.type_field.edited.emit("dropout")
    assert page.document.get(("model", "network", 0)) == {"type": "dropout"}


def test_all_parameters_are_one_click_away_and_made_only_then(edit: Edit) -> None:
    page = edit()
    row = network(page).rows[0]
    assert set(row.fields) == {"type", "units", "activation"}
    row.chevron.click()
    assert "kernel_initializer" in row.fields
    row.fields["use_bias"].click()
    assert page.document.get(("model", "network", 0, "use_bias")) is False
    row.chevron.click()
    assert set(row.fields) == {"type", "units", "activation", "use_bias"}


def test_an_optimizer_that_is_only_an_id_becomes_an_object_with_its_first_parameter(edit: Edit) -> None:
    page = edit()
    path = ("model", "compilation", "optimizer")
    row = page.form.row_for(path)
    assert isinstance(row, ComponentRow)
    row.show_all(True)
    row.fields["learning_rate"].edited.emit(0.01)
    assert page.document.get(path) == {"type": "adam", "learning_rate": 0.01}


def test_a_secret_is_not_readable_in_the_form(edit: Edit) -> None:
    page = edit(changed(tracking__trackers=[{"type": "comet_ml", "api_key": "abc"}]))
    field = page.form.row_for(("tracking", "trackers", 0)).field_for(("tracking", "trackers", 0, "api_key"))
    assert isinstance(field, TextField)
    assert field.echoMode() == QLineEdit.EchoMode.Password


def test_a_long_network_is_shown_in_parts_and_completely(edit: Edit, qtbot: QtBot) -> None:
    page = edit(changed(model__network=[{"type": "dense", "units": n + 1} for n in range(30)]))
    assert len(network(page).rows) < 30
    qtbot.waitUntil(lambda: len(network(page).rows) == 30)
    assert network(page).rows[29].fields["units"].text() == "30"


def test_unknown_keys_are_kept_and_named(edit: Edit) -> None:
    page = edit(changed(training__epoch=3))
    page.form.show_section("training")
    assert page.form.sections["training"].messages.isVisibleTo(page)
    field = page.form.row_for(("training", "epochs")).field_for(("training", "epochs"))
    field.edited.emit(9)
    assert page.document.get(("training", "epoch")) == 3

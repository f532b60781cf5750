"""Datasets and models by name, components within components, and what a form shows of several outputs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QLineEdit

from app.ui.editor.component_list import ListRow
from app.ui.editor.components import ComponentRow, NestedRow
from app.ui.editor.fields import PathField
from app.ui.editor.named_row import NamedRow
from app.ui.editor.page import EditorPage
from app.ui.editor.values import ABSENT
from tests.ui.editor.test_form import changed

Edit = Callable[..., EditorPage]
OPTIMIZER = ("model", "compilation", "optimizer")
CSV: dict[str, Any] = {"name": "csv", "parameters": {"path": "data.csv", "target": "y"}}


def named(page: EditorPage, section: str) -> NamedRow:
    row = page.form.row_for((section, "name"))
    assert isinstance(row, NamedRow)
    return row


def nested(page: EditorPage) -> NestedRow:
    row = page.form.row_for((*OPTIMIZER, "learning_rate"))
    assert isinstance(row, NestedRow)
    return row


def test_a_dataset_brings_the_fields_of_its_settings(edit: Edit) -> None:
    page = edit()
    row = named(page, "dataset")
    assert set(row.fields) == {"type"}
    row.type_field.edited.emit("csv")
    assert set(row.fields) == {"type", "path", "target"}
    row.fields["target"].edited.emit("price")
    assert page.document.get(("dataset", "parameters")) == {"target": "price"}
    row.chevron.click()
    row.fields["header"].click()
    assert page.document.get(("dataset", "parameters")) == {"target": "price", "header": False}


def test_another_dataset_keeps_the_settings_that_both_have_and_the_rest_of_the_section(edit: Edit) -> None:
    page = edit(changed(dataset={**CSV, "parameters": {**CSV["parameters"], "header": False}, "seed": 3}))
    named(page, "dataset").type_field.edited.emit("parquet")
    assert page.document.get(("dataset",)) == {
        "name": "parquet",
        "seed": 3,
        "parameters": {"path": "data.csv", "target": "y"},
    }
    page.undo_action.trigger()
    assert page.document.get(("dataset", "parameters", "header")) is False


def test_a_path_can_be_chosen(edit: Edit, tmp_path: Path) -> None:
    page = edit(changed(dataset=CSV))
    field = named(page, "dataset").fields["path"]
    assert isinstance(field, PathField)
    field.take(tmp_path / "other.csv")
    assert page.document.get(("dataset", "parameters", "path")) == str(tmp_path / "other.csv")
    assert field.text() == str(tmp_path / "other.csv")


def test_problems_of_settings_stand_at_their_fields(edit: Edit) -> None:
    page = edit(changed(dataset={"name": "csv", "parameters": {"path": "data.csv", "separatr": ";"}}))
    page.form.show_section("dataset")
    row = named(page, "dataset")
    assert row.fields["target"].property("problem") == "true"
    assert row.fields["separatr"].property("problem") == "true"
    assert page.form.go_to(("dataset", "parameters", "target"))


def test_a_model_by_name_brings_its_hyperparameters_and_none_is_the_network(edit: Edit) -> None:
    page = edit()
    row = named(page, "model")
    line = row.type_field.lineEdit()
    assert isinstance(line, QLineEdit)
    assert line.placeholderText() == "the network below"
    row.type_field.edited.emit("random_forest_regressor")
    row.chevron.click()
    row.fields["n_estimators"].edited.emit(50)
    assert page.document.get(("model", "hyperparameters")) == {"n_estimators": 50}
    assert page.form.row_for(("model", "hyperparameters", "n_estimators")) is row
    row.type_field.edited.emit(ABSENT)
    assert "name" not in page.document.value["model"]
    assert page.document.get(("model", "network", 0, "units")) == 8


def test_a_schedule_takes_the_place_of_a_learning_rate_and_goes_again(edit: Edit) -> None:
    page = edit(changed(model__compilation__optimizer={"type": "adam", "learning_rate": 0.01}))
    row = page.form.row_for(OPTIMIZER)
    assert isinstance(row, ComponentRow)
    row.fields["learning_rate"].edited.emit({"type": "cosine_decay"})
    assert "learning_rate" not in row.fields
    schedule = nested(page)
    assert set(schedule.fields) == {"type", "initial_learning_rate", "decay_steps"}
    schedule.fields["decay_steps"].edited.emit(500)
    assert page.document.get((*OPTIMIZER, "learning_rate")) == {"type": "cosine_decay", "decay_steps": 500}
    schedule.removal_requested.emit()
    assert page.document.get(OPTIMIZER) == {"type": "adam"}


def test_what_is_wrong_in_a_schedule_is_said_there(edit: Edit) -> None:
    page = edit(changed(model__compilation__optimizer={"type": "adam", "learning_rate": {"type": "cosine_decay"}}))
    assert nested(page).fields["decay_steps"].property("problem") == "true"
    assert page.form.go_to((*OPTIMIZER, "learning_rate", "decay_steps"))


def test_a_loss_with_settings_has_fields_for_them(edit: Edit) -> None:
    page = edit(changed(model__compilation__loss={"type": "huber", "delta": 2.0}))
    row = page.form.row_for(("model", "compilation", "loss"))
    assert row is not None
    row.fields["delta"].edited.emit(3.0)
    assert page.document.get(("model", "compilation", "loss")) == {"type": "huber", "delta": 3.0}


def test_what_differs_by_output_is_shown_and_kept(edit: Edit) -> None:
    metrics = {"price": ["mae"], "kind": ["accuracy"]}
    losses = {"price": "mse", "kind": {"type": "huber"}}
    compilation = {"optimizer": "adam", "loss": losses, "metrics": metrics}
    page = edit(changed(model__compilation=compilation, model__outputs=["price", "kind"]))
    row = page.form.row_for(("model", "compilation", "metrics"))
    assert isinstance(row, ListRow)
    assert row.add_button.isHidden()
    assert "price: mae" in row._by_output.text()
    loss = page.form.row_for(("model", "compilation", "loss"))
    assert loss is not None
    loss.fields["price"].edited.emit("mae")
    assert page.document.get(("model", "compilation")) == {**compilation, "loss": {**losses, "price": "mae"}}


def test_a_component_of_ones_own_elsewhere_keeps_its_settings(edit: Edit) -> None:
    own = {"type": "mine.layers:Gate", "size": 4}
    page = edit(changed(model__network=[own, {"type": "dense", "units": 1}]))
    row = page.form.row_for(("model", "network", 0))
    assert row is not None
    assert set(row.fields) == {"type", "size"}
    row.fields["size"].edited.emit(5)
    assert json.loads(page.json.text)["model"]["network"][0] == {"type": "mine.layers:Gate", "size": 5}

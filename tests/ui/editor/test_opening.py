"""Configs of older forms in the editor, components of one's own in the form, and the question of trust."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QDialog, QMessageBox, QPushButton, QTreeWidget
from pytestqt.qtbot import QtBot

from app.config.catalog import work_in
from app.config.settings import default_slots
from app.config.trust import distrust, is_trusted
from app.records.layout import ExecutionFolder
from app.ui.dialogs import ask_for_trust
from app.ui.editor.components import id_model
from app.ui.editor.files import NameDialog
from app.ui.editor.page import EditorPage
from app.ui.session import Session
from tests.config.test_conversion import ERA_E
from tests.ui.editor.test_form import changed

Edit = Callable[..., EditorPage]

SCALE = '''
class Scale:
    """Scale every value.

    Args:
        by: The factor.
    """
    def __init__(self, by: float = 2.0) -> None: ...
    def transform(self, X): ...
'''


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A config of the newest older form."""
    document: dict[str, Any] = json.loads(json.dumps(ERA_E))
    document["dataset"]["data_augmentors"] = [{"type": "zoom"}]
    path = tmp_path / "from_2019.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def own(session: Session) -> Iterator[None]:
    """A component of the workspace's own."""
    folder = session.workspace.root / "components"
    folder.mkdir(parents=True)
    (folder / "scale.py").write_text(SCALE)
    yield
    distrust(session.workspace.root)
    work_in(folder)


def test_an_older_form_is_opened_in_todays_as_an_unsaved_document(edit: Edit, old: Path, session: Session) -> None:
    before = old.read_text()
    page = edit(path=old)
    assert page.problems == []
    assert page.document.get(("model", "network", 0, "units")) == 16
    assert page.is_modified
    assert page.file.path is None
    assert page.title == "from_2019.json"
    assert page.address is None
    page.save()
    dialog = page.findChild(NameDialog)
    assert dialog is not None
    assert dialog.name.text() == "from_2019"
    dialog.save.click()
    assert not page.is_modified
    saved = session.experiments / "from_2019.json"
    assert json.loads(saved.read_text()) == page.document.value
    assert old.read_text() == before


def test_the_banner_says_what_could_not_be_carried_over_and_shows_every_change(edit: Edit, old: Path) -> None:
    page = edit(path=old)
    assert page.banner is not None
    assert "era E" in page.banner.text
    assert "dataset.data_augmentors.0" in page.banner.text
    next(found for found in page.banner.findChildren(QPushButton) if found.text() == "Show all").click()
    (table,) = page.findChildren(QTreeWidget)
    rows = [[table.topLevelItem(row).text(column) for column in range(3)] for row in range(table.topLevelItemCount())]
    assert rows[0][:2] == ["dataset.data_augmentors.0", "not carried over"]
    assert ["model.model.sequential", "model.network", "layers are the model's network"] in rows
    page.findChild(QDialog).reject()


def test_undo_brings_the_older_form_back(edit: Edit, old: Path) -> None:
    page = edit(path=old)
    page.undo_action.trigger()
    assert page.document.state.text == old.read_text()
    assert page.problems != [] or page.document.value == json.loads(old.read_text())


def test_the_config_of_an_older_run_is_converted_when_it_is_edited_as_new(edit: Edit) -> None:
    page = edit(dict(ERA_E), name="boston_housing.json")
    assert page.problems == []
    assert page.banner is not None
    assert page.title == "boston_housing.json"


def test_a_config_of_today_is_opened_without_a_word(edit: Edit, config: Path) -> None:
    page = edit(path=config)
    assert page.banner is None
    assert page.file.path == config
    assert not page.is_modified


@pytest.mark.usefixtures("own")
def test_a_component_of_the_workspace_is_in_the_form_with_its_parameters(edit: Edit) -> None:
    page = edit(changed(dataset__preprocessors=[{"type": "scale:Scale"}]))
    assert "scale:Scale" in id_model("preprocessor").stringList()
    assert page.problems == []
    page.form.show_section("dataset")
    path = ("dataset", "preprocessors", 0)
    field = page.form.row_for(path).field_for((*path, "by"))
    assert "The factor." in field.toolTip()


@pytest.mark.usefixtures("own")
def test_run_asks_once_whether_the_workspace_may_run_its_own_code(
    edit: Edit, qtbot: QtBot, session: Session, record: Callable[..., ExecutionFolder]
) -> None:
    for _ in range(default_slots()):
        record("running")  # no slot is free: what is submitted waits, and nothing trains
    page = edit(changed(dataset__preprocessors=[{"type": "scale:Scale"}], session={"python": sys.executable}))
    session.trust_requested.connect(lambda uses, run: ask_for_trust(page, session.workspace.root, uses, run))
    page.run_action.trigger()
    box = page.findChild(QMessageBox)
    assert box is not None
    assert "scale:Scale (components/scale.py)" in box.text()
    assert f"{sys.executable} (the program that is started to train), a Python" in box.text()
    box.button(QMessageBox.StandardButton.Cancel).click()
    assert not is_trusted(session.workspace.root)
    qtbot.waitUntil(lambda: page.findChild(QMessageBox) is None)
    page.run_action.trigger()
    with qtbot.waitSignal(session.submitted):
        next(each for each in page.findChild(QMessageBox).buttons() if each.text() == "Trust and run").click()
    assert is_trusted(session.workspace.root)
    qtbot.waitUntil(lambda: page.findChild(QMessageBox) is None)
    with qtbot.waitSignal(session.submitted):
        page.run_action.trigger()
    assert page.findChild(QMessageBox) is None

"""A field with names to choose from: completed while it is typed in, finished by Return."""

from __future__ import annotations

from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtWidgets import QAbstractItemView, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.config.catalog import load_catalog
from app.ui.editor.fields import ChoiceField

NAMES = ["nadam", "adam", "adamax", "rmsprop"]


@pytest.fixture
def home(qtbot: QtBot) -> QWidget:
    found = QWidget()
    qtbot.addWidget(found)
    return found


@pytest.fixture
def field(qtbot: QtBot, home: QWidget) -> ChoiceField:
    found = ChoiceField(QStringListModel(NAMES), "str")
    QVBoxLayout(home).addWidget(found)
    home.show()
    home.activateWindow()
    qtbot.waitUntil(home.isActiveWindow)
    found.setFocus()
    return found


def completions(field: ChoiceField, qtbot: QtBot) -> QAbstractItemView:
    completer = field.completer()
    assert completer is not None
    popup = completer.popup()
    assert popup is not None
    qtbot.waitUntil(popup.isVisible)
    return popup


def marked(popup: QAbstractItemView) -> str | None:
    found: str | None = popup.currentIndex().data()
    return found


@pytest.mark.parametrize(
    ("typed", "taken"), [("rms", "rmsprop"), ("adam", "adam"), ("ada", "adam"), ("ADAMA", "adamax"), ("n", "nadam")]
)
def test_return_takes_the_name_that_is_nearest(field: ChoiceField, qtbot: QtBot, typed: str, taken: str) -> None:
    told: list[Any] = []
    field.edited.connect(told.append)
    qtbot.keyClicks(field.lineEdit(), typed)
    popup = completions(field, qtbot)
    qtbot.waitUntil(lambda: marked(popup) == taken)
    assert field.currentText() == typed  # what is marked is not yet taken
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert not popup.isVisible()
    assert field.currentText() == taken
    assert told[-1] == taken


def test_escape_leaves_what_was_typed(field: ChoiceField, qtbot: QtBot) -> None:
    qtbot.keyClicks(field.lineEdit(), "rms")
    qtbot.keyClick(completions(field, qtbot), Qt.Key.Key_Escape)
    assert field.currentText() == "rms"


def test_what_no_name_has_in_it_is_taken_as_it_is(field: ChoiceField, qtbot: QtBot) -> None:
    told: list[Any] = []
    field.edited.connect(told.append)
    qtbot.keyClicks(field.lineEdit(), "mine:Own")
    qtbot.keyClick(field.lineEdit(), Qt.Key.Key_Return)
    assert told[-1] == "mine:Own"
    assert field.currentText() == "mine:Own"


@pytest.mark.parametrize(
    ("typed", "key", "reached"),
    [
        ("rms", Qt.Key.Key_Down, "rmsprop"),
        ("ada", Qt.Key.Key_Down, "adam"),
        ("adama", Qt.Key.Key_Down, "adamax"),
        ("ada", Qt.Key.Key_Up, "adamax"),
    ],
)
def test_the_first_arrow_key_reaches_what_is_marked(
    field: ChoiceField, qtbot: QtBot, typed: str, key: Qt.Key, reached: str
) -> None:
    qtbot.keyClicks(field.lineEdit(), typed)
    popup = completions(field, qtbot)
    qtbot.waitUntil(lambda: marked(popup) is not None)
    qtbot.keyClick(popup, key)
    assert field.currentText() == reached
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert field.currentText() == reached


def test_a_name_that_has_what_is_typed_within_is_not_taken_for_it(field: ChoiceField, qtbot: QtBot) -> None:
    qtbot.keyClicks(field.lineEdit(), "prop")
    popup = completions(field, qtbot)
    qtbot.wait(10)  # the mark would come with the next turn of the event loop
    assert marked(popup) is None
    qtbot.keyClick(popup, Qt.Key.Key_Return)
    assert field.currentText() == "prop"


def test_a_field_that_goes_while_it_is_typed_in_is_forgotten(
    field: ChoiceField, qtbot: QtBot, capfd: pytest.CaptureFixture[str]
) -> None:
    qtbot.keyClicks(field.lineEdit(), "rms")
    shiboken6.delete(field)
    qtbot.wait(10)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("kind", load_catalog().kinds)
def test_no_other_name_of_a_component_is_taken_for_another_component(kind: str) -> None:
    """What Return takes begins with what is typed: of all names that are valid no one may lead elsewhere."""
    catalog = load_catalog()
    ids = catalog.ids(kind)
    for id in ids:
        for alias in catalog.require(kind, id).aliases:
            begins = [each for each in ids if each.startswith(alias)]
            assert not begins or begins[0] == id or alias in ids, f"{alias} is {id}, but Return takes {begins[0]}"

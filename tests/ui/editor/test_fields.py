"""A field with names to choose from: completed while it is typed in, finished by Return."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtWidgets import QAbstractItemView
from pytestqt.qtbot import QtBot

from app.ui.editor.fields import ChoiceField

NAMES = ["nadam", "adam", "adamax", "rmsprop"]


@pytest.fixture
def field(qtbot: QtBot) -> ChoiceField:
    found = ChoiceField(QStringListModel(NAMES), "str")
    qtbot.addWidget(found)
    found.show()
    found.activateWindow()
    qtbot.waitUntil(found.isActiveWindow)
    found.setFocus()
    return found


def completions(field: ChoiceField, qtbot: QtBot) -> QAbstractItemView:
    completer = field.completer()
    assert completer is not None
    popup = completer.popup()
    qtbot.waitUntil(lambda: popup.isVisible() and popup.currentIndex().isValid())
    return popup


@pytest.mark.parametrize(
    ("typed", "taken"), [("rms", "rmsprop"), ("adam", "adam"), ("ada", "adam"), ("DAMA", "adamax"), ("n", "nadam")]
)
def test_return_takes_the_name_that_is_nearest(field: ChoiceField, qtbot: QtBot, typed: str, taken: str) -> None:
    told: list[Any] = []
    field.edited.connect(told.append)
    qtbot.keyClicks(field.lineEdit(), typed)
    popup = completions(field, qtbot)
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

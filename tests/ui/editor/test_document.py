from __future__ import annotations

import json

import pytest
from pytestqt.qtbot import QtBot

from app.ui.editor.document import ConfigDocument
from app.ui.editor.values import ABSENT

TEXT = '{\n  "b": {"x": 1, "y": 2}, // kept\n  "a": [1, 2, 3]\n}\n'


@pytest.fixture
def document(qtbot: QtBot) -> ConfigDocument:
    return ConfigDocument(TEXT)


def test_every_edit_can_be_undone_to_the_letter(document: ConfigDocument) -> None:
    document.set(("b", "x"), 5)
    document.set(("b", "y"), ABSENT)
    document.insert(("a",), 1, 9)
    document.move(("a",), 0, 2)
    document.remove(("a",), 0)
    assert document.value == {"b": {"x": 5}, "a": [2, 1, 3]}
    assert json.loads(document.state.text.replace("// kept", "")) == document.value
    for _ in range(5):
        document.stack.undo()
    assert document.state.text == TEXT
    assert document.value == {"b": {"x": 1, "y": 2}, "a": [1, 2, 3]}


def test_key_order_and_comments_survive_an_edit(document: ConfigDocument) -> None:
    document.set(("b", "x"), 7)
    assert document.state.text == TEXT.replace('"x": 1', '"x": 7')
    assert list(document.value) == ["b", "a"]


def test_typing_in_one_field_is_one_step_of_the_history(document: ConfigDocument) -> None:
    for value in (1, 12, 128):
        document.set(("b", "x"), value, typing=True)
    document.pause()
    document.set(("b", "x"), 1280, typing=True)
    assert document.stack.count() == 2
    document.stack.undo()
    assert document.get(("b", "x")) == 128


def test_typing_back_to_what_it_was_leaves_no_step(document: ConfigDocument) -> None:
    document.set(("b", "x"), 12, typing=True)
    document.set(("b", "x"), 1, typing=True)
    assert document.stack.count() == 0


def test_objects_on_the_way_to_a_key_are_made(document: ConfigDocument) -> None:
    document.set(("session", "options", "num_cores"), 2)
    assert document.get(("session",)) == {"options": {"num_cores": 2}}


def test_a_broken_text_is_kept_and_the_value_stays_what_it_was(document: ConfigDocument) -> None:
    document.write('{"a": [1,, 2]}')
    assert document.state.problem is not None
    assert "line 1, column" in document.state.problem.message
    assert document.get(("b", "x")) == 1
    document.stack.undo()
    assert document.state.problem is None
    assert document.state.text == TEXT


def test_an_edit_after_a_broken_text_writes_the_last_good_value(document: ConfigDocument) -> None:
    document.write("{")
    document.set(("b", "x"), 3)
    assert json.loads(document.state.text) == {"b": {"x": 3, "y": 2}, "a": [1, 2, 3]}


def test_true_and_one_are_two_values(document: ConfigDocument) -> None:
    document.set(("b", "x"), True)
    assert document.get(("b", "x")) is True

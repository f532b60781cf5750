"""The text beside the form: colours, and where cursor and view are after an edit."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.ui.editor.document import ConfigDocument
from app.ui.editor.json_pane import JsonPane
from app.ui.theme import tokens

MakePane = Callable[[str], JsonPane]

TEXT = """{
  "a": {"name": "say \\"hi\\": 1", "n": [0.6, -2e-3, 0.2], "is": true, "\N{GRINNING FACE}": null},
  /* a "comment": 1
     of two lines */ "b": "it is no comment // here" // "this": 2
}
"""


def coloured(pane: JsonPane, colour: str) -> list[str]:
    """Return the parts of the text that have a colour."""
    found = []
    block = pane.edit.document().begin()
    while block.isValid():
        units = block.text().encode("utf-16-le")
        for part in block.layout().formats():
            if part.format.foreground().color().name() == colour.lower():  # type: ignore[attr-defined]
                text = units[2 * part.start : 2 * (part.start + part.length)]  # type: ignore[attr-defined]
                found.append(text.decode("utf-16-le"))
        block = block.next()
    return found


@pytest.fixture
def make_pane(qtbot: QtBot) -> Callable[[str], JsonPane]:
    """Return a function that shows a text beside no form."""
    parent = QWidget()
    parent.resize(400, 400)
    qtbot.addWidget(parent)

    def make(text: str) -> JsonPane:
        pane = JsonPane(ConfigDocument(text, parent), parent)
        pane.resize(400, 400)
        parent.show()
        return pane

    return make


def test_keys_texts_numbers_and_comments_have_each_their_colour(make_pane: MakePane) -> None:
    pane = make_pane(TEXT)
    colours = tokens()
    keys = ['"a"', '"name"', '"n"', '"is"', '"\N{GRINNING FACE}"', '"b"']
    assert coloured(pane, colours.accent_text) == keys
    assert coloured(pane, colours.state("finished").ink) == ['"say \\"hi\\": 1"', '"it is no comment // here"']
    assert coloured(pane, colours.series[1]) == ["0.6", "-2e-3", "0.2", "true", "null"]
    comments = [part.strip() for part in coloured(pane, colours.text3)]
    assert comments == ['/* a "comment": 1', "of two lines */", '// "this": 2']


def place(pane: JsonPane, text: str) -> None:
    """Put the cursor behind a text."""
    cursor = pane.edit.textCursor()
    cursor.setPosition(pane.text.index(text) + len(text))
    pane.edit.setTextCursor(cursor)


def before_cursor(pane: JsonPane) -> str:
    return pane.text[: pane.edit.textCursor().position()]


def test_the_cursor_stays_at_its_text_when_the_form_or_undo_changes_what_is_before_it(make_pane: MakePane) -> None:
    pane = make_pane('{\n  "a": 1,\n  "last": true\n}\n')
    place(pane, '"la')
    pane._document.set(("a",), 1234567)
    assert before_cursor(pane).endswith('"la')
    pane._document.stack.undo()
    assert before_cursor(pane).endswith('"la')


def test_a_new_line_is_indented_as_the_one_before_and_more_within_brackets(qtbot: QtBot, make_pane: MakePane) -> None:
    pane = make_pane('{\n  "a": {},\n  "b": 1\n}\n')
    place(pane, '"a": {')
    qtbot.keyClick(pane.edit, Qt.Key.Key_Return)
    assert pane.text.startswith('{\n  "a": {\n    \n  },\n')
    assert before_cursor(pane).endswith("{\n    ")
    place(pane, '"b": 1')
    qtbot.keyClick(pane.edit, Qt.Key.Key_Return)
    assert pane.text.endswith('"b": 1\n  \n}\n')


def test_the_beginnings_of_lines_stay_in_view_when_a_field_is_marked(make_pane: MakePane) -> None:
    pane = make_pane('{"network": [1, 2, 3], "name": "' + "long " * 60 + '", "epochs": 3}')
    pane.show_path(("epochs",))
    assert pane.edit.horizontalScrollBar().maximum() > 0
    assert pane.edit.horizontalScrollBar().value() == 0

from __future__ import annotations

import json

import pytest

from app.resources import resource
from app.ui.editor import json_text
from app.ui.editor.values import ABSENT, parse, same, show

TEXT = """{
  // What is trained
  "model": {"network": [{"type": "dense", "units": 8}]}, /* a "tricky" one: */
  "name": "a \\"b\\" // c",
  "epochs": 3
}
"""


def test_a_value_is_replaced_without_touching_comments_and_line_breaks() -> None:
    changed = json_text.replace(TEXT, ("model", "network", 0, "units"), 512)
    assert changed == TEXT.replace("8", "512")


def test_every_path_is_found_where_its_value_stands() -> None:
    spans = json_text.spans(TEXT)
    start, end = spans["name",]
    assert TEXT[start:end] == '"a \\"b\\" // c"'
    assert set(spans) >= {(), ("model", "network", 0, "type"), ("epochs",)}


def test_what_is_written_reads_back_and_short_objects_stand_on_one_line() -> None:
    document = json.loads(resource("experiments", "boston_housing.json").read_text(encoding="utf-8"))
    text = json_text.render(document)
    assert json.loads(text) == document
    assert '{"type": "dense", "units": 512, "activation": "relu"}' in text


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [
        ("", "int", ABSENT),
        ("12", "int", 12),
        ("1e-4", "float", 1e-4),
        (".5", "float", 0.5),
        ("12", "str|null", "12"),
        ("3, 3", "int[2]", [3, 3]),
        ("[13]", "int[]|null", [13]),
        ("a, b", "dict|str[]", ["a", "b"]),
        ("null", "float|null", None),
        ("abc", "int", "abc"),
        ('{"type": "l2"}', "regularizer|null", {"type": "l2"}),
        ("NaN", "float", "NaN"),
    ],
)
def test_what_is_typed_becomes_the_value_that_is_meant(text: str, type_: str, value: object) -> None:
    assert same(parse(text, type_), value)


@pytest.mark.parametrize(
    ("value", "type_"),
    [
        ("two\nlines", "str"),
        ("", "str|null"),
        ("12", "any"),
        (["a,b", "c"], "dict|str[]"),
        ([], "dict|str[]"),
        (None, "float|null"),
        (" padded ", "str"),
        (1.0, "float"),
        (True, "any"),
    ],
)
def test_what_is_shown_means_the_value_that_it_shows(value: object, type_: str) -> None:
    assert same(parse(show(value, type_), type_), value)

from __future__ import annotations

from pathlib import Path

import pytest

from app.config.documents import read_document
from app.config.problems import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.json"


def message_for(file: Path, content: str | bytes) -> str:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        read_document(file)
    assert caught.value.source == str(file)
    return str(caught.value)


def test_comments_are_no_part_of_a_document_and_texts_that_look_like_them_are(file: Path) -> None:
    file.write_text('// a\n{"url": "http://x", /* b\n */ "c": "/* d */" // e\n}\n', encoding="utf-8")
    assert read_document(file) == {"url": "http://x", "c": "/* d */"}


def test_a_byte_order_mark_does_no_harm(file: Path) -> None:
    file.write_bytes('\ufeff{"name": "é"}'.encode())
    assert read_document(file) == {"name": "é"}


def test_an_error_after_a_comment_names_the_line_and_column_of_the_file(file: Path) -> None:
    assert "line 3, column 12" in message_for(file, '/* one\n two */ {"a": 1,\n  /**/ "b" 2}')


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("{'a': 1}", "texts take double quotes"),
        ('{"a": True}', "true"),
        ('{"a": None}', "null"),
        ('{"a": 1,}', "no comma after the last item"),
        ('{"a": [1,]}', "no comma after the last item"),
        ('{"a": [1,,2]}', "no comma after the last item"),
        ("# note\n{}", "comments start with //"),
        ('{"a": 1 /* open', "a comment that starts with /* ends with */"),
        ("", "the file is empty"),
        ("  // nothing\n", "the file is empty"),
        ("[1]", "it holds a list"),
        ("null", "it holds null"),
        ('{"a": ' + "9" * 5000 + "}", "it is not JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_explained(file: Path, content: str, hint: str) -> None:
    assert hint in message_for(file, content)


def test_a_key_that_is_there_twice_is_named_by_its_path(file: Path) -> None:
    assert "model.0.units: the key is there twice" in message_for(file, '{"model": [{"units": 1, "units": 2}]}')


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_json_does_not_have_is_named_by_its_path(file: Path, number: str) -> None:
    assert "a.1: JSON has no NaN" in message_for(file, f'{{"a": [1, {number}]}}')


def test_text_that_is_no_utf8_is_refused(file: Path) -> None:
    assert "byte 7 is not UTF-8" in message_for(file, b'{"a": "\xff"}')


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        read_document(tmp_path / "absent.json")


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_document(tmp_path)

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.sources.json_text import parse_json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
)


@given(values)
def test_json_reads_as_the_standard_library_reads_it(value: object) -> None:
    for data in (json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")):
        try:
            expected = json.loads(data)
        except ValueError:
            with pytest.raises(ValueError):  # noqa: PT011 - whatever the standard library says
                parse_json(data)
        else:
            assert repr(parse_json(data)) == repr(expected)


numbers = st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


@given(numbers)
def test_every_number_is_read_to_its_last_bit(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    if expected is not None:
        assert repr(parse_json(text.encode())) == repr(expected)


@given(st.binary(max_size=40) | st.text('[]{}",:0123456789.eE+-\\untrfalsNI y ', max_size=40).map(str.encode))
def test_what_is_no_json_is_an_error_of_value(data: bytes) -> None:
    try:
        expected = repr(json.loads(data))
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the standard library says
            parse_json(data)
    else:
        assert repr(parse_json(data)) == expected


def test_what_is_nested_too_deeply_is_an_error_of_value_too() -> None:
    assert parse_json(b"[" * 500 + b"]" * 500) == json.loads("[" * 500 + "]" * 500)
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(b'{"a":' * 100_000)

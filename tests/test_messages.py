from __future__ import annotations

import json
import math
import struct
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.messages import (
    POINT,
    Began,
    Ended,
    Fact,
    Heard,
    Job,
    Message,
    MessageError,
    Note,
    Ready,
    Stop,
    decode,
    encode,
)

EXAMPLES: list[Message] = [
    Ready(pid=5, create_time=1.5, versions={"keras": "3.15"}, gpus=["GPU"]),
    Job("/run", "/workspace", "/home", ["trackside", "train ü"], ["keeper", "--adopt"], []),
    Stop(command="c1", by="the command line"),
    Note(
        event={"kind": "note", "time": 1.0, "deep": [None, {"a": True}]}, level="INFO", component="Keeper", message="x"
    ),
    Heard(command="c0ffee"),
    Began(),
    Fact(event={"kind": "epoch_end", "time": 2.0, "epoch": 3}),
    Ended(time=7, state="failed", reason=None, message="line\nline \ud800"),
]

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_there_is_an_example_of_every_kind() -> None:
    assert {type(message) for message in EXAMPLES} == set(typing.get_args(Message))


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.kind)
def test_a_message_comes_back_as_it_was_sent(message: Message) -> None:
    frame = encode(message)
    assert b"\n" not in frame
    assert decode(frame) == message


def test_numbers_that_are_not_finite_travel() -> None:
    fact = decode(encode(Fact({"kind": "note", "value": math.nan, "other": -math.inf})))
    assert isinstance(fact, Fact)
    assert math.isnan(fact.event["value"])
    assert fact.event["other"] == -math.inf


@given(st.binary())
def test_garbage_is_no_message(frame: bytes) -> None:
    with pytest.raises(MessageError, match="not a message"):
        decode(frame)


@given(JSON)
def test_other_json_is_no_message(value: object) -> None:
    with pytest.raises(MessageError):
        decode(json.dumps(value).encode())


@given(st.sampled_from(EXAMPLES), st.data())
def test_a_field_of_another_type_is_no_message(message: Message, data: st.DataObject) -> None:
    fields = json.loads(encode(message))
    name = data.draw(st.sampled_from(sorted(fields)))
    fields[name] = data.draw(JSON)
    try:
        decoded = decode(json.dumps(fields).encode())
    except MessageError:
        return
    hint = typing.get_type_hints(type(decoded))[name]
    kinds = {float: int | float, str | None: str | None}
    assert isinstance(getattr(decoded, name), kinds.get(hint, typing.get_origin(hint) or hint))


@pytest.mark.parametrize(
    "frame",
    [
        b'{"kind": "stop", "command": "c"}',
        b'{"kind": "stop", "command": "c", "by": "me", "more": 1}',
        b'{"kind": "stop", "command": "c", "by": null}',
        b'{"kind": "fact", "event": [1]}',
        b'{"kind": "ready", "pid": true, "create_time": 1.0, "versions": {}}',
        b'{"kind": "ready", "pid": 1, "create_time": 1.0, "versions": {"keras": 3}}',
        b'{"kind": "job", "folder": "", "workspace": "", "cwd": "", "command": [1], "respawn": [], "settle": []}',
        b'{"kind": "unknown"}',
        b'{"kind": ["stop"]}',
        b"[" * 100_000,
    ],
)
def test_what_is_almost_a_message_is_none(frame: bytes) -> None:
    with pytest.raises(MessageError, match="not a message"):
        decode(frame)


def test_a_point_has_the_layout_of_a_row_on_disk() -> None:
    assert POINT.pack(1, 2.0, 3.0) == struct.pack("<q", 1) + struct.pack("<d", 2.0) + struct.pack("<d", 3.0)

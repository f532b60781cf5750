from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.files import (
    MissingFileError,
    RecordError,
    is_disk_full,
    number,
    overwrite_file,
    read_bytes,
    read_json,
    replace_file,
    sync_file,
    to_json,
)

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


def test_a_file_is_replaced_whole_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    replace_file(path, b"first")
    replace_file(path, b"second", sync=True)
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["status.json"]


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, no_space_beside: Callable[[Path], None]
) -> None:
    path = tmp_path / "metrics.json"
    replace_file(path, b"old")
    no_space_beside(path)
    waiting = len(os.listdir(tmp_path))
    with pytest.raises(OSError, match=r"metrics\.json'$") as raised:
        replace_file(path, b"new")
    assert is_disk_full(raised.value)
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == waiting - 1


def test_a_file_that_cannot_be_replaced_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match=r"taken'$"):
        replace_file(tmp_path / "taken", b"new")
    assert os.listdir(tmp_path) == ["taken"]


def test_a_reader_never_sees_half_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    replace_file(path, b"0" * 100_000)
    program = (
        "import sys, pathlib; from app.records.files import replace_file\n"
        "while True:\n"
        "    for digit in b'0', b'1': replace_file(pathlib.Path(sys.argv[1]), digit * 100_000)"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, path], cwd=Path(__file__).parents[2])
    try:
        seen: set[bytes] = set()
        while len(seen) < 2:
            assert writer.poll() is None
            content = path.read_bytes()
            assert len(content) == 100_000
            assert len(set(content)) == 1
            seen.add(content[:1])
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()


def test_a_file_is_written_over_in_place(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_bytes(b"a long content")
    before = path.stat().st_ino
    overwrite_file(path, b"short")
    assert path.read_bytes() == b"short"
    assert path.stat().st_ino == before


def test_writing_over_a_full_disk_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"full'$"):
        overwrite_file(tmp_path / "full", b"x")


def test_waiting_for_a_missing_file_to_be_on_the_disk_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"events\.jsonl"):
        sync_file(tmp_path / "events.jsonl")


@given(VALUES)
def test_what_is_written_is_json_for_every_parser(value: object) -> None:
    def forbidden(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    json.loads(to_json(value).decode("utf-8"), parse_constant=forbidden)


@given(st.floats())
def test_a_number_comes_back_as_it_was_written(value: float) -> None:
    found = number(json.loads(to_json(value)))
    assert found is not None
    assert found == value or (math.isnan(found) and math.isnan(value))


def test_numbers_of_numpy_are_numbers() -> None:
    value = {"a": np.float32(0.5), "b": np.int64(3), "c": [np.float64("nan")]}
    assert json.loads(to_json(value)) == {"a": 0.5, "b": 3, "c": ["NaN"]}


@pytest.mark.parametrize("value", [True, None, "12", "nan", [], {}, 10**400])
def test_what_is_no_number_is_none(value: object) -> None:
    assert number(value) is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xff", b"[" * 100_000, b'{"a": 1} x'])
def test_a_file_that_is_no_json_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"metrics\.json: not valid JSON"):
        read_json(path)


def test_a_missing_file_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"status\.json: the file is missing"):
        read_json(tmp_path / "status.json")
    with pytest.raises(RecordError, match=f"{tmp_path}: Is a directory"):
        read_json(tmp_path)


def test_a_file_that_is_too_large_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(RecordError, match=r"metrics\.json: 5 bytes are more than the 4"):
        read_bytes(path, 4)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "status.json")
    with pytest.raises(RecordError, match="not a regular file"):
        read_json(tmp_path / "status.json")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no such file system here")
def test_a_file_that_does_not_tell_its_size_is_read_whole() -> None:
    assert b"VmSize" in read_bytes(Path("/proc/self/status"))

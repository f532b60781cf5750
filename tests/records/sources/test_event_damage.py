from __future__ import annotations

import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from app.records.sources.crc32c import checksum
from app.records.sources.event_file import EventFile, read_together
from tests.records.sources.conftest import EventLogdir
from tests.records.sources.event_logs import (
    NAME,
    append,
    bits,
    ends_of_records,
    intact_points,
    read,
    scalar_event,
    steps,
    write,
)


def test_a_wrong_checksum_costs_its_record_alone_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / NAME
    events = [scalar_event("loss", float(step), step) for step in range(100)]
    write(path, events)
    data = bytearray(path.read_bytes())
    starts = [0, *ends_of_records(data)]
    data[starts[40] + 20] ^= 0x10  # its data
    data[starts[60] + 3] ^= 0x10  # its length
    data[starts[80] - 2] ^= 0x10  # the checksum of the data before
    path.write_bytes(data)
    file = read(path)
    assert steps(file, "loss") == [step for step in range(100) if step not in (40, 60, 79)]
    assert sorted((each.offset, each.size) for each in file.contents.damages) == [
        (starts[step], starts[step + 1] - starts[step]) for step in (40, 60, 79)
    ]


def test_damage_across_blocks_is_one_stretch(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / NAME
    write(path, [scalar_event("loss", 1.0, step) for step in range(50)])
    first = path.stat().st_size
    append(path, b"\0" * 5000 + b"\xff" * 777)
    write(path, [scalar_event("loss", 1.0, step) for step in range(50, 100)], "ab")
    for size in (64, 256, 1000, 1 << 20):
        monkeypatch.setattr("app.records.sources.event_file._BLOCK", size)
        file = read(path)
        assert steps(file, "loss") == list(range(100))
        assert [(each.offset, each.size) for each in file.contents.damages] == [(first, 5777)]


def test_a_length_that_is_absurd_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / NAME
    write(path, [scalar_event("loss", 1.0, 1)])
    size = path.stat().st_size
    for length in (2**62, 2**40, 2**63 + 5, 2**24):
        header = struct.pack("<Q", length)
        append(path, header + struct.pack("<I", checksum(header)) + b"data")
        file = read(path)
        assert steps(file, "loss") == [1]
        assert (file.contents.end, file.rest) == (size, path.stat().st_size - size)
        with open(path, "r+b") as opened:
            opened.truncate(size)


def test_an_empty_file_and_one_that_holds_no_events_are_read_as_nothing(tmp_path: Path) -> None:
    for content, rest in ((b"", 0), (b"abc", 3), (b"no event file at all" * 1000, 20_000), (bytes(100_000), 100_000)):
        (tmp_path / NAME).write_bytes(content)
        file = read(tmp_path / NAME)
        assert not file.contents.series
        assert file.rest == rest


def test_a_record_with_right_checksums_that_is_no_event_is_named(tmp_path: Path) -> None:
    path = tmp_path / NAME
    write(path, [scalar_event("loss", 1.0, 1), b"\xff\xff\xff", b"", scalar_event("loss", 1.0, 2)])
    file = read(path)
    assert steps(file, "loss") == [1, 2]
    assert [each.fault.partition(" (")[0] for each in file.contents.damages] == ["is no event"]


def test_names_that_are_no_text_are_shown_as_well_as_they_can_be(tmp_path: Path) -> None:
    event = scalar_event("losses", 1.0, 1).replace(b"losses", b"lo\xff\xfees")
    write(tmp_path / NAME, [event] * 20)
    assert list(read(tmp_path / NAME).contents.series) == ["lo��es"]


@pytest.fixture(scope="module")
def mixed(event_logdir: EventLogdir) -> bytes:
    """A short file with records of every kind."""
    return b"".join(path.read_bytes()[:6000] for path in sorted((event_logdir.path / "tf1").iterdir())[:1]) + b"".join(
        path.read_bytes()[:4000] for path in sorted((event_logdir.path / "tf2/train").iterdir())
    )


@settings(max_examples=150)
@given(data=st.data())
def test_whatever_happens_to_a_file_it_is_read_without_failing(
    mixed: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    changed = bytearray(mixed[: data.draw(st.integers(0, len(mixed)))])
    flips = data.draw(st.lists(st.integers(0, max(0, len(changed) - 1)), max_size=8))
    for place in flips if changed else ():
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
    folder = tmp_path_factory.mktemp("damaged")
    (folder / NAME).write_bytes(changed)
    (folder / "whole").write_bytes(mixed)
    try:
        found, whole = intact_points(read(folder / NAME)), intact_points(read(folder / "whole"))
    finally:
        shutil.rmtree(folder)
    assert not found - whole, "every record has two checksums, so nothing wrong is ever read"
    lost = sum((whole - found).values())
    if len(changed) == len(mixed):
        assert lost <= 9 * len(flips), "a flipped bit costs its own record and the one before at most"


def test_an_error_of_the_disk_leaves_nothing_half_read(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / NAME
    text = Summary.Value(tag="note", tensor={"dtype": "DT_STRING", "string_val": [b"x"]})
    note = Event(wall_time=1.7e9, step=7, summary=Summary(value=[text])).SerializeToString()
    write(path, [note, *(scalar_event("loss", 1.0, step) for step in range(100))])
    file = EventFile(path)

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("app.records.sources.event_contents.Gatherer.finish", fail)
        with pytest.raises(OSError, match="Input/output"):
            file.update()
    assert file.update()
    assert steps(file, "loss") == list(range(100))
    assert len(file.contents.media) == 1


def test_a_file_that_claims_the_one_that_is_read_after_it_does_not_get_it(tmp_path: Path) -> None:
    write(tmp_path / "b", [scalar_event("loss", step, step) for step in range(20)])
    claimed = struct.pack("<Q", 9 + (tmp_path / "b").stat().st_size - 4)
    (tmp_path / "a").write_bytes(claimed + struct.pack("<I", checksum(claimed)) + b"\x09" + bytes(8))
    files = [EventFile(tmp_path / name) for name in "ab"]
    read_together(files)
    for file in files:
        file.update()
    assert [len(file.contents.series) for file in files] == [0, 1]


@pytest.fixture(scope="module")
def payloads(event_logdir: EventLogdir) -> list[bytes]:
    """Records of every kind."""
    found: dict[int, bytes] = {}
    for path in sorted(event_logdir.path.rglob("*tfevents*")):
        data, at = path.read_bytes(), 0
        for end in ends_of_records(data):
            found.setdefault(end - at, data[at + 12 : end - 4])
            at = end
    return [payload for payload in found.values() if len(payload) < 2000]


@settings(max_examples=200)
@given(data=st.data())
def test_records_taken_many_at_once_hold_what_they_hold_one_by_one(
    payloads: list[bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    records = []
    for payload in data.draw(st.lists(st.sampled_from(payloads), min_size=1, max_size=3)):
        changes = st.lists(st.tuples(st.integers(0, len(payload) - 1), st.integers(0, 255)), max_size=3)
        for change in data.draw(st.lists(changes, min_size=1, max_size=4)):
            changed = bytearray(payload)
            for place, byte in change:
                changed[place] = byte
            records += [bytes(changed)] * data.draw(st.integers(1, 12))
    path = tmp_path_factory.mktemp("records") / NAME
    write(path, data.draw(st.permutations(records)))
    with pytest.MonkeyPatch.context() as patch:
        many = read(path)
        patch.setattr("app.records.sources.event_contents.FEWEST_ROWS", 10**9)
        single = read(path)
    shutil.rmtree(path.parent)
    assert list(many.contents.series) == list(single.contents.series)
    assert intact_points(many) == intact_points(single)
    for tag in single.contents.series:
        assert bits(many.contents.points(tag)) == bits(single.contents.points(tag))
    assert many.contents.media == single.contents.media
    assert many.contents.damages == single.contents.damages
    assert many.contents.session == single.contents.session

from __future__ import annotations

import hashlib
import os
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from app.records.sources.event_file import EventFile, read_together
from app.records.sources.event_folder import EventFolder
from app.records.sources.event_tensors import read_table
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


def read_folder(path: Path) -> EventFolder:
    folder = EventFolder(path)
    folder.look()
    folder.read_on()
    return folder


RUNS = ["pytorch/run", "pytorch/run/1700000000.5", "tensors", "many_tags", "tf2/train", "tf1"]


@pytest.mark.parametrize("run", RUNS)
def test_every_scalar_is_what_tensorboard_reads_bit_for_bit(event_logdir: EventLogdir, run: str) -> None:
    assert sorted(RUNS) == sorted(event_logdir.expected)
    folder = read_folder(event_logdir.path / run)
    expected = event_logdir.expected[run]["scalars"]
    assert set(folder.tags) == set(expected)
    for tag, points in expected.items():
        wanted = [(step, struct.pack("<d", time), struct.pack("<d", value)) for step, time, value in points]
        assert bits(folder.points(tag)) == wanted, tag
    assert list(folder.problems()) == []


@pytest.mark.parametrize("run", RUNS)
def test_every_medium_is_found_where_its_bytes_are(event_logdir: EventLogdir, run: str) -> None:
    folder = read_folder(event_logdir.path / run)
    found: dict[str, list[list[Any]]] = {}
    for medium in folder.media:
        assert medium.offset is not None
        assert medium.size is not None
        content = medium.path.read_bytes()[medium.offset : medium.offset + medium.size]
        if medium.kind in ("histogram", "table"):
            content = read_table(content).tobytes()
        found.setdefault(medium.name, []).append([medium.step, hashlib.sha1(content).hexdigest()])
    assert found == event_logdir.expected[run]["media"]


def test_kinds_of_media_are_told_by_plugin_and_type(event_logdir: EventLogdir) -> None:
    tf2 = Counter((medium.kind, medium.name) for medium in read_folder(event_logdir.path / "tf2/train").media)
    assert tf2 == {("image", "pictures"): 6, ("histogram", "weights"): 3, ("text", "words"): 6, ("audio", "sound"): 6}
    tf1 = Counter(medium.kind for medium in read_folder(event_logdir.path / "tf1").media)
    assert tf1 == {"image": 8, "histogram": 8}
    pytorch = {medium.name: medium.kind for medium in read_folder(event_logdir.path / "pytorch/run").media}
    assert pytorch == {"note/text_summary": "text", "pr": "table"}


def test_files_read_together_hold_what_they_hold_alone(event_logdir: EventLogdir) -> None:
    paths = sorted(event_logdir.path.rglob("*tfevents*"))
    together = [EventFile(path) for path in paths]
    read_together(together)
    assert all(file.state is not None for file in together)
    assert not any(file.update() for file in together)
    for path, file in zip(paths, together, strict=True):
        alone = read(path)
        assert list(file.contents.series) == list(alone.contents.series)
        for tag in alone.contents.series:
            assert bits(file.contents.points(tag)) == bits(alone.contents.points(tag))
        assert file.contents.media == alone.contents.media
        assert file.contents.session == alone.contents.session
        assert (file.contents.end, file.rest, file.state) == (alone.contents.end, 0, alone.state)


def test_a_damaged_file_among_others_spoils_none_of_them(tmp_path: Path) -> None:
    for name in "abc":
        write(tmp_path / name, [scalar_event("loss", step, step) for step in range(20)])
    damaged = bytearray((tmp_path / "b").read_bytes())
    damaged[100] ^= 1
    (tmp_path / "b").write_bytes(damaged)
    files = [EventFile(tmp_path / name) for name in ("a", "missing", "b", "c")]
    read_together(files)
    for file in files:
        if file.path.exists():
            file.update()
    assert [len(file.contents.points("loss")) for file in files if file.path.exists()] == [20, 19, 20]


def test_only_what_was_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / NAME
    write(path, [scalar_event("loss", 1.0, step) for step in range(30)])
    file = read(path)
    before = file.contents
    assert not file.update()
    write(path, [scalar_event("loss", 2.0, 30), scalar_event("acc", 0.5, 30)], "ab")
    assert file.update()
    assert file.contents is before
    assert steps(file, "loss") == list(range(31))
    assert steps(file, "acc") == [30]


def test_a_record_that_is_half_written_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / NAME
    write(path, [scalar_event("loss", float(step), step) for step in range(3)])
    whole = path.read_bytes()
    ends = ends_of_records(whole)
    path.write_bytes(b"")
    file = EventFile(path)
    for size in range(1, len(whole) + 1):
        append(path, whole[size - 1 : size])
        file.update()
        told = steps(file, "loss") if "loss" in file.contents.series else []
        assert told == [step for step, end in enumerate(ends) if end <= size]
        assert file.contents.damage_count == 0
        assert file.rest == size - max([0, *(end for end in ends if end <= size)])


def test_a_file_that_was_replaced_or_cut_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / NAME
    write(path, [scalar_event("loss", 1.0, step) for step in range(20)])
    file = read(path)
    write(path, [scalar_event("loss", 2.0, step) for step in range(100, 160)])  # the same inode, longer
    file.update()
    assert steps(file, "loss") == list(range(100, 160))
    write(path, [scalar_event("loss", 2.0, step) for step in range(5)])
    file.update()
    assert steps(file, "loss") == list(range(5))
    other = tmp_path / "other"
    write(other, [scalar_event("loss", 3.0, step) for step in range(50, 90)])
    os.replace(other, path)
    file.update()
    assert steps(file, "loss") == list(range(50, 90))


def test_numbers_lie_across_blocks_and_records_larger_than_a_block(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / NAME
    text = Summary.Value(tag="long", tensor={"dtype": "DT_STRING", "string_val": [b"x" * 5_000]})
    long = Event(wall_time=1.7e9, step=7, summary=Summary(value=[text])).SerializeToString()
    events = [scalar_event(f"tag{step % 3}", step / 3, step) for step in range(300)]
    write(path, [*events[:100], long, *events[100:]])
    whole = read(path)
    for size in (12, 13, 100, 4096):
        monkeypatch.setattr("app.records.sources.event_file._BLOCK", size)
        piece = read(path)
        assert piece.rest == 0
        assert piece.contents.media == whole.contents.media
        for tag in whole.contents.series:
            assert bits(piece.contents.points(tag)) == bits(whole.contents.points(tag))


def test_very_many_tags_of_one_length_are_told_apart(tmp_path: Path) -> None:
    names = [f"layer_{number:05}" for number in range(0, 100_000, 33)]
    write(tmp_path / NAME, [scalar_event(name, float(step), step) for step, name in enumerate(names)])
    file = read(tmp_path / NAME)
    assert list(file.contents.series) == names
    assert [steps(file, name) for name in names] == [[step] for step in range(len(names))]


def test_records_of_one_length_and_many_forms_are_told_apart(tmp_path: Path) -> None:
    # A longer tag makes up for a shorter step, a step of nothing or a second value.
    events = [
        scalar_event("x" * (9 - len(str(step % 4))) + "y" * (step % 3), step / 9, 128 ** (step % 4))
        for step in range(400)
    ]
    events += [scalar_event("z" * 11, 1.0, 0), *[Event(wall_time=1.0, step=5).SerializeToString()] * 30]
    write(tmp_path / NAME, events)
    found = intact_points(read(tmp_path / NAME))
    expected: Counter[tuple[str, int, bytes, bytes]] = Counter()
    for event in map(Event.FromString, events):
        for value in event.summary.value:
            row = (event.step, struct.pack("<d", event.wall_time), struct.pack("<d", value.simple_value))
            expected[value.tag, *row] += 1
    assert found == expected


def test_not_a_number_is_read_in_any_disguise(tmp_path: Path) -> None:
    signalling = {struct.pack("<f", 1.5): b"\x01\x00\xa0\x7f", struct.pack("<d", 1.7e9 + 3): b"\1\0\0\0\0\0\xf4\x7f"}
    event = scalar_event("loss", 1.5, 3)
    for number, disguise in signalling.items():
        assert number in event
        event = event.replace(number, disguise)
    write(tmp_path / NAME, [event] * 20 + [scalar_event("acc", 1.0, 1)])
    file = read(tmp_path / NAME)
    assert [(value != value, time != time) for _, time, value in file.contents.points("loss").tolist()] == [
        (True, True)
    ] * 20
    assert file.contents.first_time == file.contents.last_time == 1.7e9 + 1

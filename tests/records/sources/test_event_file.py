from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from app.records.sources.crc32c import checksum
from app.records.sources.event_file import EventFile, read_together
from app.records.sources.event_folder import EventFolder
from app.records.sources.event_tensors import read_table
from tests.records.sources.conftest import EventLogdir

NAME = "events.out.tfevents.1700000000.host"


def scalar_event(tag: str, value: float, step: int) -> bytes:
    value_of_tag = Summary.Value(tag=tag, simple_value=value)
    return bytes(Event(wall_time=1.7e9 + step, step=step, summary=Summary(value=[value_of_tag])).SerializeToString())


def write(path: Path, events: list[bytes], mode: str = "wb") -> None:
    with open(path, mode) as file:
        writer = RecordWriter(file)
        for event in events:
            writer.write(event)


def read(path: Path) -> EventFile:
    file = EventFile(path)
    file.update()
    return file


def steps(file: EventFile, tag: str) -> list[int]:
    return [int(step) for step in file.contents.points(tag)["step"]]


def bits(points: Any) -> list[tuple[int, bytes, bytes]]:
    return [(int(step), struct.pack("<d", time), struct.pack("<d", value)) for step, time, value in points.tolist()]


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


def append(path: Path, data: bytes) -> None:
    with open(path, "ab") as file:
        file.write(data)


def ends_of_records(data: bytes) -> list[int]:
    ends, at = [], 0
    while at < len(data):
        at += 16 + int.from_bytes(data[at : at + 8], "little")
        ends.append(at)
    return ends


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


def intact_points(file: EventFile) -> Counter[tuple[str, int, bytes, bytes]]:
    return Counter((tag, *point) for tag in file.contents.series for point in bits(file.contents.points(tag)))


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

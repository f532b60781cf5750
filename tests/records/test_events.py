from __future__ import annotations

from pathlib import Path

import pytest

from app.records.events import append_event, encode_event, end_event, make_event, read_events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def kinds(path: Path) -> list[str]:
    return [event["kind"] for event in read_events(path)]


def test_events_come_back_in_their_order(path: Path) -> None:
    events = [make_event("stage_begin", stage="fit_model"), make_event("note", message="a\nb\u2028c\x85d")]
    for event in events:
        append_event(path, event)
    assert read_events(path) == events
    assert path.read_bytes().count(b"\n") == 2


def test_there_are_no_events_where_there_is_no_file(path: Path) -> None:
    assert read_events(path) == []
    assert end_event(path) is None


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_cut_last_line_does_not_swallow_the_next_event(path: Path, cut: int) -> None:
    append_event(path, make_event("attempt"))
    line = encode_event(make_event("epoch_end", epoch=1, step=10))
    with open(path, "ab") as file:
        file.write(line[:-cut])
    append_event(path, make_event("end", state="crashed"))
    # Only the newline missing: the event is whole.
    assert kinds(path) == (["attempt", "epoch_end", "end"] if cut == 1 else ["attempt", "end"])


def test_lines_that_are_no_events_are_passed_over(path: Path) -> None:
    path.write_bytes(
        b'\n[]\n{}\n{"kind": 5, "time": 1}\n{"kind": "note"}\n{"kind": "note", "time": "now"}\n\xff\n'
        + b"[" * 100_000
        + b'\n{"kind": "note", "time": 1}\n'
    )
    assert read_events(path) == [{"kind": "note", "time": 1}]


def test_the_end_is_the_last_end_event(path: Path) -> None:
    append_event(path, make_event("end", state="stopped"))
    append_event(path, make_event("attempt"))
    assert end_event(path) is not None
    append_event(path, make_event("end", state="finished"))
    append_event(path, make_event("note"))
    end = end_event(path)
    assert end is not None
    assert end["state"] == "finished"


def test_an_event_that_does_not_fit_on_the_disk_is_an_error_that_names_the_file(path: Path) -> None:
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left on device: '.*events\.jsonl'"):
        append_event(path, make_event("note"))

from __future__ import annotations

from pathlib import Path

import pytest

from app.messages import POINT
from app.records.events import append_event, encode_event, make_event
from app.records.files import MissingFileError
from app.records.layout import ExecutionFolder
from app.records.live import LinesTail, LiveRun
from app.records.processes import Identity
from app.records.series import SeriesFolder
from app.records.status import Status, write_status


def test_lines_come_when_they_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "execution.log"
    tail = LinesTail(path)
    assert tail.new_lines() == []
    with open(path, "ab", buffering=0) as file:
        file.write(b"first\nsec")
        assert tail.new_lines() == ["first"]
        assert tail.new_lines() == []
        file.write("ond \u2028 \x85 \x0c still\r\n\nfourth: ü".encode())
        assert tail.new_lines() == ["second \u2028 \x85 \x0c still", ""]
        file.write(b"\xff\n")
        assert tail.new_lines() == ["fourth: ü\N{REPLACEMENT CHARACTER}"]


def test_a_run_is_followed_from_its_start_to_its_end(execution: ExecutionFolder) -> None:
    status = Status(state="running", keeper=Identity.of())
    write_status(execution.status, status)
    run = LiveRun(execution)
    assert (run.refresh(), run.stage, run.epoch, run.is_over, run.is_kept) == ([], "", 0, False, True)

    begin = make_event("stage_begin", stage="fit_model", epochs=25, note="a\u2028b")
    append_event(execution.events, begin)
    assert run.refresh() == [begin]
    assert (run.stage, run.epochs) == ("fit_model", 25)

    series = SeriesFolder(execution.series)
    series.declare(["loss"])
    series.append("loss", POINT.pack(1, 1e9, 0.5) + POINT.pack(2, 1e9, 0.25))
    series.close()
    append_event(execution.events, make_event("epoch_end", epoch=2, step=20))
    assert [event["kind"] for event in run.refresh()] == ["epoch_end"]
    assert (run.epoch, run.values) == (2, {"loss": 0.25})

    append_event(execution.events, make_event("stage_end", stage="fit_model"))
    write_status(execution.status, status.change(state="finished", keeper=None))
    run.refresh()
    assert (run.stage, run.is_over, run.is_kept, run.refresh()) == ("", True, False, [])


def test_an_event_that_is_half_written_waits(execution: ExecutionFolder) -> None:
    write_status(execution.status, Status(state="running", keeper=Identity.of()))
    run = LiveRun(execution)
    line = encode_event(make_event("epoch_end", epoch=3))
    with open(execution.events, "ab", buffering=0) as file:
        file.write(line[:-5])
        assert run.refresh() == []
        file.write(line[-5:])
        assert len(run.refresh()) == 1
    assert run.epoch == 3


def test_events_of_a_wrong_form_are_no_crash(execution: ExecutionFolder) -> None:
    write_status(execution.status, Status(state="running", keeper=Identity.of()))
    run = LiveRun(execution)
    append_event(execution.events, make_event("stage_begin", stage=None, epochs="many"))
    append_event(execution.events, make_event("epoch_end", epoch=None))
    append_event(execution.events, make_event("end"))
    assert len(run.refresh()) == 3
    assert (run.epoch, run.epochs) == (0, 0)


def test_a_run_whose_keeper_is_gone_is_over(execution: ExecutionFolder) -> None:
    write_status(execution.status, Status(state="running", keeper=Identity(Identity.of().pid, 0.0)))
    run = LiveRun(execution)
    assert run.status.state == "crashed"
    assert run.is_over
    assert not run.is_kept


def test_a_status_that_cannot_be_read_for_a_moment_stays_as_it_was(execution: ExecutionFolder) -> None:
    write_status(execution.status, Status(state="running", keeper=Identity.of()))
    run = LiveRun(execution)
    execution.status.write_text("{")
    run.refresh()
    assert run.status.state == "running"


def test_a_folder_without_a_status_cannot_be_followed(execution: ExecutionFolder) -> None:
    with pytest.raises(MissingFileError):
        LiveRun(execution)

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.records.files import MissingFileError, RecordError
from app.records.processes import Identity
from app.records.status import Status, heartbeat_age, read_status, touch_heartbeat, write_status


def test_a_status_comes_back_as_it_was_written(tmp_path: Path) -> None:
    status = Status(
        state="failed", reason="error", message="Grüße\n€", submitted=1.5, started=2.25, ended=3.125,
        keeper=Identity(5, 6.75), worker=Identity(7, 8.5), parent="p", sweep="s",
    )  # fmt: skip
    write_status(tmp_path / "status.json", status, sync=True)
    assert read_status(tmp_path / "status.json") == status


def test_a_new_status_is_of_this_host_and_boot_and_has_an_id_of_its_own(tmp_path: Path) -> None:
    write_status(tmp_path / "status.json", Status())
    status = read_status(tmp_path / "status.json")
    assert status.is_local
    assert not status.is_over
    assert status.id != Status().id


def test_what_a_status_does_not_say_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text(
        '{"id": "x", "state": "running", "started": true, "ended": 1e300, "keeper": {"pid": "5"}, "new": 1}'
    )
    status = read_status(path)
    assert (status.started, status.ended, status.keeper, status.host) == (None, None, None, "")
    assert not status.is_local


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[]", "expected a JSON object"),
        ("{}", "state is None; valid are queued, "),
        ('{"id": "x", "state": "done"}', "state is 'done'; valid are queued, "),
        ('{"id": "x", "state": ["running"]}', "state is "),
        ('{"state": "running"}', "id is None; expected the run's uuid"),
        ('{"id": 5, "state": "running"}', "id is 5; expected the run's uuid"),
        ("{", "not valid JSON"),
    ],
)
def test_a_broken_status_names_what_is_wrong(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "status.json"
    path.write_text(content)
    with pytest.raises(RecordError) as raised:
        read_status(path)
    assert str(raised.value).startswith(f"{path}: {problem}")


def test_a_missing_status_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        read_status(tmp_path / "status.json")


def test_on_a_full_disk_the_status_is_written_in_place(tmp_path: Path, no_space_beside: Callable[[Path], None]) -> None:
    path = tmp_path / "status.json"
    status = Status(state="running")
    write_status(path, status)
    before = path.stat().st_ino
    no_space_beside(path)
    write_status(path, status.change(state="failed"))
    assert read_status(path).state == "failed"
    assert path.stat().st_ino == before


def test_on_a_full_disk_there_is_no_place_for_a_first_status(
    tmp_path: Path, no_space_beside: Callable[[Path], None]
) -> None:
    no_space_beside(tmp_path / "status.json")
    with pytest.raises(OSError, match="No space left"):
        write_status(tmp_path / "status.json", Status())


def test_a_heartbeat_tells_how_long_ago_it_was(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    assert heartbeat_age(path) is None
    touch_heartbeat(path)
    assert path.read_bytes() == b""
    os.utime(path, (1e9, 1e9))
    age = heartbeat_age(path)
    assert age is not None
    assert age > 1e8
    touch_heartbeat(path)
    refreshed = heartbeat_age(path)
    assert refreshed is not None
    assert refreshed < age


def test_a_heartbeat_from_the_future_is_of_now(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    touch_heartbeat(path)
    os.utime(path, (1e11, 1e11))
    assert heartbeat_age(path) == 0.0


def test_status_json_has_the_documented_keys(tmp_path: Path) -> None:
    write_status(tmp_path / "status.json", Status(keeper=Identity(1, 2.0)))
    fields: dict[str, Any] = json.loads((tmp_path / "status.json").read_text())
    assert set(fields) == {
        "id", "state", "reason", "message", "submitted", "started", "ended", "host", "boot_id", "keeper", "worker",
        "parent", "sweep",
    }  # fmt: skip
    assert fields["keeper"] == {"pid": 1, "create_time": 2.0}

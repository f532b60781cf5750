"""status.json: in which state a run is, why, since when, and whose work it is."""

from __future__ import annotations

import dataclasses
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.records.files import RecordError, is_disk_full, number, overwrite_file, read_json, replace_file, to_json
from app.records.processes import Identity, boot_id, host_name

ACTIVE_STATES = ("queued", "starting", "running", "paused")
END_STATES = ("finished", "stopped", "failed", "crashed")
STATES = ACTIVE_STATES + END_STATES

#: How often the keeper touches the heartbeat, and the age from which a live keeper counts as not responding (seconds).
HEARTBEAT_SECONDS = 2.0
SILENT_SECONDS = 15.0

#: The last second of the year 9999, which no calendar function goes beyond.
_END_OF_TIME = 253_402_300_799.0


@dataclass(frozen=True, slots=True)
class Status:
    """The content of status.json.

    ``submitted``, ``started`` and ``ended`` are UTC seconds since the epoch. ``reason`` is one of early_stopping,
    user, rule, error, signal, memory or None; ``message`` is a sentence for people.
    """

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "queued"
    reason: str | None = None
    message: str | None = None
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    host: str = field(default_factory=host_name)
    boot_id: str = field(default_factory=boot_id)
    keeper: Identity | None = None
    worker: Identity | None = None
    parent: str | None = None
    sweep: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, in whatever way."""
        return self.state in END_STATES

    @property
    def is_local(self) -> bool:
        """Whether the processes named here belong to this host and boot, so that they can be looked up."""
        return self.host == host_name() and self.boot_id == boot_id()

    def change(self, **fields: Any) -> Status:
        """Return a copy with other values in some fields."""
        return dataclasses.replace(self, **fields)


def write_status(path: Path, status: Status, *, sync: bool = False) -> None:
    """Replace status.json; on a full disk write over it in place, which needs no space.

    Raises:
        OSError: neither was possible.
    """
    fields: dict[str, Any] = {item.name: getattr(status, item.name) for item in dataclasses.fields(status)}
    for name in ("keeper", "worker"):
        identity = fields[name]
        fields[name] = None if identity is None else identity.to_json()
    data = to_json(fields)
    try:
        replace_file(path, data, sync=sync)
    except OSError as error:
        if not is_disk_full(error) or not path.exists():
            raise
        overwrite_file(path, data)


def read_status(path: Path | str) -> Status:
    """Return the content of status.json; unknown keys are passed over, missing ones get their defaults.

    Raises:
        MissingFileError: the file is not there.
        RecordError: it is no JSON object, or its state or id is none.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise RecordError(f"{path}: expected a JSON object")
    if value.get("state") not in STATES:
        raise RecordError(f"{path}: state is {value.get('state')!r}; valid are {', '.join(STATES)}")
    if not isinstance(value.get("id"), str) or not value["id"]:
        raise RecordError(f"{path}: id is {value.get('id')!r}; expected the run's uuid")
    return Status(
        id=value["id"],
        state=value["state"],
        reason=_text(value.get("reason")),
        message=_text(value.get("message")),
        submitted=_seconds(value.get("submitted")),
        started=_seconds(value.get("started")),
        ended=_seconds(value.get("ended")),
        host=_text(value.get("host")) or "",
        boot_id=_text(value.get("boot_id")) or "",
        keeper=Identity.from_json(value.get("keeper")),
        worker=Identity.from_json(value.get("worker")),
        parent=_text(value.get("parent")),
        sweep=_text(value.get("sweep")),
    )


def touch_heartbeat(path: Path) -> None:
    """Set the time of the heartbeat to now, making the file where it is missing."""
    path.touch()


def heartbeat_age(path: Path) -> float | None:
    """Return the seconds since the last sign of life, or None when there was none."""
    try:
        return max(0.0, time.time() - os.stat(path).st_mtime)
    except OSError:
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _seconds(value: Any) -> float | None:
    seconds = number(value)
    return seconds if seconds is not None and 0 <= seconds <= _END_OF_TIME else None

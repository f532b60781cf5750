"""events.jsonl: what happened when, one JSON object a line."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from app.records.files import RecordError, errors_name, read_bytes, to_json

Event = dict[str, Any]


def make_event(kind: str, **data: Any) -> Event:
    """Return an event of now; ``time`` is UTC seconds since the epoch."""
    return {"time": time.time(), "kind": kind, **data}


def encode_event(event: Event) -> bytes:
    """Return the line of an event."""
    return to_json(event, indent=None)


def append_event(path: Path, event: Event) -> None:
    """Add one event at the end of the file.

    Raises:
        OSError: it could not be written whole; what was written of it is taken back.
    """
    append_bytes(path, encode_event(event))


def append_bytes(path: Path, data: bytes) -> None:
    """Append to a file all or nothing.

    Raises:
        OSError: it could not be written whole; what was written of it is taken back.
    """
    with errors_name(path), open(path, "a+b", buffering=0) as file:
        end = file.seek(0, os.SEEK_END)
        if end:
            file.seek(end - 1)
            if file.read(1) != b"\n":  # a writer died in the middle of its last line
                data = b"\n" + data
        try:
            written = file.write(data)
            while written < len(data):
                written += file.write(data[written:])
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(end)
            raise


def read_events(path: Path) -> list[Event]:
    """Return the events in their order; a line that was cut or is none is passed over, what cannot be read is []."""
    try:
        return list(parse_events(read_bytes(path).split(b"\n")))
    except RecordError:
        return []


def parse_events(lines: Iterable[str | bytes]) -> Iterator[Event]:
    """Yield the events in some lines; a line that is none, with a kind and a time, is passed over."""
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            event = json.loads(line)
            match event:
                case {"kind": str(), "time": int() | float()}:
                    yield event


def end_event(path: Path) -> Event | None:
    """Return the event that ended the run, or None while it has none."""
    return next((event for event in reversed(read_events(path)) if event["kind"] == "end"), None)

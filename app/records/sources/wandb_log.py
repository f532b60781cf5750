"""W&B's transaction log, ``run-<id>.wandb``, read without W&B: LevelDB's log format around Protocol Buffers messages.

Formats: https://github.com/google/leveldb/blob/main/doc/log_format.md, with a header of its own (":W&B", a number, a
version) and the plain CRC-32 of zlib; wandb/proto/wandb_internal.proto of https://github.com/wandb/wandb for the
messages; https://protobuf.dev/programming-guides/encoding for how they are written.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from app.records.files import RecordError, number
from app.records.series import Points, as_points
from app.records.sources.foreign import flat

_HEADER = b":W&B\xe1\xbe"
_HEADER_SIZE = 7
_BLOCK = 32 << 10
_PIECE = 128 * _BLOCK
_CHUNK = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_CRC_OF_TYPE = tuple(zlib.crc32(bytes([kind])) for kind in range(5))
_LONGEST_RECORD = 64 << 20
#: The wire types of fields.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIGN = 1 << 63

# The fields of wandb_internal.Record and of what is in it.
_HISTORY, _SUMMARY, _CONFIG, _RUN, _EXIT = 2, 3, 5, 17, 18
_KEY, _NESTED_KEY, _VALUE_JSON = 1, 2, 16
_UPDATE, _REMOVE = 1, 2

Fields = Iterator[tuple[int, Any]]


class WandbLog:
    """A transaction log that is read as far as it goes, and further each time that it has grown.

    Attributes:
        run: what the run's record says: run_id, project, display_name, run_group, job_type, notes, host, commit.
        tags: the run's tags.
        config: the config by its keys, nested objects as W&B keeps them.
        summary: the last summary by key.
        started: seconds since the epoch; None while it is not told.
        exit_code: what the program ended with; None before it has.
        runtime: seconds that the run took, at its end.
        media: (name, step, time, description) of everything that was logged and is a file.
        broken: how many places of the log cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run: dict[str, str] = {}
        self.tags: list[str] = []
        self.config: dict[str, Any] = {}
        self.summary: dict[str, Any] = {}
        self.started: float | None = None
        self.exit_code: int | None = None
        self.runtime: float | None = None
        self.media: list[tuple[str, int, float, dict[str, Any]]] = []
        self.broken = 0
        self.last_step = 0
        self.last_time: float | None = None
        self._points: dict[str, list[tuple[int, float, float]]] = {}
        self._position = 0

    def advance(self) -> None:
        """Read what has been written since the last time.

        Raises:
            RecordError: it cannot be opened, or is no transaction log.
        """
        try:
            with open(self.path, "rb") as file:
                if not self._position:
                    if not file.read(_HEADER_SIZE).startswith(_HEADER):
                        raise RecordError(f"{self.path}: not a log of W&B")
                    self._position = _HEADER_SIZE
                for record in self._records(file):
                    try:
                        self._take(record)
                    except (ValueError, IndexError, TypeError, OverflowError, RecursionError):
                        self.broken += 1
        except OSError as error:
            raise RecordError(f"{self.path}: {error.strerror or error}") from error

    @property
    def metrics(self) -> list[str]:
        """The names of everything that was logged as a number."""
        return list(self._points)

    def points(self, metric: str) -> Points:
        """Return the points of a metric.

        Raises:
            KeyError: nothing was logged under this name.
        """
        return as_points(self._points[metric])

    def _records(self, file: IO[bytes]) -> Iterator[bytes]:
        """Yield whole records from where the last call ended; a damaged one costs the rest of its block."""
        at = self._position
        parts: list[bytes] = []
        while True:
            base = at - at % _BLOCK
            file.seek(base)
            piece = file.read(_PIECE)
            end = base + len(piece)
            while at < end:
                left = _BLOCK - at % _BLOCK
                if left < _CHUNK.size:
                    at += left
                    continue
                if at + _CHUNK.size > end:
                    return  # more is on its way
                crc, size, kind = _CHUNK.unpack_from(piece, at - base)
                begin = at - base + _CHUNK.size
                if not _FULL <= kind <= _LAST or _CHUNK.size + size > left:
                    damaged = True
                elif begin + size > len(piece):
                    return
                else:
                    data = piece[begin : begin + size]
                    damaged = zlib.crc32(data, _CRC_OF_TYPE[kind]) != crc
                if damaged:
                    self.broken += 1
                    at += left
                    parts = []
                    self._position = at
                    continue
                at += _CHUNK.size + size
                if kind == _FULL:
                    yield data
                elif kind == _FIRST:
                    parts = [data]
                    continue
                elif parts:
                    parts.append(data)
                    if kind == _MIDDLE and len(parts) * _BLOCK < _LONGEST_RECORD:
                        continue
                    if kind == _LAST:
                        yield b"".join(parts)
                    else:
                        self.broken += 1
                parts = []
                self._position = at
            if len(piece) < _PIECE:
                return

    def _take(self, record: bytes) -> None:
        for field, value in _fields(record):
            if field == _HISTORY:
                self._take_history(value)
            elif field == _SUMMARY:
                _update(self.summary, value)
            elif field == _CONFIG:
                _update(self.config, value)
            elif field == _RUN:
                self._take_run(value)
            elif field == _EXIT:
                found = dict(_fields(value))
                self.exit_code = _signed(found.get(1, 0))
                self.runtime = float(found.get(2, 0)) or None

    def _take_history(self, history: bytes) -> None:
        step = None
        when = np.nan
        values: list[tuple[str, Any]] = []
        for field, value in _fields(history):
            if field == 1:
                name, item = _item(value)
                if name == "_step":
                    step = item if isinstance(item, int) else step
                elif name == "_timestamp":
                    when = number(item) or np.nan
                elif not name.startswith("_"):
                    values.append((name, item))
            elif field == 2:
                step = _signed(dict(_fields(value)).get(1, 0))
        if step is None or not -_SIGN <= step < _SIGN:
            step = self.last_step + 1
        self.last_step = step
        if when == when:
            self.last_time = when
        for name, item in values:
            self._take_value(name, item, step, when)

    def _take_value(self, name: str, item: Any, step: int, when: float) -> None:
        if isinstance(item, dict):
            if isinstance(item.get("_type"), str):
                self.media.append((name, step, when, item))
            else:
                for key, value in flat(item).items():
                    self._take_value(f"{name}.{key}", value, step, when)
            return
        value = float(item) if isinstance(item, bool) else number(item)
        if value is not None:
            self._points.setdefault(name, []).append((step, when, value))

    def _take_run(self, run: bytes) -> None:
        for field, value in _fields(run):
            name = _RUN_FIELDS.get(field)
            if name is not None:
                self.run[name] = _text(value)
            elif field == 4:
                _update(self.config, value)
            elif field == 10:
                self.tags.append(_text(value))
            elif field == 17:
                stamp = dict(_fields(value))
                self.started = stamp.get(1, 0) + stamp.get(2, 0) / 1e9 or None
            elif field == 21:
                self.run["commit"] = _text(dict(_fields(value)).get(2, b""))


_RUN_FIELDS = {
    1: "run_id",
    3: "project",
    6: "run_group",
    7: "job_type",
    8: "display_name",
    9: "notes",
    12: "sweep_id",
    13: "host",
}


def _update(values: dict[str, Any], record: bytes) -> None:
    """Apply a record of updated and removed items, whose nested keys name an item within an object."""
    for field, value in _fields(record):
        if field == _UPDATE:
            name, item = _item(value)
            values[name] = item
        elif field == _REMOVE:
            values.pop(_item(value)[0], None)


def _item(data: bytes) -> tuple[str, Any]:
    """Return the name and the value of an item; the name of a nested one is its keys, joined by dots."""
    names = []
    value: Any = None
    for field, part in _fields(data):
        if field in (_KEY, _NESTED_KEY):
            names.append(_text(part))
        elif field == _VALUE_JSON:
            value = json.loads(part)
    return ".".join(filter(None, names)), value


def _fields(data: bytes) -> Fields:
    """Yield the fields of a message: a number for a varint, bytes for all that is longer.

    Raises:
        IndexError, ValueError: it is no message, or cut.
    """
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"no field has the type {kind}")
        if at + size > end:
            raise IndexError("a field is cut")
        yield tag >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = shift = 0
    while byte >= 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
        at += 1
        byte = data[at]
    return value | byte << shift, at + 1


def _signed(value: Any) -> int:
    """Return an int64 as it was before it was written in two's complement."""
    if not isinstance(value, int):
        raise ValueError("expected a number")
    return value - (1 << 64) if value >= _SIGN else value


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

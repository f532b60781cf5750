"""The metric files of MLflow's file stores: a line ``timestamp value [step [dataset digest]]`` a point.

Source: ``_log_run_metric`` and ``_get_metric_from_line`` in MLflow's ``store/tracking/file_store.py``. Timestamps are
milliseconds, before MLflow 1.0 seconds; the files of 0.x have no steps. Every line ends with a line break: what
follows the last one was cut short and is no point.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from itertools import chain

import numpy as np
import numpy.typing as npt

from app.records.series import POINT_DTYPE, Points
from app.records.sources.mlflow_folder import OPEN
from app.records.summary import MetricSummary, summary_of

#: Below this Python's own loop is faster than setting up NumPy's reader.
_FEW_BYTES = 1 << 14
_CHUNK_BYTES = 1 << 22
_INT64 = 1 << 63
#: So many bytes are parsed at once where a window waits for Python meanwhile; a longer line than that is none.
_PIECE_BYTES = 1 << 18
#: So many bytes before the place where the reading ended tell whether the file is still the one that was read.
_TAIL = 64
#: No time in a shorter line is too large for a float.
_LONG_LINE = 200
_FIELDS = [("time", "<i8"), ("value", "<f8"), ("step", "<i8")]
#: A time between these is one in seconds: as milliseconds it would lie in the first years of the epoch.
_SECONDS_FROM, _SECONDS_UNTIL = 1e9, 1e11

_Row = tuple[int, int, float]


def parse_points(data: bytes) -> tuple[Points, int]:
    """Return the points of a metric file in their order, and how many of its lines are none."""
    parts, bad = [], 0
    for chunk in _chunks(data):
        part = _columns(chunk) if len(chunk) > _FEW_BYTES else None
        if part is None:
            rows, strange = _rows(chunk)
            part = np.array(rows, POINT_DTYPE)
            bad += strange
        parts.append(part)
    points = parts[0] if len(parts) == 1 else np.concatenate(parts)
    points["time"] = in_seconds(points["time"])
    return points, bad


def parse_summary(data: bytes) -> tuple[MetricSummary | None, int]:
    """Return what :func:`app.records.summary.summary_of` makes of the points, and how many lines are none."""
    if len(data) > _FEW_BYTES:
        points, bad = parse_points(data)
        return summary_of(points["value"], points["step"]), bad
    rows, bad = _rows(data)
    return summary_of([row[2] for row in rows], [row[0] for row in rows]), bad


def in_seconds(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return timestamps of MLflow, milliseconds or the seconds of its first versions, in seconds since the epoch."""
    return np.where((times >= _SECONDS_FROM) & (times < _SECONDS_UNTIL), times, times / 1000)


class MetricTail:
    """Follows one metric file. It keeps nothing that it has told.

    Attributes:
        bad: how many lines were no points.
    """

    def __init__(self, path: str) -> None:
        self.bad = 0
        self._path = path
        self._state: tuple[int, int, int] | None = None
        self._position = 0
        self._tail = b""

    def look(self) -> Points | None:
        """Return the points that were added since the last look; None when the file is another one now, or was cut.

        Raises:
            OSError: it is not there, cannot be read, or is a symbolic link.
        """
        status = os.lstat(self._path)
        state = (status.st_ino, status.st_size, status.st_mtime_ns)
        if state == self._state:
            return np.empty(0, POINT_DTYPE)
        with open(os.open(self._path, OPEN), "rb", buffering=0) as file:
            file.seek(self._position - len(self._tail))
            if file.read(len(self._tail)) != self._tail:
                return None
            parts = [np.empty(0, POINT_DTYPE), *self._parts(file)]
            self._tail = self._before_position(file)
        self._state = state
        return np.concatenate(parts)

    def _parts(self, file: io.FileIO) -> Iterator[Points]:
        rest = b""
        while piece := file.read(_PIECE_BYTES):
            data, end, rest = (rest + piece).rpartition(b"\n")
            if len(rest) > _PIECE_BYTES:
                data, end, rest = rest, b"", b""
            points, bad = parse_points(data + end)
            self.bad += bad
            self._position += len(data) + len(end)
            yield points

    def _before_position(self, file: io.FileIO) -> bytes:
        begin = max(0, self._position - _TAIL)
        file.seek(begin)
        return file.read(self._position - begin)


def _chunks(data: bytes) -> list[bytes]:
    """Split whole lines, so that what is made of them on the way stays small; the last part may be cut short."""
    if len(data) <= _CHUNK_BYTES:
        return [data]
    ends = [0]
    while len(data) - ends[-1] > _CHUNK_BYTES:
        end = data.rfind(b"\n", ends[-1], ends[-1] + _CHUNK_BYTES) + 1
        if not end:  # no line is that long
            end = data.find(b"\n", ends[-1]) + 1 or len(data)
        ends.append(end)
    return [data[start:end] for start, end in zip(ends, chain(ends[1:], [len(data)]), strict=True) if start < end]


def _columns(chunk: bytes) -> Points | None:
    """Return the points of lines that all have the same 2 or 3 columns, None where NumPy cannot take them as such."""
    width = len(chunk[: chunk.find(b"\n")].split())
    if width not in (2, 3) or not chunk.endswith(b"\n"):
        return None
    try:
        lines = np.loadtxt(io.BytesIO(chunk), _FIELDS[:width], comments=None, ndmin=1)
    except ValueError:
        return None
    points = np.zeros(len(lines), POINT_DTYPE)
    for field, _ in _FIELDS[:width]:
        points[field] = lines[field]
    return points


def _rows(chunk: bytes) -> tuple[list[_Row], int]:
    """Return points as (step, time, value) with the times as written, and how many lines are none."""
    *lines, rest = chunk.split(b"\n")
    bad = 1 if rest.strip() else 0
    try:
        rows = [(int(step), int(time), float(value)) for time, value, step in map(bytes.split, lines)]
        if not rows or (min(rows)[0] >= -_INT64 and max(rows)[0] < _INT64 and max(map(len, lines)) < _LONG_LINE):
            return rows, bad
    except ValueError:  # not the usual three fields in every line
        pass
    rows = []
    for line in lines:
        fields = line.split()
        try:
            # A dataset may follow the step, and its name may hold spaces: there is no saying how many fields there are.
            row = (int(fields[2]) if len(fields) > 2 else 0, int(fields[0]), float(fields[1]))
        except (ValueError, IndexError):
            bad += bool(fields)
            continue
        if -_INT64 <= row[0] < _INT64 and abs(row[1]) < _INT64:
            rows.append(row)
        else:
            bad += 1
    return rows, bad

"""Points from many records of one length at once.

Records that were logged alike differ only in their time, step, name and value. One of them is parsed; those that have
every other byte in common with it keep theirs at the same places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from app.records.series import POINT_DTYPE, Points
from app.records.sources.crc32c import Bytes
from app.records.sources.event_messages import Event, Value, parse_event

#: Fewer records than this are sooner parsed one by one.
FEWEST_ROWS = 8
#: How many kinds of records of one length are looked for before the rest is parsed one by one.
_MOST_KINDS = 16

Indices = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]


class Tags(dict[bytes, int]):
    """Numbers tags as they come."""

    def __missing__(self, tag: bytes) -> int:
        number = self[tag] = len(self)
        return number


class Gathered:
    """Points of many series in the order of their records, whichever order they are found in."""

    def __init__(self) -> None:
        self._pieces: list[tuple[Indices, Numbers, Points]] = []

    def add(self, records: Indices, tags: Numbers, points: Points) -> None:
        """Add points: which record each is from, the number of its tag, and itself."""
        self._pieces.append((records, tags, points))

    def in_order(self) -> tuple[Indices, Numbers, Points] | None:
        """Return what was added, all in one; None where that is nothing."""
        if len(self._pieces) < 2:
            return self._pieces[0] if self._pieces else None
        records, tags, points = (np.concatenate(parts) for parts in zip(*self._pieces, strict=True))
        order = sorted_order(records)
        return records[order], tags[order], points[order]


def sorted_order(numbers: npt.NDArray[Any]) -> Indices:
    """Return what sorts numbers of at least 0 and keeps the order of equal ones."""
    # NumPy sorts 16 bits by counting, ten times as fast.
    return np.argsort(numbers.astype(np.uint16) if numbers.max(initial=0) < 1 << 16 else numbers, kind="stable")


def varying_bits(rows: Bytes) -> Bytes:
    """Return the bits of each column that are not the same in all rows."""
    bits: Bytes = np.bitwise_or.reduce(rows ^ rows[0], axis=0)
    return bits


def column(rows: Bytes, at: int, dtype: str) -> npt.NDArray[Any]:
    """Return what stands at one place of every row, without a copy."""
    return np.ndarray((len(rows),), dtype, rows, at, (rows.shape[1],))


def take_points(rows: Bytes, bits: Bytes, records: Indices, tags: Tags, gathered: Gathered) -> Iterator[Indices]:
    """Gather the points of records of one length; yield those records that hold something else or are no events.

    Args:
        rows: (n, width) the records, C-contiguous; what stands behind the data is told by ``bits``.
        bits: (length of the data,) which bits vary, and perhaps some that do not.
        records: (n,) the number of each.
        tags: added to.
        gathered: where the points go.
    """
    for _ in range(_MOST_KINDS):
        if len(rows) < FEWEST_ROWS:
            break
        try:
            event = parse_event(rows[0, : len(bits)].tobytes(), {})
        except ValueError:
            event = None
        if event is None or not event.plain or any(not value.dtype for value in event.values):
            yield records[:1]
            rows, records = rows[1:], records[1:]
            continue
        fixed = _fixed_bits(event, len(bits))
        differing = np.flatnonzero(bits & fixed)
        if not len(differing):
            _gather(rows, bits, records, event, tags, gathered)
            return
        alike = (((rows[:, differing] ^ rows[0, differing]) & fixed[differing]) == 0).all(axis=1)
        _gather(rows[alike], bits, records[alike], event, tags, gathered)
        rows, records = rows[~alike], records[~alike]
        if len(rows):
            bits = varying_bits(rows[:, : len(bits)])
    if len(records):
        yield records


def _fixed_bits(event: Event, length: int) -> Bytes:
    """Return the bits of a record that make up its form: all but those of its time, step, names and values."""
    bits = np.full(length, 0xFF, np.uint8)
    if event.time_at >= 0:
        bits[event.time_at : event.time_at + 8] = 0
    bits[event.step_at : event.step_at + event.step_size] = 0x80  # which tells where the number ends
    for value in event.values:
        bits[value.tag_at : value.tag_at + len(value.tag)] = 0
        bits[value.at : value.at + np.dtype(value.dtype).itemsize] = 0
    return bits


def _gather(rows: Bytes, bits: Bytes, records: Indices, event: Event, tags: Tags, gathered: Gathered) -> None:
    moments = np.zeros(len(rows), POINT_DTYPE)
    if event.time_at >= 0:
        moments["time"] = column(rows, event.time_at, "<f8")
    steps = np.zeros(len(rows), np.int64)
    for index in range(event.step_size):
        steps |= (column(rows, event.step_at + index, "u1") & np.int64(0x7F)) << 7 * index
    moments["step"] = steps
    for index, value in enumerate(event.values):
        points = moments if index == len(event.values) - 1 else moments.copy()
        with np.errstate(invalid="ignore"):  # a signalling NaN
            points["value"] = column(rows, value.at, value.dtype)
        gathered.add(records, _tag_numbers(rows, bits, value, tags), points)


def _tag_numbers(rows: Bytes, bits: Bytes, value: Value, tags: Tags) -> Numbers:
    size = len(value.tag)
    if not bits[value.tag_at : value.tag_at + size].any():
        return np.full(len(rows), tags[value.tag], np.int32)
    names = column(rows, value.tag_at, f"V{size}").tolist()
    return np.fromiter(map(tags.__getitem__, names), np.int32, len(rows))

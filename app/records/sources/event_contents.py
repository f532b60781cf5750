"""What event files hold, gathered block by block."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.records.series import POINT_DTYPE, Points
from app.records.sources.base import Medium
from app.records.sources.crc32c import LONGEST_ROW, Bytes, gather, row_checksums, span_checksums
from app.records.sources.event_messages import parse_event, scalar
from app.records.sources.event_points import (
    FEWEST_ROWS,
    Gathered,
    Indices,
    Numbers,
    Tags,
    column,
    sorted_order,
    take_points,
    varying_bits,
)
from app.records.sources.frames import FOOTER, HEADER, Frames
from app.records.sources.hparams import Session

#: Points are sorted by their series when there are so many.
_PORTION = 1 << 20
_MOST_DAMAGES = 100
#: Longer records are parsed one by one: they are images and the like.
_LONGEST = 1 << 14
_SHORTEST_ROW = 4

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Damage:
    """What could not be read: where in the file it begins, how many bytes it has and what is wrong with it."""

    offset: int
    size: int
    fault: str


@dataclass(slots=True, eq=False)
class Contents:
    """What was read of an event file so far.

    Attributes:
        path: the file.
        end: where the next record begins.
        series: the points of each tag in the order they were logged, in pieces.
        media: what is no number, in the order it was logged.
        session: what the hparams plugin keeps.
        plugins: which plugin the values of a tag are for.
        first_time, last_time: the earliest and the latest time of a record, seconds since the epoch; None without any.
        damages: what could not be read, the first hundred.
        damage_count: how many there are.
    """

    path: Path
    end: int = 0
    series: dict[str, list[Points]] = field(default_factory=dict)
    media: list[Medium] = field(default_factory=list)
    session: Session = field(default_factory=Session)
    plugins: dict[bytes, bytes] = field(default_factory=dict)
    first_time: float | None = None
    last_time: float | None = None
    damages: list[Damage] = field(default_factory=list)
    damage_count: int = 0

    def points(self, tag: str) -> Points:
        """Return the points of a tag.

        Raises:
            KeyError: there are none.
        """
        pieces = self.series[tag]
        if len(pieces) > 1:
            pieces[:] = [np.concatenate(pieces)]
        return pieces[0]

    def add_points(self, tag: bytes, points: Points) -> None:
        """Add points of a tag behind those that there are."""
        self.series.setdefault(tag.decode("utf-8", "replace"), []).append(points)

    def see_time(self, time: float) -> None:
        """Note that something was logged then."""
        if math.isfinite(time) and time > 0:
            self.first_time = time if self.first_time is None else min(self.first_time, time)
            self.last_time = time if self.last_time is None else max(self.last_time, time)

    def add_damage(self, offset: int, size: int, fault: str) -> None:
        """Note what could not be read."""
        self.damage_count += 1
        if len(self.damages) < _MOST_DAMAGES:
            self.damages.append(Damage(offset, size, fault))


class Gatherer:
    """Takes blocks of records and adds what they hold to the contents of the files that they are from.

    Points are in the contents after :meth:`finish` only.

    Args:
        files: the contents of each file.
    """

    def __init__(self, files: Sequence[Contents]) -> None:
        self._files = files
        self._tags = Tags()
        self._pending: list[tuple[Numbers, Numbers, Points]] = []
        self._count = 0

    def take(self, block: Bytes, frames: Frames, firsts: Sequence[int], shifts: Sequence[int]) -> Indices:
        """Take the records of a block; return those whose checksum is wrong, in their order.

        Args:
            block: bytes of the files, from one after the other.
            frames: its records.
            firsts: the number of the first record of each file.
            shifts: what is added to a place in the block to get that in the file, for each file.
        """
        gathered = Gathered()
        others, right = _take_alike(block, frames, self._tags, gathered)
        for record in np.sort(np.concatenate(others)).tolist() if others else ():
            file = bisect_right(firsts, record) - 1
            start = int(frames.starts[record])
            data = block[start : start + int(frames.lengths[record])].tobytes()
            self._take_single(data, record, self._files[file], start + shifts[file], gathered)
        found = gathered.in_order()
        if found is not None:
            records, tags, points = found
            self._pending.append((np.searchsorted(firsts, records, "right").astype(np.int32) - 1, tags, points))
            self._count += len(points)
            if self._count >= _PORTION:
                self.finish()
        return np.flatnonzero(~right)

    def finish(self) -> None:
        """Add the points to the contents."""
        if not self._pending:
            return
        files, tags, points = (np.concatenate(parts) for parts in zip(*self._pending, strict=True))
        self._pending, self._count = [], 0
        series = files.astype(np.int64) * len(self._tags) + tags
        if (series == series[0]).all():
            order, begins = np.zeros(1, np.int64), np.zeros(1, np.int64)
        else:
            order = sorted_order(series)
            series, points = series[order], points[order]
            begins = np.flatnonzero(np.diff(series, prepend=-1))
        with np.errstate(invalid="ignore"):  # a signalling NaN
            earliest = np.fmin.reduceat(points["time"], begins).tolist()
            latest = np.fmax.reduceat(points["time"], begins).tolist()
        ends = [*begins[1:].tolist(), len(series)]
        names = list(self._tags)
        for index in np.argsort(order[begins]).tolist():  # as they began
            begin = begins[index]
            file, tag = divmod(int(series[begin]), len(names))
            contents = self._files[file]
            contents.add_points(names[tag], points[begin : ends[index]])
            contents.see_time(earliest[index])
            contents.see_time(latest[index])

    def _take_single(self, data: bytes, record: int, contents: Contents, offset: int, gathered: Gathered) -> None:
        """Take one record that has a form of its own."""
        try:
            event = parse_event(data, contents.plugins)
            for value in event.values:
                if value.kind == "hparams":
                    contents.session.take(data[slice(*value.contents[0])])
        except ValueError as error:
            contents.add_damage(offset - HEADER, len(data) + HEADER + FOOTER, f"is no event ({error})")
            return
        contents.see_time(event.time)
        numbers = [value for value in event.values if value.kind == "scalar"]
        if numbers:
            points = np.empty(len(numbers), POINT_DTYPE)
            points["step"], points["time"] = event.step, event.time
            points["value"] = [scalar(data, value) for value in numbers]
            tags = np.array([self._tags[value.tag] for value in numbers], np.int32)
            gathered.add(np.full(len(numbers), record), tags, points)
        for value in event.values:
            if value.kind not in ("", "scalar", "hparams"):
                name = value.tag.decode("utf-8", "replace")
                for start, end in value.contents:
                    contents.media.append(
                        Medium(value.kind, name, event.step, event.time, contents.path, offset + start, end - start)
                    )


def _take_alike(block: Bytes, frames: Frames, tags: Tags, gathered: Gathered) -> tuple[list[Indices], Flags]:
    """Check records, and gather the points of those that are alike.

    Returns:
        the records that hold something else, and for each record whether its checksum is right.
    """
    lengths = frames.lengths
    order = sorted_order(lengths)
    groups = [each for each in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1) if len(each)]
    right = np.ones(len(lengths), np.bool_)
    spans = [each for each in groups if not _are_rows(lengths[each])]
    if spans:
        records = np.concatenate(spans)
        starts, ends = frames.starts[records], frames.starts[records] + lengths[records]
        right[records] = span_checksums(block, starts, ends - starts) == gather(block, ends, FOOTER).view("<u4")[:, 0]
    others: list[Indices] = []
    for group in groups:
        records, length = group[right[group]], int(lengths[group[0]])
        if len(records) < FEWEST_ROWS or length > _LONGEST:
            others.append(records)
            continue
        rows = gather(block, frames.starts[records], length + FOOTER)
        bits = varying_bits(rows[:, :length])
        if _are_rows(lengths[group]):
            right[records] = row_checksums(rows[:, :length], bits != 0) == column(rows, length, "<u4")
            if not right[records].all():
                rows, records = rows[right[records]], records[right[records]]
        others += take_points(rows, bits, records, tags, gathered)
    return others, right


def _are_rows(lengths: Indices) -> bool:
    """Whether records of one length are better checked as rows than as stretches."""
    return len(lengths) >= FEWEST_ROWS and _SHORTEST_ROW <= lengths[0] <= LONGEST_ROW

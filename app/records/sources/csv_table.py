"""A table of numbers by step that a program appends to: csv with some separator, or a JSON object a line."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import numpy as np

from app.records.files import RecordError, number
from app.records.series import Points, as_points
from app.records.sources.foreign import flat

#: What the column that counts is called, the first before the others, without case.
STEP_NAMES = (
    "step", "global_step", "trainer/global_step", "_step", "iteration", "iter", "train_iter", "epoch", "epochs",
    "round", "batch", "update", "timestep", "timesteps",
)  # fmt: skip
_TIME_NAMES = ("timestamp", "_timestamp", "wall_time", "wall time", "walltime", "time", "datetime")
_SEPARATORS = ",;\t"
_HEAD = 64 << 10
#: So much is parsed at once where a window may wait for Python meanwhile.
_PIECE = 256 << 10
_TAIL = 256
_LONGEST_LINE = 16 << 20
_MOST_COLUMNS = 100_000
#: A time before 1973 is a duration; one after 5138 counts milliseconds.
_EARLIEST = 1e8
_LATEST = 1e11
_INT64 = 1 << 63
#: The one column of tables that hold one metric, whose name is the file's.
_LONE_NAME = "value"
_COUNTERS = ("idx", "epoch")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is laid out.

    Attributes:
        separator: what separates the cells, "" for objects of JSON.
        names: the columns; () for objects of JSON, each of which has its own.
        step, time: the place of the column of that meaning, or its name in objects; None for no time.
        start: where the first row begins.
    """

    separator: str
    names: tuple[str, ...]
    step: int | str
    time: int | None
    start: int


def layout_of(path: Path) -> Layout | None:
    """Return how a file that counts steps is laid out; None for any other file, and for one that cannot be read."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if b"\0" in head:
        return None
    first, newline, rest = head.partition(b"\n")
    if first.lstrip().startswith(b"{"):
        return _layout_of_objects(first)
    if not newline:
        return None
    line = first.decode("utf-8-sig", "replace").strip("\r")
    found = []
    for separator in _SEPARATORS:
        with suppress(csv.Error, StopIteration):
            cells = [cell.strip() for cell in next(csv.reader([line], delimiter=separator))]
            names = [cell.casefold() for cell in cells]
            step = next((names.index(name) for name in STEP_NAMES if name in names), None)
            if step is not None and 1 < len(cells) <= _MOST_COLUMNS and not any(map(_is_number, cells)):
                time = next((names.index(name) for name in _TIME_NAMES if name in names), None)
                found.append(Layout(separator, _unique(cells), step, time, len(first) + 1))
    layout = max(found, key=lambda layout: len(layout.names), default=None)
    return layout if layout is not None and _counts(rest, layout) else None


def _layout_of_objects(line: bytes) -> Layout | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    names = {str(name).casefold(): name for name in row} if isinstance(row, dict) else {}
    step = next((names[name] for name in STEP_NAMES if name in names), None)
    if step is None or type(row[step]) is not int or sum(number(value) is not None for value in row.values()) < 2:
        return None
    return Layout("", (), step, None, 0)


def _counts(rest: bytes, layout: Layout) -> bool:
    """Whether the step's column has whole numbers from 0 in the rows that are there, and another has numbers."""
    assert isinstance(layout.step, int)
    lines = rest.decode("utf-8", "replace").splitlines()[: -1 if len(rest) > _HEAD // 2 else None]
    seen = False
    with suppress(csv.Error):
        for cells in csv.reader(lines[:100], delimiter=layout.separator):
            if len(cells) <= layout.step or not cells[layout.step].strip():
                continue
            step = _number(cells[layout.step])
            if step is None or not step.is_integer() or step < 0:
                return cells[layout.step].strip() == layout.names[layout.step]
            seen = seen or any(_is_number(cell) for at, cell in enumerate(cells) if at != layout.step)
    return seen or not lines


def _unique(names: list[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        own, count = name, 1
        while own in found:
            count += 1
            own = f"{name}.{count}"
        found[own] = None
    return tuple(found)


class Table:
    """A table that is read as far as it goes, and further each time that it has grown.

    Attributes:
        broken: how many lines are none of the table, ``odd`` how many cells of columns of numbers are none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.broken = 0
        self._layout: Layout | None = None
        self._head = self._tail = b""
        self._taken_without_end = False
        self._restart()

    def advance(self, *, growing: bool) -> None:
        """Read what has been written since the last time.

        Args:
            growing: a last line without an end may still be on its way.

        Raises:
            RecordError: it cannot be read, or counts no steps.
        """
        try:
            with open(self.path, "rb") as file:
                if self._layout is None or self._taken_without_end or not self._is_as_it_was(file):
                    self._layout = layout_of(self.path)
                    self._restart()
                    if self._layout is None:
                        raise RecordError(f"{self.path}: has no column that counts steps or epochs")
                    self._position = self._layout.start
                    file.seek(0)
                    self._head = file.read(self._position)
                file.seek(self._position)
                rest = b""
                while piece := file.read(_PIECE):
                    data, line_end, rest = (rest + piece).rpartition(b"\n")
                    self._take(data)
                    self._position += len(data) + len(line_end)
                    if len(rest) > _LONGEST_LINE:
                        raise RecordError(f"{self.path}: a line is too long for a table")
                if rest and not growing:
                    self._taken_without_end = True
                    self._take(rest)
                self._tail = self._before_position(file)
        except OSError as error:
            raise RecordError(f"{self.path}: {error.strerror or error}") from error

    @property
    def odd(self) -> int:
        """How many cells are no numbers, in columns that have numbers."""
        return sum(count for name, count in self._odd.items() if name in self._points)

    @property
    def metrics(self) -> dict[str, str]:
        """The metrics' names, and the columns they are in: the one of a table of one metric is named as its file."""
        lone = [name for name in self._points if name.casefold() not in _COUNTERS]
        if len(lone) == 1 and lone[0].casefold() == _LONE_NAME:
            return {self.path.stem: lone[0]}
        return {name: name for name in self._points}

    def points(self, metric: str) -> Points:
        """Return the points of a metric.

        Raises:
            KeyError: there is no such metric.
        """
        return as_points(self._points[self.metrics[metric]])

    @property
    def times(self) -> tuple[float, float] | None:
        """The first and the last time of the rows; None where they have none."""
        return self._times

    def _is_as_it_was(self, file: IO[bytes]) -> bool:
        """Whether what was read is still there: some programs write the whole file anew when a column is added."""
        file.seek(0)
        return file.read(len(self._head)) == self._head and self._before_position(file) == self._tail

    def _before_position(self, file: IO[bytes]) -> bytes:
        begin = max(0, self._position - _TAIL)
        file.seek(begin)
        return file.read(self._position - begin)

    def _restart(self) -> None:
        self._points: dict[str, list[tuple[int, float, float]]] = {}
        self._odd: dict[str, int] = {}
        self._position = 0
        self._step = -1
        self._times: tuple[float, float] | None = None
        self._taken_without_end = False
        self.broken = 0

    def _take(self, data: bytes) -> None:
        layout = self._layout
        assert layout is not None
        text = data.decode("utf-8", "replace")
        rows = _rows(text, layout.separator) if layout.separator else _objects(text)
        for row in rows:
            if row is None:
                self.broken += 1
            elif isinstance(row, dict):
                self._take_object(row, layout)
            elif row:
                self._take_row(row, layout)

    def _take_row(self, row: list[str], layout: Layout) -> None:
        assert isinstance(layout.step, int)
        if len(row) > len(layout.names) or len(row) <= layout.step:
            self.broken += 1
            return
        if row[layout.step].strip() == layout.names[layout.step]:
            return  # the head again, from a program that was started again
        self._count(_number(row[layout.step]))
        when = np.nan if layout.time is None or layout.time >= len(row) else self._note_time(_time(row[layout.time]))
        for place, (name, cell) in enumerate(zip(layout.names, row, strict=False)):
            if place == layout.step or not cell or (place == layout.time and when == when):
                continue
            value = _number(cell)
            if value is not None:
                self._points.setdefault(name, []).append((self._step, when, value))
            elif cell.strip():
                self._odd[name] = self._odd.get(name, 0) + 1

    def _take_object(self, row: dict[str, Any], layout: Layout) -> None:
        self._count(number(row.get(str(layout.step))))
        when = self._note_time(next((time for name in _TIME_NAMES if (time := _time(row.get(name))) is not None), None))
        for name, item in flat(row).items():
            value = number(item)
            if value is not None and name != layout.step:
                self._points.setdefault(name, []).append((self._step, when, value))

    def _count(self, step: float | None) -> None:
        if step is not None and math.isfinite(step) and abs(step) < _INT64:
            self._step = int(step)

    def _note_time(self, when: float | None) -> float:
        if when is None:
            return np.nan
        self._times = (self._times[0] if self._times else when, when)
        return when


def _rows(text: str, separator: str) -> Iterator[list[str] | None]:
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None


def _objects(text: str) -> Iterator[dict[str, Any] | None]:
    for line in text.split("\n"):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            yield row if isinstance(row, dict) else None


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        pass
    try:
        return float(cell.replace(",", "."))  # as some countries write it
    except ValueError:
        return None


def _is_number(cell: str) -> bool:
    return _number(cell) is not None


def _time(value: Any) -> float | None:
    """Return seconds since the epoch from seconds, milliseconds or a date as ISO 8601 writes it; else None."""
    seconds = _number(value) if isinstance(value, str) else number(value)
    if seconds is not None:
        seconds = seconds / 1000 if seconds > _LATEST else seconds
        return seconds if _EARLIEST < seconds < _LATEST else None
    with suppress(ValueError, TypeError, OverflowError, OSError):
        return datetime.fromisoformat(value.strip() if isinstance(value, str) else value).timestamp()
    return None

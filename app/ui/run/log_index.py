"""Where the lines of a log begin and which level each has, so that any of a million can be read by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
DEBUG, INFO, WARNING, ERROR = range(4)
_CODES = {b"DEBUG": DEBUG, b"INFO": INFO, b"WARNING": WARNING, b"ERROR": ERROR, b"CRITICAL": ERROR}
#: The beginning of an entry as app.records.log writes it.
_ENTRY = re.compile(
    rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.]\d{3} - \S[^\n]*? - (DEBUG|INFO|WARNING|ERROR|CRITICAL) - [^\n]*? - ",
    re.MULTILINE,
)
_PORTION, _SEARCHED = 4 << 20, 1 << 20
#: What a row shows of a line at most (bytes).
_SHOWN = 8192

Offsets = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that were added to a log.

    Attributes:
        ends: the offset behind each line, its newline included.
        levels: the level of the entry that each belongs to, an index of ``LEVELS``.
        starts: whether each begins an entry.
        restarted: the file is another one, or was cut: what was known of it is void.
    """

    ends: Offsets
    levels: Codes
    starts: npt.NDArray[np.bool_]
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line as its row shows it; of a continuation only ``message`` is filled."""

    time: str
    component: str
    message: str


def read_lines(path: Path, position: int, level: int = INFO) -> Lines | None:
    """Return the complete lines after a position, None when there are none; not more than some MB at once.

    Args:
        path: the log.
        position: where the first of them begins.
        level: of the entry before, which continuations belong to.
    """
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            if size < position:
                return Lines(np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.bool_), restarted=True)
            file.seek(position)
            data = file.read(_PORTION)
            while (complete := data.rfind(b"\n") + 1) == 0 and (more := file.read(_PORTION)):
                data += more
    except OSError:
        return None
    if not complete:
        return None
    data = data[:complete]
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")).astype(np.int64) + 1
    begins = np.concatenate(([0], ends[:-1]))
    found = [(match.start(), _CODES[match[1]]) for match in _ENTRY.finditer(data)]
    starts = np.zeros(len(ends), np.bool_)
    starts[np.searchsorted(begins, np.array([start for start, _ in found], np.int64))] = True
    # A continuation has the level of the last entry above it.
    known = np.array([level, *(code for _, code in found)], np.uint8)
    return Lines(ends + position, known[np.cumsum(starts)], starts)


def find_lines(path: Path, text: str, ends: Offsets, first: int, is_cancelled: Callable[[], bool]) -> Offsets:
    """Return the numbers of the lines that hold a text; upper and lower case of ASCII letters are the same.

    Args:
        path: the log.
        text: what is looked for, not "".
        ends: the offset behind each line of the log.
        first: the number of the first line to look at.
        is_cancelled: called now and then; True ends it with what was found.
    """
    wanted = text.encode().lower()
    begin = int(ends[first - 1]) if first else 0
    end = int(ends[-1]) if len(ends) else 0
    found = [np.empty(0, np.int64)]
    with open(path, "rb") as file:
        while begin < end and not is_cancelled():
            file.seek(begin)
            # lower() and find() hold the interpreter, so the portions are small.
            data = file.read(min(_SEARCHED, end - begin)).lower()
            if not data:
                break
            # A text does not go beyond its line, so portions are cut between lines.
            cut = data.rfind(b"\n") + 1 or len(data)
            offsets = []
            place = data.find(wanted, 0, cut)
            while place >= 0:
                offsets.append(begin + place)
                line_end = data.find(b"\n", place, cut)
                place = data.find(wanted, line_end, cut) if line_end >= 0 else -1
            found.append(np.searchsorted(ends, np.array(offsets, np.int64), side="right").astype(np.int64))
            begin += cut
    return np.unique(np.concatenate(found))


def parse_line(data: bytes, *, starts_entry: bool) -> Line:
    """Return what a row shows of a line."""
    text = data[:_SHOWN].decode("utf-8", "replace").rstrip("\r\n").replace("\t", "    ")
    if not starts_entry:
        return Line("", "", text)
    when, _program, _level, component, message = text.split(" - ", 4) if text.count(" - ") > 3 else [text, *[""] * 4]
    return Line(when, component, message)

"""The rows of a log: offsets in memory, lines read when they are looked at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from app.ui.background import Work, run_in_background
from app.ui.run.log_index import (
    DEBUG,
    INFO,
    LEVELS,
    Line,
    Lines,
    Offsets,
    find_lines,
    parse_line,
    read_lines,
)

Index = QModelIndex | QPersistentModelIndex
TIME, LEVEL, COMPONENT, MESSAGE = range(4)
LevelRole = Qt.ItemDataRole.UserRole
#: As many lines as some screens show are kept decoded.
_KEPT = 1000


class LogModel(QAbstractTableModel):
    """The lines of one log from a level up. ``grown`` follows new lines, ``found`` a change of the hits.

    ``read`` is emitted when all that there is has been read. ``longest`` is the length of the longest line (bytes).
    """

    grown = Signal()
    found = Signal()
    read = Signal()

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._forget()
        self.level = DEBUG
        self.query = ""
        self._search: Work[Offsets] | None = None
        self._is_reading = self._is_again = False

    def _forget(self) -> None:
        self._ends = np.empty(0, np.int64)
        self._levels = np.empty(0, np.uint8)
        self._starts = np.empty(0, np.bool_)
        self._rows = np.empty(0, np.int64)
        self._hits = np.empty(0, np.int64)
        self._hit_rows: Offsets | None = None
        self._searched = 0
        self.longest = 0
        self._cache: dict[int, Line] = {}

    # Reading

    def look(self) -> None:
        """Read what is new, in the background."""
        if self._is_reading:
            self._is_again = True
            return
        self._is_reading, self._is_again = True, False
        position = int(self._ends[-1]) if len(self._ends) else 0
        level = int(self._levels[-1]) if len(self._levels) else INFO
        run_in_background(self, lambda _work: read_lines(self._path, position, level), self._take)

    def _take(self, lines: Lines | None) -> None:
        self._is_reading = False
        if lines is None:
            if self._is_again:
                self.look()
            else:
                self.read.emit()
            return
        if lines.restarted:
            self.beginResetModel()
            self._forget()
            self.endResetModel()
        elif len(lines.ends):
            self._append(lines)
        self.look()  # there may be more than one portion

    def _append(self, lines: Lines) -> None:
        count = len(self._ends)
        new = np.flatnonzero(lines.levels >= self.level) + count
        begin = self._ends[-1] if count else 0
        self.longest = max(self.longest, int(np.diff(lines.ends, prepend=begin).max()))
        self._ends = np.concatenate((self._ends, lines.ends))
        self._levels = np.concatenate((self._levels, lines.levels))
        self._starts = np.concatenate((self._starts, lines.starts))
        if len(new):
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(new) - 1)
            self._rows = np.concatenate((self._rows, new))
            self.endInsertRows()
        self._continue_search()
        self.grown.emit()

    def line(self, row: int) -> Line:
        """Return the line of a row, read now if it was not seen lately."""
        number = int(self._rows[row])
        known = self._cache.get(number)
        if known is None:
            if len(self._cache) >= _KEPT:
                self._cache.clear()
            known = parse_line(self._bytes(number, number), starts_entry=bool(self._starts[number]))
            self._cache[number] = known
        return known

    def _bytes(self, first: int, last: int) -> bytes:
        """Return the lines from one number to another, both included."""
        begin = int(self._ends[first - 1]) if first else 0
        try:
            with open(self._path, "rb") as file:
                file.seek(begin)
                return file.read(int(self._ends[last]) - begin)
        except OSError:
            return b""

    # What is shown

    @property
    def lines(self) -> int:
        """How many lines the log has, of every level."""
        return len(self._ends)

    def entries(self, level: int) -> int:
        """Return how many entries have exactly this level."""
        return int(np.count_nonzero(self._starts & (self._levels == level)))

    def show_from(self, level: int) -> None:
        """Show the entries from a level up."""
        self.beginResetModel()
        self.level = level
        self._rows = np.flatnonzero(self._levels >= level)
        self._hit_rows = None
        self.endResetModel()
        self.found.emit()

    def text(self, rows: Iterable[int]) -> str:
        """Return lines as they stand in the file."""
        numbers = self._rows[np.fromiter(rows, np.intp)]
        # Lines that follow each other are read in one piece: all of a long log are selected with one key.
        pieces = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
        read = (self._bytes(int(piece[0]), int(piece[-1])) for piece in pieces if len(piece))
        return b"".join(read).decode("utf-8", "replace").rstrip("\n")

    def last_row(self, level: int) -> int | None:
        """Return the first row of the last entry of a level, None where there is none."""
        rows = np.flatnonzero((self._levels[self._rows] == level) & self._starts[self._rows])
        return int(rows[-1]) if len(rows) else None

    # Search

    def search(self, text: str) -> None:
        """Find a text in the whole log, also in what is still to come; "" ends it."""
        if self._search is not None:
            self._search.cancel()
            self._search = None
        self.query = text
        self._hits = np.empty(0, np.int64)
        self._hit_rows = None
        self._searched = 0
        self.found.emit()
        self._continue_search()

    def _continue_search(self) -> None:
        ends, first, query = self._ends, self._searched, self.query
        if not query or self._search is not None or first >= len(ends):
            return

        def work(work: Work[Offsets]) -> Offsets:
            return find_lines(self._path, query, ends, first, lambda: work.is_cancelled)

        def done(new: Offsets) -> None:
            self._search = None
            self._searched = len(ends)
            self._hits = np.concatenate((self._hits, new))
            self._hit_rows = None
            self.found.emit()
            self._continue_search()

        self._search = run_in_background(self, work, done, failed=lambda _error: None)

    def hits(self) -> Offsets:
        """Return the rows that hold what is looked for, from the top down."""
        if self._hit_rows is None:
            self._hit_rows = self._find_hit_rows()
        return self._hit_rows

    def _find_hit_rows(self) -> Offsets:
        places = np.searchsorted(self._rows, self._hits)
        inside = places < len(self._rows)
        places, wanted = places[inside], self._hits[inside]
        found: Offsets = places[self._rows[places] == wanted]
        return found

    # Qt

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        """Return how many lines are shown."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return four: time, level, component, message."""
        return 0 if parent.isValid() else 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the name of a column."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return (self.tr("Time"), self.tr("Level"), self.tr("Component"), self.tr("Message"))[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows; ``LevelRole`` is the level's index."""
        number = int(self._rows[index.row()])
        if role == LevelRole:
            return int(self._levels[number])
        if role == Qt.ItemDataRole.ToolTipRole and index.column() == TIME:
            return self.line(index.row()).time
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if index.column() == LEVEL:
            return LEVELS[self._levels[number]] if self._starts[number] else ""
        line = self.line(index.row())
        # The date is in the tooltip: nearly all entries of a log are of one day.
        return (line.time[11:].replace(",", "."), "", line.component, line.message)[index.column()]

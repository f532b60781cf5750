"""Series of points in .npy files that grow in place: any NumPy opens them, at any moment.

Format: NumPy's .npy version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) of the
structured dtype below. The header has a fixed width, so that the count in it can be rewritten; the rows follow. The
count runs at most a second behind: our own readers take the number of rows from the size of the file.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections import OrderedDict
from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from app.messages import BATCH_PREFIX
from app.records.files import (
    MissingFileError,
    RecordError,
    errors_name,
    read_bytes,
    read_json,
    replace_file,
    sync_file,
    to_json,
)
from app.records.names import PathNames, stays_inside

POINT_DTYPE = np.dtype([("step", "<i8"), ("time", "<f8"), ("value", "<f8")])
Points = npt.NDArray[np.void]

NAMES_FILE = "names.json"
#: So many rows become an array at once: who waits for Python meanwhile, such as a window, hardly notices.
_PIECE_ROWS = 8192
_HEADER_SIZE = 128
_MAGIC = b"\x93NUMPY\x01\x00"
_MAX_OPEN_FILES = 64
#: A series of more than 44 million points is read by nobody at once.
_MOST_BYTES = 1 << 30


def as_points(rows: Sequence[tuple[int, float, float]]) -> Points:
    """Return (step, time, value) as an array. Other threads get their turn meanwhile, however many there are."""
    points = np.empty(len(rows), POINT_DTYPE)
    for begin in range(0, len(rows), _PIECE_ROWS):
        points[begin : begin + _PIECE_ROWS] = rows[begin : begin + _PIECE_ROWS]
    return points


def _header(count: int) -> bytes:
    text = f"{{'descr': {POINT_DTYPE.descr!r}, 'fortran_order': False, 'shape': ({count:>12},), }}"
    body_size = _HEADER_SIZE - len(_MAGIC) - 2
    return _MAGIC + body_size.to_bytes(2, "little") + text.ljust(body_size - 1).encode("latin-1") + b"\n"


class SeriesFile:
    """One growing series. Rows are never rewritten; a row that was cut by a crash is dropped when it is reopened."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "r+b" if path.exists() else "w+b", buffering=0)  # noqa: SIM115 - held open on purpose
        try:
            rows = max(0, self._file.seek(0, os.SEEK_END) - _HEADER_SIZE)
            self.count = rows // POINT_DTYPE.itemsize
            self._file.seek(0)
            self._header = self._file.read(_HEADER_SIZE)
            self.write_count()
        except BaseException:
            self._file.close()
            raise

    def append(self, rows: bytes) -> None:
        """Add packed rows at the end.

        Raises:
            OSError: they could not all be written; what was written of them is taken back.
        """
        end = _HEADER_SIZE + self.count * POINT_DTYPE.itemsize
        try:
            self._write_at(end, rows)
        except OSError:
            with contextlib.suppress(OSError):  # else they are written over
                self._file.truncate(end)
            raise
        self.count += len(rows) // POINT_DTYPE.itemsize

    def write_count(self) -> None:
        """Bring the count in the header up to date, after the rows that it counts.

        Raises:
            OSError: it could not be written.
        """
        header = _header(self.count)
        if header != self._header:
            self._write_at(0, header)
            self._header = header

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write_at(self, position: int, data: bytes) -> None:
        with errors_name(self._path):
            self._file.seek(position)
            view = memoryview(data)
            while view:
                view = view[self._file.write(view) :]


class SeriesFolder:
    """All series of one run below a folder: a file each, named by the metric; names.json holds the true names.

    At most 64 files are open at a time. Not thread-safe: it belongs to the recorder's own thread. What could not be
    written can be tried again, and is then in the files once.

    Raises:
        RecordError: the folder has a names.json that is not of its form.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, SeriesFile] = OrderedDict()
        self._uncounted: set[str] = set()
        self._unsynced: set[str] = set()
        self._names = PathNames()
        self._entries: dict[str, dict[str, Any]] = {}
        self._entries_written = True
        if (folder / NAMES_FILE).exists():
            self._entries = read_names(folder)
            for path, entry in self._entries.items():
                if entry.get("kind") == "scalar":
                    name = entry["name"].removeprefix(BATCH_PREFIX)
                    self._names.take(name, path.removeprefix(BATCH_PREFIX).removesuffix(".npy"))

    def declare(self, names: Iterable[str], running: Container[str] = frozenset()) -> None:
        """Enter metrics in names.json, which tells of a file before the file is there.

        Args:
            names: the metrics' own names; those that are known already cost nothing.
            running: those of them whose values are running ones (means since the epoch began), not a batch's own.

        Raises:
            OSError: names.json could not be written.
        """
        for name in names:
            path = self._path(name)
            if path not in self._entries:
                marks = {"running": True} if name in running else {}
                self._entries[path] = {"name": name, "kind": "scalar", **marks}
                self._entries_written = False
        if not self._entries_written:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(self.folder / NAMES_FILE, to_json(self._entries))
            self._entries_written = True

    def append(self, name: str, rows: bytes) -> None:
        """Add points to the series of a metric that was declared.

        Args:
            name: the metric's own name.
            rows: points as :data:`app.messages.POINT` packs them.

        Raises:
            OSError: they could not be written; none of them is in the file then.
        """
        path = self._path(name)
        self._file(path).append(rows)
        self._uncounted.add(path)
        self._unsynced.add(path)

    def write_counts(self, *, sync: bool = False) -> None:
        """Bring the count in every changed file's header up to date.

        Args:
            sync: also wait until everything that was appended is on the disk.

        Raises:
            OSError: some count could not be written; the others are.
        """
        failure: OSError | None = None
        for path in list(self._uncounted):
            try:
                self._file(path).write_count()
            except OSError as error:
                failure = failure or error
            else:
                self._uncounted.discard(path)
        if failure is not None:
            raise failure
        if sync:
            for path in list(self._unsynced):
                sync_file(self.folder / path)
                self._unsynced.discard(path)

    def close(self) -> None:
        """Write all counts and close all files.

        Raises:
            OSError: some count could not be written; the files are closed all the same.
        """
        try:
            self.write_counts()
        finally:
            while self._open:
                self._open.popitem()[1].close()

    def _path(self, name: str) -> str:
        prefix = BATCH_PREFIX if name.startswith(BATCH_PREFIX) else ""
        return prefix + self._names.path(name.removeprefix(prefix)) + ".npy"

    def _file(self, path: str) -> SeriesFile:
        file = self._open.get(path)
        if file is None:
            if len(self._open) >= _MAX_OPEN_FILES:
                oldest, idle = next(iter(self._open.items()))
                idle.write_count()
                idle.close()
                del self._open[oldest]
                self._uncounted.discard(oldest)
            file = self._open[path] = SeriesFile(self.folder / path)
        self._open.move_to_end(path)
        return file


def read_names(folder: Path) -> dict[str, dict[str, Any]]:
    """Return names.json of a series folder: relative path -> {"name", "kind", "running"?}.

    Raises:
        MissingFileError: it is not there.
        RecordError: it is not of that form.
    """
    value = read_json(folder / NAMES_FILE)
    if not isinstance(value, dict) or not all(
        isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in value.values()
    ):
        raise RecordError(f"{folder / NAMES_FILE}: expected an object of file -> {{name, kind}}")
    return value


def series_data_start(file: BinaryIO, path: Path | str) -> int:
    """Return where the rows of an open series begin, reading its header; one that was cut in its header has no rows.

    Raises:
        RecordError: it is no series; ``path`` names it.
    """
    file.seek(0)
    start = file.read(len(_MAGIC) + 2)
    if not _MAGIC.startswith(start[:6]):
        raise RecordError(f"{path}: not an .npy file")
    if len(start) < len(_MAGIC) + 2:
        return _HEADER_SIZE
    size = int.from_bytes(start[-2:], "little")
    header = file.read(size)
    if len(header) == size and repr(POINT_DTYPE.descr).encode() not in header:
        raise RecordError(f"{path}: its rows are no points of (step, time, value)")
    return len(start) + size


def read_series(path: Path) -> Points:
    """Return all whole points of a series as a structured array (step, time, value), also while it grows.

    Raises:
        MissingFileError: the file is not there.
        RecordError: it cannot be read or is no series.
    """
    data = read_bytes(path, _MOST_BYTES)
    start = series_data_start(io.BytesIO(data), path)
    count = max(0, len(data) - start) // POINT_DTYPE.itemsize
    return np.frombuffer(data, POINT_DTYPE, count=count, offset=start) if count else np.empty(0, POINT_DTYPE)


def series_files(folder: Path) -> dict[str, Path]:
    """Return the file of every scalar series below a folder by the metric's true name; {} when there is none.

    A name is in names.json before its file is there.

    Raises:
        RecordError: names.json is not of its form.
    """
    try:
        names = read_names(folder)
    except MissingFileError:
        return {}
    return {
        entry["name"]: folder / path
        for path, entry in names.items()
        if entry.get("kind") == "scalar" and stays_inside(path)
    }

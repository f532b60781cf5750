"""Series of points in .npy files that grow in place: any NumPy opens them, at any moment.

Format: NumPy's .npy version 1.0 (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html) of the
structured dtype below. The header has a fixed width, so that the count in it can be rewritten; the rows follow. The
count runs at most a second behind: our own readers take the number of rows from the size of the file.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from app.messages import BATCH_PREFIX
from app.records.files import RecordError, read_json, replace_file, to_json
from app.records.names import PathNames

POINT_DTYPE = np.dtype([("step", "<i8"), ("time", "<f8"), ("value", "<f8")])
Points = npt.NDArray[np.void]

NAMES_FILE = "names.json"
_HEADER_SIZE = 128
_MAGIC = b"\x93NUMPY\x01\x00"
_MAX_OPEN_FILES = 64


def _header(count: int) -> bytes:
    text = f"{{'descr': {POINT_DTYPE.descr!r}, 'fortran_order': False, 'shape': ({count:>12},), }}"
    body_size = _HEADER_SIZE - len(_MAGIC) - 2
    return _MAGIC + body_size.to_bytes(2, "little") + text.ljust(body_size - 1).encode("latin-1") + b"\n"


class SeriesFile:
    """One growing series. Rows are never rewritten; a row that was cut by a crash is dropped when it is reopened."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "r+b" if path.exists() else "w+b", buffering=0)  # noqa: SIM115 - held open on purpose
        size = self._file.seek(0, os.SEEK_END)
        if size < _HEADER_SIZE:
            self._write_at(0, _header(0))
            size = _HEADER_SIZE
        self.count = (size - _HEADER_SIZE) // POINT_DTYPE.itemsize
        self._counted = -1

    def append(self, rows: bytes) -> None:
        """Add packed rows at the end.

        Raises:
            OSError: they could not all be written; what was written of them is taken back.
        """
        end = _HEADER_SIZE + self.count * POINT_DTYPE.itemsize
        try:
            self._write_at(end, rows)
        except OSError:
            self._file.truncate(end)
            raise
        self.count += len(rows) // POINT_DTYPE.itemsize

    def write_count(self, *, sync: bool = False) -> None:
        """Bring the count in the header up to date, after the rows that it counts."""
        if self._counted != self.count:
            self._write_at(0, _header(self.count))
            self._counted = self.count
        if sync:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Write the count and close the file."""
        try:
            self.write_count()
        finally:
            self._file.close()

    def _write_at(self, position: int, data: bytes) -> None:
        self._file.seek(position)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


class SeriesFolder:
    """All series of one run below a folder: a file each, named by the metric; names.json holds the true names.

    At most 64 files are open at a time. Not thread-safe: it belongs to the recorder's own thread.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: OrderedDict[str, SeriesFile] = OrderedDict()
        self._uncounted: set[str] = set()
        self._names = PathNames()
        self._kinds: dict[str, dict[str, Any]] = {}
        if (folder / NAMES_FILE).exists():
            for path, entry in read_names(folder).items():
                self._kinds[path] = entry
                name = entry["name"].removeprefix(BATCH_PREFIX)
                self._names.take(name, path.removeprefix(BATCH_PREFIX).removesuffix(".npy"))

    def append(self, name: str, rows: bytes, *, running: bool = False) -> None:
        """Add packed points to the series of a metric.

        Args:
            name: the metric's own name.
            rows: points as :data:`app.messages.POINT` packs them.
            running: the values are running ones (means since the epoch began), not a batch's own.

        Raises:
            OSError: they could not be written; none of them is in the file then.
        """
        prefix = BATCH_PREFIX if name.startswith(BATCH_PREFIX) else ""
        name = name.removeprefix(prefix)
        path = prefix + self._names.path(name) + ".npy"
        if path not in self._kinds:
            self._kinds[path] = {"name": prefix + name, "kind": "scalar", **({"running": True} if running else {})}
            self._write_names()
        self._file(path).append(rows)
        self._uncounted.add(path)

    def write_counts(self, *, sync: bool = False) -> None:
        """Bring the count in every changed file's header up to date."""
        for path in list(self._uncounted):
            if path in self._open:  # a file that was closed in between has its count already
                self._open[path].write_count(sync=sync)
            self._uncounted.discard(path)

    def close(self) -> None:
        """Write all counts and close all files."""
        while self._open:
            self._open.popitem()[1].close()

    def _file(self, path: str) -> SeriesFile:
        file = self._open.get(path)
        if file is None:
            while len(self._open) >= _MAX_OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            file = self._open[path] = SeriesFile(self.folder / path)
        else:
            self._open.move_to_end(path)
        return file

    def _write_names(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        replace_file(self.folder / NAMES_FILE, to_json(self._kinds))


def read_names(folder: Path) -> dict[str, dict[str, Any]]:
    """Return names.json of a series folder: relative path -> {"name", "kind", "running"?}.

    Raises:
        RecordError: it is missing or not of that form.
    """
    value = read_json(folder / NAMES_FILE)
    if not isinstance(value, dict) or not all(
        isinstance(entry, dict) and isinstance(entry.get("name"), str) for entry in value.values()
    ):
        raise RecordError(f"{folder / NAMES_FILE}: expected an object of file -> {{name, kind}}")
    return value


def series_data_start(file: BinaryIO, path: Path | str) -> int:
    """Return where the rows of an open series begin, reading its header.

    Raises:
        RecordError: it is no series; ``path`` names it.
    """
    file.seek(0)
    start = file.read(len(_MAGIC) + 2)
    if len(start) < len(_MAGIC) + 2 or not start.startswith(_MAGIC[:6]):
        raise RecordError(f"{path}: not an .npy file")
    size = int.from_bytes(start[-2:], "little")
    if repr(POINT_DTYPE.descr).encode() not in file.read(size):
        raise RecordError(f"{path}: its rows are no points of (step, time, value)")
    return len(start) + size


def read_series(path: Path) -> Points:
    """Return all whole points of a series as a structured array (step, time, value), also while it grows.

    Raises:
        RecordError: the file is missing or is no series.
    """
    try:
        with open(path, "rb") as file:
            file.seek(series_data_start(file, path))
            data = file.read()
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    return np.frombuffer(data, POINT_DTYPE, count=len(data) // POINT_DTYPE.itemsize)


def series_files(folder: Path) -> dict[str, Path]:
    """Return the file of every scalar series below a folder by the metric's true name; {} when there is none.

    A name is in names.json before its file is there.

    Raises:
        RecordError: names.json is not of its form.
    """
    if not (folder / NAMES_FILE).exists():
        return {}
    found: dict[str, Path] = {}
    root = folder.resolve()
    for relative, entry in read_names(folder).items():
        path = folder / relative
        # names.json of a foreign folder must not lead out of it.
        if entry.get("kind") == "scalar" and path.resolve().is_relative_to(root):
            found[entry["name"]] = path
    return found
